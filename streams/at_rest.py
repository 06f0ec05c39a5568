"""Where rows rest, as the core sees it: rows by their ids, and what is parked until its hour. In memory, or elsewhere.

The core asks for a row and says what it has become; whether that stays in a dictionary or in a file that another room
keeps is not its business, and no decision hangs on it. What is in memory here is what there is unless somebody says
otherwise.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Protocol

from streams.own_ids import own_id
from streams.pieces import texts_in_order


class RowsAtRest(Protocol):
    """Encoded rows by their ids."""

    def get(self, row_id: str, /) -> bytes | None:
        """A row; None where there is none."""

    def __contains__(self, row_id: object, /) -> bool:
        """Whether there is this row."""

    def __getitem__(self, row_id: str, /) -> bytes:
        """A row. KeyError where there is none."""

    def __setitem__(self, row_id: str, value: bytes, /) -> None:
        """A row comes to rest."""

    def pop(self, row_id: str, default: None, /) -> bytes | None:
        """A row is forgotten, if there is one; what it was may be given back."""

    def own(self, row_id: str) -> str:
        """Of a row that is there the text by which others should name it, which equals `row_id`."""

    def in_order(self) -> Iterator[tuple[str, bytes]]:
        """All rows, in byte order of their ids. None may be changed meanwhile."""

    def as_they_lie(self) -> Iterator[tuple[str, bytes]]:
        """All rows in whatever order costs least. None may be changed meanwhile."""

    def copy(self) -> Copied:
        """All rows as they are now, whatever becomes of them."""


class Copied(Protocol):
    """Rows as they were, for whoever looks on."""

    def items(self) -> Iterable[tuple[str, bytes]]:
        """Each with its id."""


class Parking(Protocol):
    """Rows that wait for an hour: an instant (ms UTC) and an id for each entry, and nothing else about them."""

    def park(self, hour: int, fire_ms: int, row_id: str) -> None:
        """One entry more for an hour (its number since 1970); whether it is there already does not matter."""

    def take(self, hour: int) -> Iterable[tuple[int, str]]:
        """The entries of an hour, which are gone then; in whatever order, what was parked twice perhaps twice."""


class RowsInMemory(dict[str, bytes]):
    """Rows in a dictionary."""

    def own(self, row_id: str) -> str:
        """The key itself."""
        return own_id(self, row_id)

    def in_order(self) -> Iterator[tuple[str, bytes]]:
        """As in `RowsAtRest`, and so are the others."""
        for row_id in texts_in_order(self):
            yield row_id, self[row_id]

    def as_they_lie(self) -> Iterator[tuple[str, bytes]]:
        """In the order in which rows came to rest."""
        yield from self.items()


class ParkedInMemory:
    """The entries of each hour in two lists."""

    __slots__ = ("_hours",)

    def __init__(self) -> None:
        self._hours: dict[int, tuple[array[int], list[str]]] = {}

    def park(self, hour: int, fire_ms: int, row_id: str) -> None:
        """As in `Parking`, and so is the other."""
        entries = self._hours.get(hour)
        if entries is None:
            entries = self._hours[hour] = (array("q"), [])
        entries[0].append(fire_ms)
        entries[1].append(row_id)

    def take(self, hour: int) -> Iterable[tuple[int, str]]:
        """All at once."""
        instants, ids = self._hours.pop(hour)
        return zip(instants, ids, strict=True)
