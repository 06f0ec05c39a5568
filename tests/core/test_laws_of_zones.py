"""Laws of zones (contract §5): what an activation says of them holds, whatever the machine's time-zone data are."""

from __future__ import annotations

import hashlib
import json
import random
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notifications import Zones
from schemas.policies import load_policies
from schemas.policy_types import Policies
from streams.replay import Replay
from streams.rows import PARTITION_KEY, POLICIES_KEY
from tests.core.histories import (
    History,
    Rows,
    collect,
    history_of,
    ignore,
    replay_of,
    tick,
    told,
    values,
    zones_here,
)
from tests.core.instants import DAY, text
from tests.core.machines import run_on
from tests.oracle.histories import random_case
from tests.oracle.made_up_zones import made_up

PROJECT = Path(__file__).resolve().parents[2]


def activation(toml: str, at_ms: int, zones: Zones | dict[str, Any]) -> bytes:
    digest = hashlib.sha256(toml.encode()).hexdigest()
    line = {"type": "policy.activated", "arrived_at": text(at_ms), "digest": digest, "toml": toml, "zones": zones}
    return json.dumps(line).encode()


def with_all_said(history: History) -> list[bytes]:
    """The history as one that begins with its policies, each activation saying what the machine's zones mean."""
    lines = [] if history.policies is None else [_said(history.policies, 0)]
    for line in history.lines:
        is_silent = line.accepted is not None and line.accepted.get("toml") and not line.accepted.get("zones")
        lines.append(_said(line.accepted["toml"], line.journal_ms) if line.accepted and is_silent else line.raw)
    return lines


def _said(toml: str, at_ms: int) -> bytes:
    return activation(toml, at_ms, zones_here(load_policies(toml)))


@given(history=told())
def test_an_activation_may_say_what_the_machine_would_say(history: History) -> None:
    assert values(history_of(None, with_all_said(history)).events) == values(history.events)


@given(history=told())
def test_where_all_zones_are_said_the_machine_is_not_asked(history: History) -> None:
    def nobody(policies: Policies) -> Zones:
        raise AssertionError("the machine was asked")

    replay = Replay(None, ignore, nobody)
    said = [event.value for raw in with_all_said(history) for event in replay.feed(raw)]
    assert said == values(history.events)


@given(history=told(), rng=st.randoms(use_true_random=False))
def test_other_zones_alone_say_nothing_and_move_no_clock(history: History, rng: random.Random) -> None:
    as_before, otherwise = replay_of(history.policies), replay_of(history.policies)
    for raw in history.raws():
        as_before.feed(raw)
        otherwise.feed(raw)
    book = as_before.state.book
    if book is None:
        return
    at_ms = as_before.state.journal_ms + rng.randrange(3 * DAY)
    zones = {name: made_up(rng, at_ms) for name in book.zones}
    said = otherwise.feed(activation(book.policies.toml, at_ms, zones))
    assert values(said) == values(as_before.feed(tick(at_ms)))
    assert rows_of(otherwise) == rows_of(as_before)


def rows_of(replay: Replay) -> Rows:
    """Those of accounts and matters."""
    rows: Rows = {}
    collect(rows, replay.state)
    return {key: value for key, value in rows.items() if key not in (PARTITION_KEY, POLICIES_KEY)}


# --- machines with other time-zone data ------------------------------------------------------------------------------

# Each zone has the data of the next.
SWAPPED = ["America/Los_Angeles", "Asia/Tokyo", "America/Santiago", "Europe/London"]


@pytest.fixture(scope="module")
def other_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `tzdata` that says otherwise; found before the real one, wherever that is installed."""
    folder = tmp_path_factory.mktemp("other-data")
    package, real = folder / "tzdata", resources.files("tzdata")
    (package / "zoneinfo").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "zones").write_text(real.joinpath("zones").read_text("ascii"))
    for name, other in zip(SWAPPED, [*SWAPPED[1:], SWAPPED[0]], strict=True):
        path = package / "zoneinfo" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(real.joinpath("zoneinfo", *other.split("/")).read_bytes())
    return folder


def written(folder: Path, *, all_said: bool) -> list[str]:
    """Histories as files: their policies, a zero byte, their lines."""
    for seed in range(10):
        case = random_case(seed, 40)
        history = history_of(case.policies, [raw for raw in case.raw() if b"\x00" not in raw])
        policies = "" if all_said else history.policies or ""
        lines = b"\n".join(with_all_said(history) if all_said else history.raws())
        content = policies.encode() + b"\x00" + lines.decode(errors="replace").encode()
        (folder / f"{seed}.history").write_bytes(content)
    return sorted(str(path) for path in folder.iterdir())


def test_with_all_zones_said_neither_tz_nor_time_zone_data_change_a_byte(tmp_path: Path, other_data: Path) -> None:
    files = written(tmp_path, all_said=True)
    here = run_on({"TZ": "UTC"}, files)
    assert len(here) >= len(files)
    assert run_on({"TZ": "Pacific/Apia", "PYTHONTZPATH": "/nowhere"}, files, other_data) == here


def test_without_them_other_time_zone_data_do_change_what_is_said(tmp_path: Path, other_data: Path) -> None:
    files = written(tmp_path, all_said=False)
    assert run_on({}, files, other_data) != run_on({}, files)
