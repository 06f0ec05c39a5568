"""Pieces: what one line brings may be a hundred thousand things, and nobody may hold the loop for all of them.

A function that works in pieces is a generator: whoever asks may do something else at each `yield`. Sorting, and letting
go of what was gathered, are what a loop over pieces cannot cut by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from heapq import merge
from typing import Any, Final, TypeVar

T = TypeVar("T")

RUN: Final = 4_096
"""How many are sorted, or merged, in one piece: some milliseconds."""


def in_order(items: list[T], key: Callable[[T], Any]) -> Generator[None, None, list[T]]:
    """The items sorted by their keys."""
    if len(items) <= RUN:
        return sorted(items, key=key)
    runs = []
    for first in range(0, len(items), RUN):
        yield
        runs.append(sorted(items[first : first + RUN], key=key))
    ordered: list[T] = []
    for item in merge(*runs, key=key):
        if not len(ordered) % RUN:
            yield
        ordered.append(item)
    return ordered


def let_go(items: list[T]) -> Iterator[T]:
    """The items in their order, each let go of with its turn: freeing a hundred thousand at once takes long too."""
    items.reverse()
    while items:
        yield items.pop()
