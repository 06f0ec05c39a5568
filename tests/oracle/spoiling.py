"""Lines that are not quite right, or only look so: each is an edge of contract §2."""

import hashlib
import json
import random
from typing import Any

Line = dict[str, Any] | bytes


def dump(line: Line) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()


def spoil(rng: random.Random, line: dict[str, Any]) -> Line:
    """A line that is not quite right, or only looks so: each of these is an edge of contract §2."""
    name = rng.choice(sorted(line))
    raw = dump(line)
    id_name = rng.choice(sorted(key for key in line if key.endswith("_id")))
    without_journal = {key: value for key, value in line.items() if key != "journaled_at"}
    wrong: list[Line] = [
        {key: value for key, value in line.items() if key != name},
        {**line, name: None},
        {**line, name: 7},
        {**line, name: rng.choice(["", "no such", True, 1.0, [], {}, -1])},
        {**line, id_name: rng.choice(["a/b", "x" * 129, "x" * 65, "x" * 33, "ü", "", "A.b:c@d=e+f-_"])},
        {**line, "type": rng.choice(["no.such", None, 5, "Return.received", ["return.received"]])},
        {**line, "occurred_at": rng.choice(BAD_TIMES)},
        {**line, "arrived_at": rng.choice(BAD_TIMES)},
        {**without_journal, "occurred_at": rng.choice(FAR_TIMES)},
        {**line, "marketplace_id": "A1PA6795UKMFR9"},
        {**line, "occurred_at": "2028-12-15T00:00:00Z", "arrived_at": "2026-01-01T00:00:00Z"},
        {**line, "occurred_at": "2023-12-31T23:59:59Z"},
        {**line, "occurred_at": "2025-01-01T00:00:00Z"},
        {**line, "unknown": {"occurred_at": [None, 1.5, {"\u2028": "ü"}]}, "toml": "x"},
        {**line, "pad": "x" * rng.choice([65_000, 66_000])},
        {"type": "time.tick"},
        {"type": "time.tick", "occurred_at": line["occurred_at"]},
        {"type": "policy.activated", "arrived_at": line["occurred_at"], "digest": 5, "toml": "x"},
        raw[:-1],
        b"",
        b"  \t",
        b"\xef\xbb\xbf" + raw,
        b"[" + raw + b"]",
        raw[:-1] + b', "x": NaN}',
        raw[:-1] + b', "x": ' + rng.choice(NUMBERS).encode() + b"}",
        raw[:-1] + b', "x": ' + nested(rng.choice([999, 1022, 1023, 1024, 1025])) + b"}",
        {**line, "order_id": rng.choice(["d01-0000001-0000001", "DD1-0000001-0000001", "111-0000001-000000１"])},
        {**line, "type": "account.metrics_reported", "window_days": 30, **rng.choice(FIGURES)},
        raw[:-1] + b', "x": "\\ud800"}',
        raw[:-1] + b', "x": "\\ud83d\\ude00"}',
        raw[:-1] + b', "x": "\xff"}',
        raw[:-1] + b', "x": 01}',
        raw[:-1] + b",}",
        raw + b" x",
        raw[:-1] + b', "event_id": "twice"}',
        raw[:-1] + b', "event_id": 5}',
        raw[:-1] + b', "' + name.encode() + b'": null}',
        b" " + raw + b" \r",
        exactly(raw, 65_536),
        exactly(raw, 65_537),
    ]
    return rng.choice(wrong)


def spoil_activation(rng: random.Random, line: dict[str, Any]) -> Line:
    """Ill-typed, so a dead letter; or refused, so that the run ends."""
    name = rng.choice(sorted(line["zones"]))
    wrong: list[dict[str, Any]] = [
        {**line, "zones": rng.choice(ILL_TYPED)},
        {**line, "zones": {**line["zones"], name: rng.choice(ILL_PAIRS)}},
        {**line, "zones": {**line["zones"], "Unnamed": rng.choice(ILL_PAIRS)}},
        {**line, "zones": {key: pairs for key, pairs in line["zones"].items() if key != name}},
        {**line, "logic": rng.choice([0, -1, 1.0, True, "1", [1]])},
        {**line, "logic": 2},
        {**line, "toml": rng.choice(["", "=", line["toml"].replace(*rng.choice(POLICY_ERRORS))])},
    ]
    spoilt = rng.choice(wrong)
    return {**spoilt, "digest": hashlib.sha256(spoilt["toml"].encode()).hexdigest()}


# What is written in a policy file, and what may not be (or may: an edge) written in its place.
POLICY_ERRORS = [
    ("[retention]", "[retentions]"),
    ("[retention]", "[retention]\nsettled = 45"),
    ("weekend =", "weekends ="),
    ('"America/Los_Angeles"', '"America/Los_Angels"'),
    ('calendar = "jp"', 'calendar = "uk"'),
    ('calendar = "jp"', 'calendar = "jp"\nzone = "Asia/Tokyo"'),
    ('weekend = ["sun"]', 'weekend = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]'),
    ('weekend = ["sun"]', 'weekend = ["sun", "mon", "tue", "wed", "thu", "fri"]'),
    ("covers = [2024-01-01, 2028-12-31]", ""),
    ("[[rules.csba-answer]]", "[[rules.csba-question]]"),
    ("[[rules.csba-answer]]", '[[rules.csba-answer]]\nprograms = ["sfp"]'),
    ('programs = ["sfp", "mfn"]', 'programs = ["sfp", "fbm"]'),
    ('programs = ["sfp", "mfn"]', 'programs = ["fba", "csba_jp"]'),
    ("version = 2", "version = 1"),
    ("version = 2", "version = 0"),
    ("version = 2", "version = 7"),
    ("effective_from = 2026", "effective_from = 2014"),
    ("effective_from = 2015-01-01T00:00:00.000Z", "effective_from = 2015-01-01T00:00:00"),
    ("effective_from = 2015-01-01T00:00:00.000Z", "effective_from = 2015-01-01"),
    ("effective_from = 2015-01-01T00:00:00.000Z", "effective_from = 2015-01-01T09:00:00+09:00"),
    ("{ business_days = 2 }", "{ business_days = 15 }"),
    ("{ business_days = 2 }", "{ business_days = 16 }"),
    ("{ business_days = 2 }", "{ calendar_days = 16 }"),
    ("{ business_days = 2 }", "{ business_days = 1 }"),
    ("{ hours = 12 }", "{ hours = 0 }"),
    ("{ hours = 12 }", "{ seconds = -1 }"),
    ("{ hours = 12 }", "{ seconds = 1 }"),
    ('["12h", "4h"]', '["24h", "4h"]'),
    ('["12h", "4h"]', '["1439m", "4h"]'),
    ('["12h", "4h"]', '["1d"]'),
    ('["12h", "4h"]', '["4h", "12h"]'),
    ('["12h", "4h"]', '["12h", "720m"]'),
    ("escalate_after = []", 'escalate_after = ["2h", "1h"]'),
    ("escalate_after = []", 'escalate_after = ["1h", "60m"]'),
    ("escalate_after = []", 'escalate_after = ["1h", "61m"]'),
]
ILL_TYPED: list[Any] = [[], "UTC", 0, True, [["UTC", 0]]]
ILL_PAIRS: list[Any] = [
    [],
    {},
    None,
    "",
    [[]],
    [[0]],
    [[0, 0, 0]],
    [[0, 0], [0, 1]],
    [[1, 0], [0, 0]],
    [[0, 0.0]],
    [[True, 0]],
]


def exactly(raw: bytes, size: int) -> bytes:
    frame = raw[:-1] + b', "pad": ""}'
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


def nested(depth: int) -> bytes:
    """A list in a list, so deep; brackets within a string do not count."""
    return b'["[[[\\"{", ' * depth + b"0" + b"]" * depth


NUMBERS = ["1e400", "-1e400", "1" + "0" * 309, "1" + "0" * 308, "1e-400", "1.7976931348623157e308", "-0.0", "1E+2", "-"]
FIGURES: list[dict[str, Any]] = [
    {"order_count": 10, "orders_with_defects": 11},
    {"order_count": 10**9 + 1, "orders_with_defects": 0},
    {"order_count": 10**9, "orders_with_defects": 10**9},
    {"order_count": 1, "orders_with_defects": -1},
    {"order_count": 1.0, "orders_with_defects": 0},
    {"order_count": True, "orders_with_defects": 0},
    {"order_count": "", "orders_with_defects": 0},
]
FAR_TIMES = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z", "2024-01-01T07:59:59Z"]
BAD_TIMES = [
    "2026-03-05T10:15:60Z",
    "0000-12-31T23:59:59Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-03-05T24:00:00Z",
    "2026-02-29T10:15:00Z",
    "2026-03-05T10:15:00",
    "2026-03-05T10:15:00.1234567891Z",
    "2026-03-05T10:15:00.Z",
    "2026-03-05T10:15:00+24:00",
    "2026-03-05T10:15:00+0900",
    "2026-03-05 10:15:00",
    "2026-3-5T10:15:00Z",
    "2026-W10-4T10:15:00Z",
    "20260305T101500Z",
    "2026-03-05T10:15Z",
    "２026-03-05T10:15:00Z",
    "2026-03-05T10:15:00,5Z",
    "2026-03-05T10:15:00Z ",
    1_770_000_000,
]
