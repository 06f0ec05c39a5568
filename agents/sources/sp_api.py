"""The few calls of the Selling Partner API that dueclock needs, with the quirks that were seen.

Told to wait (429) it waits, as long as the answer says or its rate limit asks; a token that has run out is renewed; a
document's address lives five minutes and is asked for anew. No rows is `CANCELLED`; `FATAL` is an error. A page may be
empty and still have a next one. The seller's own refresh token is all the right it has; no answer is logged.
"""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession

from agents.sources.bytes_of import MAX_BYTES

REGIONS: Final = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
TOKENS_AT: Final = "https://api.amazon.com/auth/o2/token"
TRIES: Final = 8
LONGEST_WAIT_S: Final = 120.0
_RENEWED_BEFORE_S: Final = 60.0


class SpApiError(Exception):
    """What the API refuses for good, in words for a person."""


class Keys(NamedTuple):
    """What the seller's application is known by."""

    client_id: str
    client_secret: str
    refresh_token: str


class SpApi:
    """The API of one region. `poll_s` lies between two questions whether a report is done."""

    def __init__(self, session: ClientSession, base: str, tokens_at: str, keys: Keys, *, poll_s: float = 30.0) -> None:
        self._session = session
        self._base = base
        self._tokens_at = tokens_at
        self._keys = keys
        self._poll_s = poll_s
        self._token, self._token_until_s = "", 0.0

    async def report(self, kind: str, marketplace: str, since: str | None = None) -> bytes | None:
        """A report, made anew; None where it has no rows. Raises SpApiError, ClientError."""
        wish: dict[str, Any] = {"reportType": kind, "marketplaceIds": [marketplace]}
        if since is not None:
            wish["dataStartTime"] = since
        report_id = (await self._call("POST", "/reports/2021-06-30/reports", body=wish)).get("reportId")
        while True:
            document = await self._call("GET", f"/reports/2021-06-30/reports/{report_id}")
            status = document.get("processingStatus")
            if status == "DONE":
                return await self._document(str(document.get("reportDocumentId")))
            if status == "CANCELLED":
                return None
            if status not in ("IN_QUEUE", "IN_PROGRESS"):
                raise SpApiError(f"the report {kind} ended with {status}")
            await asyncio.sleep(self._poll_s)

    async def finished_report(self, report_id: str) -> tuple[frozenset[str], bytes | None]:
        """The marketplaces of a report that was made, and what it holds; None where it has no rows."""
        document = await self._call("GET", f"/reports/2021-06-30/reports/{quote(report_id, safe='')}")
        marketplaces = frozenset(map(str, document.get("marketplaceIds") or ()))
        status = document.get("processingStatus")
        if status == "CANCELLED":
            return marketplaces, None
        if status != "DONE":
            raise SpApiError(f"the report that was told to be ready stands at {status}")
        return marketplaces, await self._document(str(document.get("reportDocumentId")))

    async def _document(self, document_id: str) -> bytes:
        for _ in range(TRIES):
            document = await self._call("GET", f"/reports/2021-06-30/documents/{document_id}")
            async with self._session.get(str(document.get("url"))) as answer:
                if answer.status == 403:  # its five minutes are over
                    continue
                answer.raise_for_status()
                raw = await answer.content.read(MAX_BYTES)
            return _unpacked(raw) if document.get("compressionAlgorithm") == "GZIP" else raw
        raise SpApiError("the address of a document is always over before it is read")

    async def transactions(self, posted_after: str, posted_before: str) -> list[Any]:
        """All transactions of a time, of all marketplaces: for orders in the US store none may be named."""
        return await self._posted({"postedAfter": posted_after, "postedBefore": posted_before})

    async def transactions_of(self, order_id: str) -> list[Any]:
        """All transactions of an order."""
        return await self._posted({"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order_id})

    async def log_in(self) -> None:
        """Ask for a token, so that a refused one is known at the start. Raises SpApiError, ClientError."""
        await self._access_token()

    async def _posted(self, query: dict[str, str]) -> list[Any]:
        found: list[Any] = []
        while True:
            page = (await self._call("GET", "/finances/2024-06-19/transactions", query=query)).get("payload") or {}
            found.extend(page.get("transactions") or [])
            if not page.get("nextToken"):
                return found
            query = {**query, "nextToken": str(page["nextToken"])}

    async def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        status = 0
        for number in range(TRIES):
            headers = {"x-amz-access-token": await self._access_token()}
            async with self._session.request(
                method, self._base + path, params=query, json=body, headers=headers
            ) as answer:
                status = answer.status
                if answer.status in (401, 403) and number == 0:
                    self._token_until_s = 0.0  # it may have run out before its time
                elif answer.status == 429 or answer.status >= 500:
                    await asyncio.sleep(_wait_s(answer, number))
                elif answer.status >= 400:
                    raise SpApiError(f"{path} is answered with {answer.status}")
                else:
                    return _object(await answer.text())
        raise SpApiError(f"{path} is answered with {status}, however often it is asked")

    async def _access_token(self) -> str:
        if time.monotonic() >= self._token_until_s:
            form = {"grant_type": "refresh_token", **self._keys._asdict()}
            async with self._session.post(self._tokens_at, data=form) as answer:
                if answer.status >= 400:
                    raise SpApiError(
                        f"the refresh token is answered with {answer.status}; authorise the application anew"
                    )
                document = _object(await answer.text())
            self._token = str(document.get("access_token", ""))
            self._token_until_s = time.monotonic() + float(document.get("expires_in", 3600)) - _RENEWED_BEFORE_S
        return self._token


def _wait_s(answer: ClientResponse, number: int) -> float:
    """As long as it says, or as its rate limit asks, longer each time."""
    after = answer.headers.get("Retry-After", "")
    if after.isascii() and after.isdigit():
        return min(float(after), LONGEST_WAIT_S)
    try:
        per_second = float(answer.headers.get("x-amzn-RateLimit-Limit", "2"))
    except ValueError:
        per_second = 2.0
    return float(min(2**number / max(per_second, 1 / LONGEST_WAIT_S), LONGEST_WAIT_S))


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError:
        raise SpApiError("an answer is no JSON") from None
    return document if isinstance(document, dict) else {}


def _unpacked(raw: bytes) -> bytes:
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        raise SpApiError("a document says it is gzip and is none") from None


AWAY: Final = (ClientError, TimeoutError, OSError)
"""What says that nobody answers: it is tried again."""
