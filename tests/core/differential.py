"""The product against the oracle: the same history through `streams.replay` and through `tests.oracle.reference`.

Promises: `differences` is empty if and only if both say the same events, byte for byte, and the same dead letters (line
and reason), and end at the same line where policies are refused. `minimised` leaves out every line that a disagreement
does not need. `python -m tests.core.differential --count 5000 --report FILE` tells thousands of seeded histories.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from schemas.dead_letters import Rejected
from schemas.policies import shipped_policies
from schemas.policy_types import PolicyError
from tests.core.histories import replay_of
from tests.oracle.agreed import PolicyRefused
from tests.oracle.histories import Case, random_case
from tests.oracle.reference import Reference

REFUSED = b"(the policies of this line are refused)"


class Heard(NamedTuple):
    """What came of a history: events, and dead letters as (line, reason)."""

    events: list[bytes]
    dead_letters: list[tuple[int, str]]


def replayed(lines: Sequence[bytes], policies: str | None, until_ms: int | None = None) -> Heard:
    """What the product says."""
    heard = Heard([], [])

    def on_dead_letter(line: int, raw: bytes, rejected: Rejected) -> None:
        heard.dead_letters.append((line, rejected.reason))

    replay = replay_of(policies, on_dead_letter)
    try:
        for line in lines:
            heard.events.extend(event.value for event in replay.feed(line))
    except PolicyError:
        heard.events.append(REFUSED)
        return heard
    heard.events.extend(event.value for event in replay.close(until_ms))
    return heard


def told(lines: Sequence[bytes], policies: str | None, until_ms: int | None = None) -> Heard:
    """What the oracle says."""
    oracle = Reference(policies, shipped_policies())
    refused = []
    try:
        for number, line in enumerate(lines, 1):
            oracle.feed(number, line)
        if until_ms is not None:
            oracle.bring_time(until_ms)
    except PolicyRefused:
        refused.append(REFUSED)
    return Heard([*oracle.events, *refused], [(letter["line"], letter["reason"]) for letter in oracle.dead_letters])


def differences(lines: Sequence[bytes], policies: str | None, until_ms: int | None = None) -> list[str]:
    """Where the two part, first things first; empty where they agree."""
    ours, theirs = replayed(lines, policies, until_ms), told(lines, policies, until_ms)
    return [*_parting("event", ours.events, theirs.events), *_parting("dead letter", *_letters(ours, theirs))]


def _letters(ours: Heard, theirs: Heard) -> tuple[list[bytes], list[bytes]]:
    texts = [[f"line {line}: {reason}".encode() for line, reason in side.dead_letters] for side in (ours, theirs)]
    return texts[0], texts[1]


def _parting(what: str, ours: list[bytes], theirs: list[bytes]) -> Iterator[str]:
    for number, (own, other) in enumerate(zip_longest(ours, theirs, fillvalue=b"(nothing)"), 1):
        if own != other:
            yield f"{what} {number}:\n  replay says {own.decode()}\n  oracle says {other.decode()}"
            return


def minimised(lines: Sequence[bytes], policies: str | None, until_ms: int | None = None) -> list[bytes]:
    """The history without every line that the disagreement can spare."""
    kept = list(lines)
    size = max(1, len(kept) // 2)
    while size:
        start = 0
        while start < len(kept):
            shorter = kept[:start] + kept[start + size :]
            if differences(shorter, policies, until_ms):
                kept = shorter
            else:
                start += size
        size //= 2
    return kept


def report(seed: int, length: int) -> str:
    """The disagreement over one seeded history, or nothing."""
    text = report_of(random_case(seed, length))
    return text and f"## random_case({seed}, {length})\n\n{text}"


def report_of(case: Case) -> str:
    """The disagreement over a history as text that can be replayed, or nothing."""
    lines = case.raw()
    if not differences(lines, case.policies, case.until_ms):
        return ""
    kept = minimised(lines, case.policies, case.until_ms)
    told_lines = "\n".join(line.decode(errors="backslashreplace") for line in kept)
    parted = "\n".join(differences(kept, case.policies, case.until_ms))
    return f"until_ms {case.until_ms}\n\n{told_lines}\n\n{parted}\n"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Hold the product against the oracle over seeded random histories.")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=1000, help="number of seeds")
    parser.add_argument("--lines", type=int, default=60, help="lines of the longest histories")
    parser.add_argument("--report", type=Path, help="file to append disagreements to, minimised; else they are printed")
    chosen = parser.parse_args(arguments)
    found = 0
    for seed in range(chosen.first, chosen.first + chosen.count):
        text = report(seed, 1 + seed * 7 % chosen.lines)
        if text:
            found += 1
            if chosen.report is None:
                print(text)
            else:
                with chosen.report.open("a", encoding="utf-8") as file:
                    file.write(text + "\n")
    print(f"{chosen.count - found} of {chosen.count} histories agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
