"""`python -m tests.upgrades`: keep for good what the newest logic says, so that every later version can be held to it.

Makes `tests/upgrades/logic-N`: for each golden case, for random histories full of collisions, and for 10,000 mixed
lines of the benchmarks' load, the journal as a worker would have exported it, and the events that it brought. What was
kept is never written over: a folder that exists is refused, since a number that has once judged a journal may not
change. Run it once when a number is added to `streams/logic.py`.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agents.zones import machine_zones
from schemas.codec import canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.notifications import Body, PolicyActivated
from schemas.policies import load_policies, shipped_policies
from schemas.policy_types import PolicyError
from streams.logic import NEWEST
from streams.replay import Replay
from tests.bench.workload import DAY_MS, workload
from tests.golden.test_golden import CASES, policies_of
from tests.oracle.histories import plain_policies, random_history

HERE: Final = Path(__file__).parent
JOURNAL: Final = ".journal.jsonl.gz"
EVENTS: Final = ".events.jsonl.gz"
MIXED_LINES: Final = 10_000
MIXED_SELLERS: Final = 40
RANDOM_CASES: Final = 12
RANDOM_LINES: Final = 250
_STARTS_MS: Final = 1_767_225_600_000  # 1 January 2026


class Told(NamedTuple):
    """A history to keep: its name, the policies that act before its first line, and its lines."""

    name: str
    policies: str
    lines: Iterable[bytes]


def histories() -> Iterator[Told]:
    """What is kept of a logic."""
    for case in CASES:
        yield Told(case.name, policies_of(case), (case / "notifications.jsonl").read_bytes().split(b"\n"))
    for seed in range(RANDOM_CASES):
        yield Told(f"random-{seed:02}", plain_policies(), random_history(seed, RANDOM_LINES))
    mixed = workload(1, MIXED_LINES, start_ms=_STARTS_MS, span_ms=30 * DAY_MS, sellers=MIXED_SELLERS)
    told = (canonical_json({**json.loads(one.value), "arrived_at": format_instant(one.at_ms)}) for one in mixed)
    yield Told("mixed", shipped_policies(), told)


class Kept(NamedTuple):
    """An exported journal, and the events that it brought, each as lines."""

    journal: list[bytes]
    events: list[bytes]


def kept(told: Told) -> Kept:
    """The journal that a worker would have written of a history: neither dead letters nor refused activations."""
    replay = Replay(None, lambda line, raw, why: None, machine_zones)
    journal: list[bytes] = []
    events: list[bytes] = []
    policies = load_policies(told.policies)
    first = PolicyActivated(digest=policies.digest, toml=told.policies)
    for raw in (_file_line(_whole(first), 0), *told.lines):
        before, whole = replay.state.lines, _with_all_said(raw)
        with suppress(PolicyError):
            events += [event.value for event in replay.feed(whole)]
        if replay.state.lines > before:
            decoded = decode_notification(whole.strip(), from_file=True)
            assert isinstance(decoded, Decoded)
            journal.append(_file_line(decoded.body, replay.state.journal_ms))
    return Kept(journal, events)


def _with_all_said(raw: bytes) -> bytes:
    """The line; an activation with its zones and logic, as a worker writes it."""
    decoded = decode_notification(raw.strip(), from_file=True) if raw.strip() else None
    if not isinstance(decoded, Decoded) or not isinstance(decoded.body, PolicyActivated):
        return raw
    try:
        said = journal_value(_whole(decoded.body))
    except PolicyError:
        return raw
    return canonical_json({**json.loads(raw), **json.loads(said)})


def _whole(body: PolicyActivated) -> PolicyActivated:
    zones = machine_zones(load_policies(body.toml)) if body.zones is None else body.zones
    return msgspec.structs.replace(body, zones=zones, logic=body.logic or NEWEST)


def _file_line(body: Body, journal_ms: int) -> bytes:
    """A line as `dueclock journal export` writes it."""
    return canonical_json({**json.loads(journal_value(body)), "journaled_at": format_instant(journal_ms)})


def packed(lines: list[bytes]) -> bytes:
    """Lines, compressed: the same lines give the same bytes."""
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def keep(folder: Path, what: Iterable[Told]) -> None:
    """Write these histories into a new folder."""
    folder.mkdir()
    for told in what:
        journal, events = kept(told)
        (folder / f"{told.name}{JOURNAL}").write_bytes(packed(journal))
        (folder / f"{told.name}{EVENTS}").write_bytes(packed(events))


def main() -> int:
    """Keep what the newest logic says; 2 where that has been done before."""
    folder = HERE / f"logic-{NEWEST}"
    if folder.exists():
        print(f"{folder.name} has been kept and is not written over; give changed rules a new number.", file=sys.stderr)
        return 2
    keep(folder, histories())
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder.name}: {len(list(folder.iterdir())) // 2} histories, {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
