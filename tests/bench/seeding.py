"""Many open clocks at once: rows as the engine writes them, copied under other names.

One buyer's message is told to the engine; its row is then repeated with other ids and instants of the same length. What
comes of it is what as many messages would have left behind, save the ids of events already sent. A partition that is
seeded has these rows in its changelog and one line in its journal, the last one, as if the others had been too old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Final, NamedTuple

from schemas.decoding import journal_value
from schemas.headers import journal_headers
from schemas.notifications import MessageReceived, Notification
from streams.engine import Line, State, new_state, step
from streams.partitioner import partition_of
from streams.rows import OPEN
from tests.bench.workload import DAY_MS
from tests.zones import activation

MARKETPLACE: Final = "ATVPDKIKX0DER"
ACCOUNTS: Final = 50
"""In each partition."""
_TOKEN: Final = "76543210"


class Row(NamedTuple):
    key: bytes
    value: bytes


class Seeded(NamedTuple):
    """One partition: its rows, and the last line of its journal."""

    partition: int
    rows: Iterator[Row]
    journal_key: bytes
    journal_value: bytes
    journal_headers: list[tuple[str, bytes]]
    journal_ms: int


def sellers_on(partition: int, partitions: int, count: int = ACCOUNTS, *, prefix: str = "OPEN") -> list[str]:
    """Sellers whose account is kept in this partition."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        seller = f"{prefix}{number:06}"
        if partition_of(f"{seller}/{MARKETPLACE}".encode(), partitions) == partition:
            found.append(seller)
    return found


def question(seller: str, name: str, occurred_ms: int) -> MessageReceived:
    """A buyer writes: due 24 hours later by the shipped policies."""
    return MessageReceived(
        event_id=f"E-{name}",
        seller_id=seller,
        marketplace_id=MARKETPLACE,
        occurred_ms=occurred_ms,
        message_id=f"M-{name}",
        thread_id=f"T-{name}",
        from_role="buyer",
    )


def seeded(
    partition: int,
    partitions: int,
    policies: str,
    *,
    clocks: int,
    due_from_ms: int,
    due_within_ms: int,
    now_ms: int,
    sellers: Sequence[str] = (),
    of: Callable[[], Iterator[str]] | None = None,
) -> Seeded:
    """`clocks` open clocks, due one after the other from an instant on, as they stand at `now_ms`.

    All must stand alike at `now_ms`: no step of escalation may pass between the first and the last. They are dealt to
    some sellers in turn, or to `sellers` as `of` says for each clock.
    """
    sellers = sellers or sellers_on(partition, partitions)
    state = new_state(partition)
    step(state, Line(1, now_ms, activation(policies)))
    first_ms = due_from_ms - DAY_MS
    last: Notification | None = None
    for number, seller in enumerate(sellers):
        last = question(seller, _TOKEN if not number else f"{number:08}", first_ms)
        step(state, Line(state.lines + 1, now_ms, last))
    assert last is not None, "a partition has accounts"
    rows = dict(state.take_changes())
    key = f"{sellers[0]}/{MARKETPLACE}/thread/T-{_TOKEN}".encode()
    template = rows.pop(key)
    own = [Row(name, value) for name, value in rows.items() if value is not None and b"/thread/" not in name]
    assert template is not None, "a thread that was told of has a row"
    return Seeded(
        partition,
        _rows(own, _Template(template, first_ms), cycle(sellers) if of is None else of(), clocks, due_within_ms),
        f"{sellers[-1]}/{MARKETPLACE}".encode(),
        journal_value(last),
        journal_headers(state.lines, None),
        state.journal_ms,
    )


def state_of(partition_rows: Iterator[Row]) -> Iterator[tuple[bytes, bytes]]:
    """The rows as `restore_state` takes them."""
    for row in partition_rows:
        yield row.key, row.value


class _Template:
    """A row whose ids and instants can be exchanged without reading it."""

    def __init__(self, value: bytes, start_ms: int) -> None:
        self._value = value
        self._start_ms = start_ms
        self._token = _TOKEN.encode()
        for wanted in (self._token, packed(start_ms), packed(start_ms + DAY_MS)):
            if wanted not in value:
                raise ValueError("the rows of threads do not hold their ids and instants as they are: seed otherwise")

    def row(self, name: str, start_ms: int) -> bytes:
        """The row of a thread of another name whose message came at another time."""
        value = self._value.replace(self._token, name.encode())
        value = value.replace(packed(self._start_ms), packed(start_ms))
        return value.replace(packed(self._start_ms + DAY_MS), packed(start_ms + DAY_MS))

    @property
    def start_ms(self) -> int:
        return self._start_ms


def packed(ms: int) -> bytes:
    """An instant as it stands in a row."""
    return b"\xcf" + ms.to_bytes(8, "big")


def _rows(own: list[Row], template: _Template, of: Iterator[str], clocks: int, due_within_ms: int) -> Iterator[Row]:
    yield from own
    for number, seller in zip(range(clocks), of, strict=False):
        name = f"{number:08}"
        start_ms = template.start_ms + number * due_within_ms // clocks
        yield Row(f"{seller}/{MARKETPLACE}/thread/T-{name}".encode(), template.row(name, start_ms))


def open_clocks(state: State) -> int:
    """How many clocks are open, counted anew from the rows."""
    return sum(clock.outcome == OPEN for _, row in state.matters() for clock in row.clocks)
