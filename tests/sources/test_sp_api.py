"""`dueclock source sp-api` against a fake of the API that has its quirks, and a real broker."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from agents.demo.process import free_port
from agents.sources.passing_on import PassingOn, account_of, state_of
from agents.sources.sp_api import Keys
from agents.sources.sp_api_source import SpApiWish, run_source
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live
from tests.cli.command import Ended, sentence_of
from tests.sources.here import dueclock_here, sample
from tests.sources.samples import LAMP, SELLER, US, changed, fulfilment, performance, tab_file, transaction
from tests.sources.test_ingest_to_kafka import days_ago

__all__ = ["make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


class FakeApi:
    """Answers as the API does; `quirks` says which of its quirks come once."""

    def __init__(self) -> None:
        self.quirks: set[str] = set()
        self.status: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.tokens = 0
        day = datetime.now(UTC).date()
        row = changed(LAMP, Return_request_date=days_ago(9), Return_delivery_date=days_ago(5), Refunded_Amount="39.99")
        measured = fulfilment(begins=f"{day - timedelta(days=60)}T00:00Z", ends=f"{day - timedelta(days=1)}T23:59Z")
        self.documents = {
            "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE": gzip.compress(tab_file((row,)).encode()),
            "GET_V2_SELLER_PERFORMANCE_REPORT": json.dumps(performance(mfn=measured)).encode(),
        }
        self.posted = [transaction(postedDate=f"{day - timedelta(days=2)}T09:22:10Z")]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    async def _start(self) -> str:
        made = web.Application()
        made.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(made)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _once(self, quirk: str) -> bool:
        is_due = quirk in self.quirks
        self.quirks.discard(quirk)
        return is_due

    async def _answer(self, request: web.Request) -> web.Response:
        path, self.asked[request.path] = request.path, self.asked[request.path] + 1
        if path == "/token":
            form = await request.post()
            self.tokens += 1
            is_good = form["refresh_token"] == "refresh"
            return web.json_response(
                {"access_token": f"token-{self.tokens}", "expires_in": 3600}, status=200 if is_good else 400
            )
        if path.startswith("/bucket/"):
            return (
                web.Response(status=403) if self._once("expired url") else web.Response(body=self.documents[path[8:]])
            )
        if request.headers.get("x-amz-access-token") != f"token-{self.tokens}" or self._once("expired token"):
            return web.json_response({}, status=403)
        if self._once("429"):
            return web.json_response({}, status=429, headers={"x-amzn-RateLimit-Limit": "50"})
        return web.json_response(await self._said(path, request))

    async def _said(self, path: str, request: web.Request) -> Any:
        if path.endswith("/reports"):
            return {"reportId": (await request.json())["reportType"]}
        if "/reports/2021-06-30/reports/" in path:
            kind = path.rpartition("/")[2]
            status = "IN_PROGRESS" if self._once("in progress") else self.status.get(kind, "DONE")
            return {"processingStatus": status, "reportDocumentId": kind}
        if "/documents/" in path:
            kind = path.rpartition("/")[2]
            packed = {"compressionAlgorithm": "GZIP"} if self.documents[kind][:2] == b"\x1f\x8b" else {}
            return {"url": f"{self.url}/bucket/{kind}", **packed}
        if "nextToken" in request.query:
            return {"payload": {"transactions": [*self.posted, *self.posted]}}  # duplicates are normal
        return {"payload": {"transactions": [], "nextToken": "more"}}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    yield made
    made.close()


def read_once(live: Live, api: FakeApi, refresh: str = "refresh", *more: str) -> Ended:
    keys = live.folder / "keys.toml"
    keys.write_text(f'client_id = "c"\nclient_secret = "s"\nrefresh_token = "{refresh}"\n')
    return dueclock_here(
        "--settings", live.settings_file, "source", "sp-api", "--seller", SELLER, "--marketplace", US, "--once",
        "--base", api.url, "--tokens-at", f"{api.url}/token", "--keys-file", "keys.toml", "--poll", "0s",
        "--log-level", "error", *more, folder=live.folder,
    )  # fmt: skip


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
