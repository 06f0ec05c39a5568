"""`dueclock source sp-api` against a fake of the API that has its quirks, and a real broker."""

from __future__ import annotations

import json
import time
from datetime import datetime

import msgspec
import pytest

from agents.demo.process import free_port
from agents.sources.passing_on import PassingOn, account_of, state_of
from agents.sources.sp_api import Keys
from agents.sources.sp_api_source import SpApiWish, run_source
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live
from tests.cli.command import Ended, sentence_of
from tests.sources.fake_api import FakeApi, api
from tests.sources.here import dueclock_here, sample
from tests.sources.samples import SELLER, US

__all__ = ["api", "make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


def arguments(live: Live, api: FakeApi, refresh: str = "refresh") -> list[str]:
    keys = live.folder / "keys.toml"
    keys.write_text(f'client_id = "c"\nclient_secret = "s"\nrefresh_token = "{refresh}"\n')
    return [
        "--settings", str(live.settings_file), "source", "sp-api", "--seller", SELLER, "--marketplace", US, "--once",
        "--base", api.url, "--tokens-at", f"{api.url}/token", "--keys-file", "keys.toml", "--poll", "0s",
    ]  # fmt: skip


def read_once(live: Live, api: FakeApi, refresh: str = "refresh", *more: str) -> Ended:
    return dueclock_here(*arguments(live, api, refresh), "--log-level", "error", *more, folder=live.folder)


def types(live: Live) -> list[str]:
    records = live.read("return-approved", "return-received", "refund-issued", "seller-account")
    return sorted(json.loads(record.value)["type"] for record in records)


THROUGH = 'sla_source_read_through_timestamp_seconds{feed="%s",source="sp-api"}'
ALL = ["account.metrics_reported", "refund.issued", "return.approved", "return.received", "return.requested"]


def test_a_pass_brings_all_there_is_through_every_quirk_and_the_next_brings_nothing(
    make_live: MakeLive, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    api.quirks = {"429", "expired token", "expired url", "in progress"}
    ended = read_once(live, api)
    assert ended.status == 0, ended.err
    assert types(live) == ALL
    assert api.quirks == set()
    assert read_once(live, api).status == 0
    assert types(live) == ALL


def test_no_rows_is_no_error_and_a_fatal_report_is_one(make_live: MakeLive, api: FakeApi) -> None:
    live = make_live(shipped_policies())
    api.status = dict.fromkeys(api.documents, "CANCELLED")
    assert read_once(live, api, "refresh", "--refunds-elsewhere").status == 0
    assert types(live) == []
    api.status = dict.fromkeys(api.documents, "FATAL")
    ended = read_once(live, api)
    assert "ended with FATAL" in sentence_of(ended)


def test_what_a_person_can_mend_is_one_sentence(make_live: MakeLive, api: FakeApi) -> None:
    live = make_live(shipped_policies())
    assert "authorise the application anew" in sentence_of(read_once(live, api, "wrong"))
    assert "was not read" in sentence_of(read_once(live, api, "refresh", "--base", "http://127.0.0.1:1"))
    (live.folder / "empty.toml").write_text("")
    assert "must say client_id" in sentence_of(read_once(live, api, "refresh", "--keys-file", "empty.toml"))


def test_how_far_each_feed_is_read_is_known_in_the_apis_own_time(make_live: MakeLive, api: FakeApi) -> None:
    live, port = make_live(shipped_policies()), free_port()
    told: dict[str, float | None] = {}
    wish = SpApiWish(api.url, f"{api.url}/token", Keys("c", "s", "refresh"), 600.0, 0.0, False, True, False)
    settings = msgspec.structs.replace(live.settings, metrics_port=port, state_dir=str(live.folder / "state"))
    state = state_of(settings)
    account = account_of(state, SELLER, US)

    def is_stopped() -> bool:
        """Asked again after the first pass: what is shown then."""
        names = ("transactions", "returns", "performance")
        told.update({name: sample(f"http://127.0.0.1:{port}/metrics", THROUGH % name) for name in names})
        newest = 'sla_source_newest_timestamp_seconds{feed="transactions",source="sp-api"}'
        told["newest"] = sample(f"http://127.0.0.1:{port}/metrics", newest)
        return None not in told.values()

    run_source(settings, account, PassingOn(settings, state, account), wish, is_stopped)
    now_s = time.time()
    assert told["returns"] == told["performance"]
    assert told["transactions"] == pytest.approx(now_s - 180, abs=60)
    assert told["returns"] == pytest.approx(now_s, abs=60)
    posted_s = datetime.fromisoformat(api.posted[0]["postedDate"]).timestamp()
    assert told["newest"] == posted_s
