"""Ids that are kept: of equal texts, which come anew with each line, one is enough.

A million rows have a million ids, each named by its row, its timer and the hour that it is forgotten in; as one text
each that is a tenth of what the rows take. A dictionary does not give its own key away, but it compares with it.
"""

from __future__ import annotations

from collections.abc import Mapping


class _Noting(str):
    """A text that notes what it was compared with last: looked up in a dictionary, the key that is there."""

    __slots__ = ("kept",)
    __hash__ = str.__hash__

    kept: str

    def __eq__(self, other: object) -> bool:
        self.kept = other  # type: ignore[assignment]  # a dictionary of texts compares texts
        return str.__eq__(self, other)


def own_id(rows: Mapping[str, bytes], row_id: str) -> str:
    """The key of a row that is there, which equals `row_id`. KeyError where it is not."""
    key = _Noting(row_id)
    rows[key]
    return key.kept
