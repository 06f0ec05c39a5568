"""Pieces: what one line brings may be a hundred thousand things, and nobody may hold the loop for all of them.

A function that works in pieces is a generator: whoever asks may do something else at each `yield`. Sorting, and letting
go of what was gathered, are what a loop over pieces cannot cut by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Any, Final, TypeVar

T = TypeVar("T")

RUN: Final = 4_096
"""How many are sorted, or merged, in one piece: some milliseconds."""
TEXTS: Final = 8 * RUN
"""Of texts: sorted within 20 ms. Five million in one piece take four seconds."""


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


def texts_in_order(texts: Iterable[str]) -> Iterator[str]:
    """The texts sorted, never many in one call: that would hold the interpreter, and with it heartbeats."""
    left = iter(texts)
    runs: list[list[str]] = []
    while run := sorted(islice(left, TEXTS)):
        runs.append(run)
    return merge(*runs)


STRETCH: Final = 64
STRETCH_BYTES: Final = 64 * 1024
"""Of a stretch of more than one: to decode what is nested deeply takes a millisecond for each seven KiB."""


def stretches(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in their order, some together, for who does one kind of work for all of these after the other.

    That costs less than all kinds for each, for what a processor has at hand from the last one. At most STRETCH, and
    STRETCH_BYTES unless it is one alone; behind one that is larger no further is asked for before it was taken.
    """
    stretch, total = list[T](), 0
    for item in items:
        weight = size(item)
        if stretch and total + weight > STRETCH_BYTES:
            yield stretch
            stretch, total = [], 0
        stretch.append(item)
        total += weight
        if len(stretch) == STRETCH or total > STRETCH_BYTES:
            yield stretch
            stretch, total = [], 0
    if stretch:
        yield stretch


def let_go(items: list[T]) -> Iterator[T]:
    """The items in their order, each let go of with its turn: freeing a hundred thousand at once takes long too."""
    items.reverse()
    while items:
        yield items.pop()
