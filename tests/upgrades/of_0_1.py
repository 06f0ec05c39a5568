"""What dueclock 0.1 wrote, byte by byte as it stood on its topics and in its files: nothing here is made by our code.

Two lines (the policies, a claim), the event they brought, the rows after them with a decided claim as 0.1 kept it, a
seal, and a snapshot. A row was array-encoded msgpack with the version 1; lines said neither zones nor logic, events had
no header `logic`.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Final

import msgspec

from tests.kafka_fixtures import Outgoing

ACCOUNT: Final = "S1/ATVPDKIKX0DER"
ORDER: Final = "111-0000001-0000001"
CLOCK: Final = f"{ACCOUNT}/a-to-z-evidence/{ORDER}/CL-1"
PARTITION: Final = 0
LINES: Final = 3
OPENED_MS: Final = 1_794_859_200_000
OPENED_ID: Final = "01853d579a049fd1c29e13c7fe4ef342"
TOML: Final = """[calendars.us]
timezone = "America/Los_Angeles"
weekend = ["sat", "sun"]
covers = [2024-01-01, 2036-12-31]

[marketplaces.ATVPDKIKX0DER]
calendar = "us"

[[rules.a-to-z-evidence]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = { hours = 72 }
escalate_before = []
escalate_after = []
obligor = "seller"
on_due = "clock.breached"
consequences = []
applies_to = "new"
"""
DIGEST: Final = hashlib.sha256(TOML.encode()).hexdigest()
ACTIVATED: Final = f'{{"digest":"{DIGEST}","toml":{json.dumps(TOML)},"type":"policy.activated"}}'.encode()
CLAIMED: Final = (
    b'{"claim_id":"CL-1","event_id":"e1","kind":"a_to_z","marketplace_id":"ATVPDKIKX0DER","occurred_at":'
    b'"2026-11-16T20:00:00.000Z","order_id":"111-0000001-0000001","seller_id":"S1","type":"claim.opened"}'
)
SEALED: Final = f'{{"journal":"{"0" * 64}","line":2,"offset":1,"state":"{"0" * 64}","type":"state.sealed"}}'.encode()
OPENED: Final = (
    b'{"at":"2026-11-16T20:00:00.000Z","cause":"e1","clock_id":"S1/ATVPDKIKX0DER/a-to-z-evidence/111-0000001-0000001/'
    b'CL-1","decided_at":"2026-11-16T20:00:00.000Z","due_at":"2026-11-19T20:00:00.000Z","marketplace_id":'
    b'"ATVPDKIKX0DER","order_id":"111-0000001-0000001","output_id":"01853d579a049fd1c29e13c7fe4ef342","revision":1,'
    b'"rule":"a-to-z-evidence","rule_version":1,"seller_id":"S1","seq":1,"started_at":"2026-11-16T20:00:00.000Z",'
    b'"subject":"111-0000001-0000001/CL-1","type":"clock.opened"}'
)
_CLOCK_ROW: Final = [
    "a-to-z-evidence", f"{ORDER}/CL-1", OPENED_MS, 1, OPENED_MS + 259_200_000, "", ORDER, "", 0, 1, 1,
    bytes.fromhex(OPENED_ID), [], 0, 0, 0, [], False,
]  # fmt: skip
ROWS: Final[dict[bytes, bytes]] = {
    key: msgspec.msgpack.encode(row)
    for key, row in {
        b"partition": [1, OPENED_MS, LINES, {}, DIGEST, bytes(32), 20_774],
        b"policies": [1, TOML],
        ACCOUNT.encode(): [1, OPENED_MS, [], {}, {}, 0, 0, 0, 0, {}, {}],
        f"{ACCOUNT}/order/{ORDER}".encode(): [
            1, [[9, OPENED_MS, "e1", "CL-1", "a_to_z"], [12, OPENED_MS, "e2", "CL-2"]], [_CLOCK_ROW], [], {},
        ],
    }.items()
}  # fmt: skip


def journal() -> list[Outgoing]:
    """The journal of the partition, and what it brought; names of topics without prefix."""

    def line(number: int, value: bytes, key: bytes, origin: bytes | None = None) -> Outgoing:
        headers = [("line", str(number).encode())] + ([] if origin is None else [("origin", origin)])
        return Outgoing(
            "sla-journal", value, key=key, partition=PARTITION, timestamp_ms=OPENED_MS, headers=tuple(headers)
        )

    return [
        line(1, ACTIVATED, b"0"),
        line(2, CLAIMED, ACCOUNT.encode(), b"a-to-z-claim/0/0"),
        line(3, SEALED, b"0"),
    ]


def event() -> Outgoing:
    """The event that the claim brought."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", OPENED_ID.encode()),
        ("ce_source", b"/dueclock"),
        ("ce_type", b"clock.opened"),
        ("ce_time", b"2026-11-16T20:00:00.000Z"),
        ("ce_subject", CLOCK.encode()),
        ("content-type", b"application/json"),
        ("line", b"2"),
        ("policy", DIGEST[:12].encode()),
    )
    return Outgoing("sla-clock", OPENED, key=ACCOUNT.encode(), partition=PARTITION, headers=headers)


def rows() -> list[Outgoing]:
    """The changelog of the partition."""
    return [Outgoing("changelog", value, key=key, partition=PARTITION) for key, value in ROWS.items()]


def journal_file(path: Path) -> Path:
    """The journal as `dueclock journal export` of 0.1 wrote it."""
    lines = [
        {**json.loads(value), "journaled_at": "2026-11-16T20:00:00.000Z"} for value in (ACTIVATED, CLAIMED, SEALED)
    ]
    path.write_text("".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines))
    return path


def events_file(path: Path) -> Path:
    """The event as a file."""
    path.write_bytes(OPENED + b"\n")
    return path


def snapshot(path: Path) -> Path:
    """The state after line 2 as 0.1 wrote it beside a seal."""
    head = {
        "format": "dueclock snapshot 1",
        "partition": PARTITION,
        "line": 2,
        "offset": 1,
        "state": "0" * 64,
        "journal": "0" * 64,
    }
    said = json.dumps(head, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(said + b"".join(struct.pack(">II", len(k), len(v)) + k + v for k, v in ROWS.items()))
    return path
