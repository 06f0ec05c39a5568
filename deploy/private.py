"""Folders, files and memory for their owner alone: they hold the original bytes of notifications, or secrets.

A folder that is a symbolic link, or another user's, is not used: in a shared place someone else may have put it there.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER_MODE = 0o700
_UMASK = 0o077


class ForeignFolderError(Exception):
    """A folder that may be someone else's; a sentence that says what to do."""


def check_own(folder: Path) -> None:
    """ForeignFolderError where there is something by this name that is not our own folder."""
    if folder.is_symlink():
        raise ForeignFolderError(
            f"{folder} is a symbolic link, and where it leads may be another's: name the folder itself (--state-dir)."
        )
    if folder.exists() and (owner := folder.stat().st_uid) != os.geteuid():
        raise ForeignFolderError(f"{folder} belongs to another user ({owner}): choose another folder (--state-dir).")


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for us alone; one that is there becomes so."""
    check_own(folder)
    with private_files():
        folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_FOLDER_MODE)


@contextmanager
def private_files() -> Iterator[None]:
    """What this process and its children make meanwhile can be read by their owner alone. Of the whole process."""
    before = os.umask(_UMASK)
    try:
        yield
    finally:
        os.umask(before)


def leave_no_core() -> None:
    """Let this process and those that it starts leave nothing of their memory on a disk when they crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
