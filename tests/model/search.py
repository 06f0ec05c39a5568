"""Every world that can be reached, and the shortest way to the first that breaks a law."""

from __future__ import annotations

import gc
from typing import NamedTuple

from tests.model.protocol import Protocol
from tests.model.worlds import World, what_is_wrong, what_stands_still


class Found(NamedTuple):
    """What the search saw: the worlds, how many steps the longest shortest way has, and the way to what is wrong."""

    worlds: dict[World, tuple[World, str] | None]
    depth: int
    wrong: str
    last: World

    def way(self) -> str:
        """The steps to the last world, one a line, and what is wrong with it."""
        steps: list[str] = []
        at = self.worlds[self.last]
        while at is not None:
            before, step = at
            steps.append(step)
            at = self.worlds[before]
        lines = [f"{number:3}. {step}" for number, step in enumerate(reversed(steps), 1)]
        return "\n".join([*lines, f"     {self.wrong}"])


def search(protocol: Protocol) -> Found:
    """All orders of all steps within the bounds, breadth first: each world once, the first wrong one ends it."""
    gc.freeze()  # worlds know no circles, and to look for some in hundreds of thousands of them takes its time
    gc.disable()
    try:
        return _search(protocol)
    finally:
        gc.enable()
        gc.unfreeze()


def _search(protocol: Protocol) -> Found:
    begin = World()
    worlds: dict[World, tuple[World, str] | None] = {begin: None}
    edge, depth = [begin], 0
    while edge:
        beyond: list[World] = []
        for world in edge:
            steps = list(protocol.steps(world))
            if not steps and (wrong := what_stands_still(world, protocol.bounds.records)):
                return Found(worlds, depth, wrong, world)
            for step, after in steps:
                if after in worlds:
                    continue
                worlds[after] = (world, step)
                if wrong := what_is_wrong(after):
                    return Found(worlds, depth + 1, wrong, after)
                beyond.append(after)
        edge, depth = beyond, depth + 1
    return Found(worlds, depth - 1, "", begin)
