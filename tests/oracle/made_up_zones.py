"""Zones that no machine knows, for random histories: strange offsets, midnights and dates that do not exist, several
changes a day, local time that runs back (contract §5, Zones). As an activation writes them: [ms UTC, seconds east].
"""

import random

from .zones import DAY_MS, Zone, machine_zone, said_zone

Pairs = list[list[int]]

HOUR_MS = 3_600_000
OFFSETS = [-28_800, -28_800, 32_400, 0, 20_700, 1, -1, 50_400, -43_200, 45_296, 86_399, -86_399]
STEPS = [3600, -3600, 3600, -3600, 1800, 7200, -10_800, 1, -1, 43_200, -43_200, 86_400, -86_400, 90_000, -130_000]
GAPS = [1, 1000, HOUR_MS // 2, HOUR_MS, 5 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS]
BESIDE = [0, 0, 1, -1, HOUR_MS // 2, -HOUR_MS // 2, -HOUR_MS]


def made_up(rng: random.Random, near_ms: int) -> Pairs:
    """A zone whose changes lie about that instant."""
    at = near_ms - rng.randrange(4 * DAY_MS)
    pairs = [[rng.choice([at - 1, at - 900 * DAY_MS, 1_577_836_800_000]), rng.choice(OFFSETS)]]
    for _ in range(rng.choice([0, 1, 2, 2, 4, 8, 12])):
        at += rng.choice(GAPS) + rng.choice([0, rng.randrange(DAY_MS)])
        if rng.random() < 0.6:
            zone = said_zone(pairs)
            at = zone.midnight(zone.local_day(at) + 1) + rng.choice(BESIDE)
        offset = pairs[-1][1] + rng.choice(STEPS)
        if at > pairs[-1][0]:
            pairs.append([at, max(-86_399, min(86_399, offset))])
    return pairs


def machines(name: str) -> Pairs:
    """A zone of the machine, said as an activation of the agreements' calendars says it."""
    return [[since, offset // 1000] for since, offset in real(name).pairs]


def real(name: str) -> Zone:
    return machine_zone(name, FIRST_DAY, LAST_DAY)


FIRST_DAY, LAST_DAY = 19_723, 21_549  # 2024-01-01 and 2028-12-31, which the agreements cover
