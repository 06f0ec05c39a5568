"""`python -m tests.model`: the search with bounds of one's own, and the shortest way to what each guard prevents."""

from __future__ import annotations

import argparse

from tests.model.guards import ALL, COPIES, GUARDS
from tests.model.protocol import Bounds, Protocol
from tests.model.search import Found, search


def first_wrong(guards: frozenset[str], bounds: Bounds) -> Found:
    """The first wrong world, with as few faults as it takes: what needs none shows best what a guard is for."""
    for faults in range(bounds.faults + 1):
        found = search(Protocol(guards, bounds._replace(faults=faults)))
        if found.wrong:
            break
    return found


def main() -> int:
    """Print what was found; status 1 if a law is broken with all guards on, or none without one of them."""
    default = Bounds()
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    for name, value in default._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"how many {name} (%(default)s)")
    bounds = Bounds(**vars(parser.parse_args()))
    found = search(Protocol(bounds=bounds))
    print(f"{len(found.worlds):,} worlds, {found.depth} steps deep: {found.wrong or 'exactly once holds in each'}")
    status = 0
    if found.wrong:
        print(found.way())
        status = 1
    for guard, (law, where) in GUARDS.items():
        its_own = bounds._replace(copies=bounds.copies or 1) if guard in COPIES else bounds
        without = first_wrong(ALL - {guard}, its_own)
        print(f"\nWithout {guard} ({where})\n  {law}\n{without.way() if without.wrong else '  nothing is wrong'}")
        status = status if without.wrong else 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
