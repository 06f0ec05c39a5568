"""`dueclock replay`: a file of notifications in, SLA events as JSON lines out (contract §7).

Reads and writes only; what comes out is decided by `streams.replay`. Bytes in, bytes out: no locale, no time zone, no
clock touches them. Events go out in order, dead letters to standard error or to their file. A policy file or a `toml`
line that does not load ends the run with status 2; what was said before it stands. Of several files each is a
partition of its own; they are replayed side by side, and what each says goes out in the order in which they are named.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO

from agents.errors import UserError
from agents.files import opened
from agents.memory import look_for_cycles_rarely
from agents.parallel import Tell, cores, side_by_side
from agents.terminal import telling
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


def replay_files(files: Sequence[str], *, policies: str | None, until_ms: int | None, dead_letters: str | None) -> None:
    """Replay several files, each as `replay_file` would, to standard output in their order."""
    if "-" in files:
        raise UserError("Standard input (-) is replayed alone; name files only, or - only.", 2)
    sizes = []
    for file in files:
        with opened(file, "rb", "FILE") as lines:
            sizes.append(os.fstat(lines.fileno()).st_size)
    with ExitStack() as stack:
        letters = stack.enter_context(_letters(dead_letters))
        out = stack.enter_context(_standard_output())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="dueclock-replay-")))
        tell = stack.enter_context(_progress_of(sizes))
        asked = [(file, folder, place, policies, until_ms) for place, file in enumerate(files)]
        for place, sentence in enumerate(asyncio.run(side_by_side(_replay_one, asked, tell, processes=cores()))):
            for name, target in (("events", out), ("letters", letters)):
                with (folder / f"{place}.{name}").open("rb") as written:
                    copyfileobj(written, target, _BUFFER_BYTES)
            if sentence:
                raise UserError(f"{files[place]}: {sentence}", 2)


async def _replay_one(
    file: str, folder: Path, place: int, policies: str | None, until_ms: int | None, tell: Tell
) -> str:
    """Replay one file into two of this folder; the sentence that ended it, or nothing."""
    with (
        opened(file, "rb", "FILE", buffer_bytes=_BUFFER_BYTES) as lines,
        (folder / f"{place}.events").open("wb", _BUFFER_BYTES) as out,
        (folder / f"{place}.letters").open("wb") as letters,
    ):
        try:
            _replayed(lines, out, letters, policies, until_ms, lambda _, size: tell(place, size))
        except UserError as error:
            return error.sentence
        except PolicyError as error:
            return str(error)
    return ""


def _replayed(
    lines: BinaryIO, out: BinaryIO, letters: BinaryIO, policies: str | None, until_ms: int | None, tell: ReadSoFar
) -> None:
    def write_letter(number: int, original: bytes, why: Rejected) -> None:
        letters.write(dead_letter_line(why, number=number, original=original) + b"\n")

    look_for_cycles_rarely()
    replay = Replay(policies, write_letter, machine_zones)
    size = 0

    def weighed() -> Iterator[bytes]:
        nonlocal size
        for raw in lines:
            size += len(raw)
            yield raw

    try:
        for number, events in enumerate(replay.feed_all(weighed()), 1):
            for event in events:
                out.write(event.value)
                out.write(b"\n")
            if not number % _LINES_BETWEEN_LOOKS:
                tell(number, size)
    except PolicyError as error:
        raise UserError(f"Line {replay.line_number}: {error}", 2) from None
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
def _progress_of(sizes: Sequence[int]) -> Iterator[Tell]:
    """A bar for all files together: of how many bytes of each is told."""
    read = [0] * len(sizes)
    with telling("replaying", is_shown=not sys.stdout.isatty()) as tell:

        def told(place: int, size: int) -> None:
            read[place] = size
            tell(f"{sum(read) * 100 // max(sum(sizes), 1)} % of {len(sizes)} files")

        yield told


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
