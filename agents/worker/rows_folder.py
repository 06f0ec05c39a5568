"""The folders that stores of rows stand in, one a partition's number: made, locked, and opened by who may.

Who holds a folder is told by a lock on a file in it, which ends with the process, whatever ends that. One that is held
or of no use is left behind: the next number is made.
"""

import asyncio
import fcntl
import importlib
import logging
import os
import re
import shutil
from pathlib import Path
from time import monotonic
from typing import Final

from agents.errors import UserError
from agents.worker.rows_on_disk import RowsOnDisk, StoreUnfitError

log = logging.getLogger("dueclock.worker")

_NUMBER: Final = re.compile("0|[1-9][0-9]{0,17}")

LOCKED_S: Final = 5.0
"""How long who is to let go of a partition may take, before its store is taken from it."""


def require_store() -> None:
    """UserError (status 2) where the library is not installed."""
    try:
        importlib.import_module("rocksdict")
    except ImportError:
        raise UserError(
            "`rows_folder` needs the package rocksdict; `pip install 'dueclock[disk]'` installs it.", 2
        ) from None


async def open_store(folder: str, topic: str, partition: int) -> RowsOnDisk:
    """The newest store of a partition, or an empty one. UserError where the folder cannot be written."""
    home = Path(folder) / topic / str(partition)
    until_s = monotonic() + LOCKED_S
    while (newest := _newest(home)) is not None:
        lock = _locked(home / str(newest))
        if lock is None and monotonic() < until_s:
            await asyncio.sleep(0.1)
            continue
        if newest != _newest(home):  # made anew meanwhile
            if lock is not None:
                os.close(lock)
            continue
        if lock is None:
            log.warning("partition %d: %s is still held by who kept it before: made anew", partition, home)
            break
        try:
            return RowsOnDisk(home / str(newest), lock, partition)
        except StoreUnfitError as error:
            os.close(lock)
            log.warning("partition %d: the store %s %s; made anew", partition, home, error)
            break
    return anew(folder, topic, partition)


def anew(folder: str, topic: str, partition: int) -> RowsOnDisk:
    """An empty store; those before it are taken away. UserError where the folder cannot be written."""
    home = Path(folder) / topic / str(partition)
    newest = _newest(home)
    place = home / str(0 if newest is None else newest + 1)
    try:
        for part in (Path(folder), Path(folder) / topic, home, place):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(place)
        for old in home.iterdir():
            if old != place:
                shutil.rmtree(old, ignore_errors=True)
        if lock is None:
            raise OSError(f"{place} is held by another process")
        return RowsOnDisk(place, lock, partition)
    except (OSError, StoreUnfitError) as error:
        raise UserError(
            f"No rows can be kept in {home} ({error}); give a `rows_folder` with room that this user can write.", 2
        ) from None


def _newest(home: Path) -> int | None:
    try:
        return max((int(place.name) for place in home.iterdir() if _NUMBER.fullmatch(place.name)), default=None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"Cannot read {home} ({error.strerror}); give a `rows_folder` of this user.", 2) from None


def _locked(place: Path) -> int | None:
    """The lock of a store's folder, held until it is closed or the process ends; None where another holds it."""
    try:
        lock = os.open(place / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"Cannot open {place} ({error.strerror}); give a `rows_folder` of this user.", 2) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
