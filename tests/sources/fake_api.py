"""A fake of the Selling Partner API with its quirks: a real server, and what it shows lies days back."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.sources.samples import LAMP, US, changed, fulfilment, performance, tab_file, transaction
from tests.sources.test_ingest_to_kafka import days_ago

RETURNS, PERFORMANCE = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", "GET_V2_SELLER_PERFORMANCE_REPORT"


class FakeApi:
    """Answers as the API does; `quirks` says which of its quirks come once."""

    def __init__(self) -> None:
        self.quirks: set[str] = set()
        self.status: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.tokens = 0
        self.marketplaces = [US]
        day = datetime.now(UTC).date()
        row = changed(LAMP, Return_request_date=days_ago(9), Return_delivery_date=days_ago(5), Refunded_Amount="39.99")
        measured = fulfilment(begins=f"{day - timedelta(days=60)}T00:00Z", ends=f"{day - timedelta(days=1)}T23:59Z")
        self.documents = {
            RETURNS: gzip.compress(tab_file((row,)).encode()),
            PERFORMANCE: json.dumps(performance(mfn=measured)).encode(),
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
            return {"processingStatus": status, "reportDocumentId": kind, "marketplaceIds": self.marketplaces}
        if "/documents/" in path:
            kind = path.rpartition("/")[2]
            packed = {"compressionAlgorithm": "GZIP"} if self.documents[kind][:2] == b"\x1f\x8b" else {}
            return {"url": f"{self.url}/bucket/{kind}", **packed}
        if "relatedIdentifierValue" in request.query:
            order = request.query["relatedIdentifierValue"]
            return {"payload": {"transactions": [one for one in self.posted if order in json.dumps(one)]}}
        if "nextToken" in request.query:
            return {"payload": {"transactions": [*self.posted, *self.posted]}}  # duplicates are normal
        return {"payload": {"transactions": [], "nextToken": "more"}}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    made = FakeApi()
    yield made
    made.close()
