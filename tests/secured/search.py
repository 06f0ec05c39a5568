"""The search for secrets: in files, in command lines and environments; whose a folder is; what leaves a core."""

from __future__ import annotations

import base64
import contextlib
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil


class Leak(NamedTuple):
    """Where a secret was found, and whose."""

    where: str
    user: str


def spellings(secret: str) -> list[bytes]:
    """A secret as it is, and as a log or a form might hold it."""
    raw = secret.encode()
    return [raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode()]


def in_files(folder: Path, secrets: dict[str, str], *, but: Iterable[Path] = ()) -> Iterator[Leak]:
    """Secrets in files below a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and not any(file.is_relative_to(one) for one in but):
            content = file.read_bytes().rstrip(b"\0")  # Kafka's indexes are mostly room
            yield from (Leak(str(file), user) for user, secret in secrets.items() if _holds(content, secret))


def in_processes(secrets: dict[str, str]) -> Iterator[Leak]:
    """Secrets in the command line or the environment of a process of this machine, as far as we may look."""
    for process in Path("/proc").glob("*"):  # nothing where a system has none
        if not re.fullmatch(r"\d+", process.name):
            continue
        for kind in ("cmdline", "environ"):
            try:
                content = (process / kind).read_bytes()
            except OSError:
                continue  # it has ended, or is another user's
            yield from (Leak(f"{process}/{kind}", user) for user, secret in secrets.items() if _holds(content, secret))


def _holds(content: bytes, secret: str) -> bool:
    return any(spelling in content for spelling in spellings(secret))


def secrets_of(folder: Path) -> dict[str, str]:
    """The passwords in a folder of secrets, by user, and the private key of the broker."""
    found = {file.stem: file.read_text().strip() for file in folder.glob("*.password")}
    key = re.search(r"PRIVATE KEY-----\\n(\w{40,})", (folder / "broker.properties").read_text().replace("\\\\n", "\\n"))
    assert key is not None
    return {**found, "the broker's key": key[1]}


def modes_are_right(folder: Path) -> None:
    """The folder is ours alone, and each file in it."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def leaves_no_core(pid: int) -> None:
    """The process, and all that it has started."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended leaves none either
            assert one.rlimit(psutil.RLIMIT_CORE) == (0, 0), one
