"""`dueclock replay`: a file of notifications in, SLA events as JSON lines out (contract §7).

Reads and writes only; what comes out is decided by `streams.replay`. Bytes in, bytes out: no locale, no time zone, no
clock touches them. Events go out in order, dead letters to standard error or to their file. A policy file or a `toml`
line that does not load ends the run with status 2; what was said before it stands.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from typing import BinaryIO

from agents.errors import UserError
from agents.files import opened
from agents.zones import machine_zones
from schemas.dead_letters import Rejected, dead_letter_line
from schemas.policy_types import PolicyError
from streams.replay import Replay

_BUFFER_BYTES = 1 << 18
_LINES_BETWEEN_LOOKS = 4096

ReadSoFar = Callable[[int, int], None]
"""Told now and then: lines read, bytes read."""


def replay_file(file: str, *, policies: str | None, until_ms: int | None, dead_letters: str | None) -> None:
    """Replay a file (`-`: standard input) to standard output. `UserError` for what a person can mend."""
    with ExitStack() as stack:
        lines = stack.enter_context(_input(file))
        letters = stack.enter_context(_letters(dead_letters))
        out = stack.enter_context(_standard_output())
        tell = stack.enter_context(_progress(lines))
        try:
            _replayed(lines, out, letters, policies, until_ms, tell)
        except PolicyError as error:
            raise UserError(str(error), 2) from None


def _replayed(
    lines: BinaryIO, out: BinaryIO, letters: BinaryIO, policies: str | None, until_ms: int | None, tell: ReadSoFar
) -> None:
    def write_letter(number: int, original: bytes, why: Rejected) -> None:
        letters.write(dead_letter_line(why, number=number, original=original) + b"\n")

    replay = Replay(policies, write_letter, machine_zones)
    size = 0
    for number, raw in enumerate(lines, 1):
        size += len(raw)
        try:
            events = replay.feed(raw)
        except PolicyError as error:
            raise UserError(f"Line {number}: {error}", 2) from None
        for event in events:
            out.write(event.value)
            out.write(b"\n")
        if not number % _LINES_BETWEEN_LOOKS:
            tell(number, size)
    for event in replay.close(until_ms):
        out.write(event.value)
        out.write(b"\n")


def _input(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == "-" else opened(file, "rb", "FILE", buffer_bytes=_BUFFER_BYTES)


def _letters(file: str | None) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stderr.buffer) if file is None else opened(file, "wb", "--dead-letters")


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Standard output with a large buffer of its own, flushed whatever ends the run."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=_BUFFER_BYTES)
    try:
        yield out
    except UserError:
        out.close()  # what was said before it stands
        raise
    except BaseException:
        with suppress(OSError):
            out.close()
        raise
    else:
        out.close()


@contextmanager
def _progress(lines: BinaryIO) -> Iterator[ReadSoFar]:
    """A bar on standard error, where a person watches it and the events go elsewhere."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    total = os.fstat(lines.fileno()).st_size or None
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replaying", total=total)
        yield lambda number, size: progress.update(task, completed=size, description=f"{number:,} lines")
