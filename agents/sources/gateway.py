"""`dueclock gateway`: notifications and carriers' webhooks over HTTP, to Kafka.

A notification is asked all that the worker will ask of it, before it is sent: a caller learns at once. 202 is answered
after the broker's acknowledgement and never before; a batch is taken whole or not at all. The gateway keeps no memory:
whoever is told 503 sends again, and a repeat is no second fact. Only known fields go on; nothing of a body is logged.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.metrics.door import Door
from agents.settings import Settings
from agents.sources.clients import Clients, client_of, hook_of
from agents.sources.cloud_events import RequestError, notifications_in
from agents.sources.openapi import openapi
from agents.sources.passing_on import OWN, takes_refunds
from agents.sources.return_book import ReturnBook
from agents.sources.source_metrics import GatewayMetrics
from schemas.dead_letters import Rejected
from schemas.decoding import decode_notification, journal_value
from schemas.notifications import Notification, RefundIssued, type_name
from schemas.registry import INPUT_TOPIC_OF
from streams.admission import admit
from streams.routing import account_key
from streams.sources.accounts import SourceAccount
from streams.sources.deliveries import FORMS, Delivery, map_delivery, read_delivery
from streams.sources.findings import LeftOut, Mapped
from streams.state import State

log = logging.getLogger("dueclock.gateway")

MAX_BODY_BYTES: Final = 1024 * 1024
ON_THEIR_WAY: Final = 2_000
"""Notifications without an answer from the broker: more of them are told to come again."""
BODY_WITHIN_S: Final = 20.0
ACKNOWLEDGED_WITHIN_S: Final = 15.0
PARKED_EVERY_S: Final = 5.0


class Refusal(NamedTuple):
    """What is wrong with one notification of a request."""

    number: int
    reason: str
    field: str | None


class Gateway:
    """One gateway: what it knows and who it sends with. `state` knows policies and nothing else."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        state: State,
        book: ReturnBook,
        producer: AIOKafkaProducer,
        metrics: GatewayMetrics,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._state = state
        self._book = book
        self._producer = producer
        self._on_their_way = 0
        self._metrics = metrics
        metrics.look_at(lambda: len(book.parked), lambda: self._on_their_way)
        self.door: Door | None = None
        """Who may see the metrics where it listens; nobody before that is known."""

    def application(self) -> web.Application:
        """The routes."""
        made = web.Application(client_max_size=MAX_BODY_BYTES)
        made.router.add_post("/v1/notifications", self._counted("notifications", self._notifications))
        made.router.add_post("/v1/hooks/{provider}/{path}", self._counted("hooks", self._hook))
        made.router.add_get("/healthz", self._healthz)
        made.router.add_get("/metrics", self._metrics_page)
        made.router.add_get("/openapi.json", self._openapi)
        return made

    async def retry_parked(self) -> None:
        """Try deliveries that waited, for as long as the gateway runs."""
        while True:
            await asyncio.sleep(PARKED_EVERY_S)
            if self._book.refresh():
                await self.end_parked()

    async def end_parked(self) -> None:
        """Send what has found its return."""
        for parked in list(self._book.parked.values()):
            mapped = self._receipt(parked.delivery, parked.accounts)
            if mapped is not None and await self._sent(mapped.notifications):  # nothing left of it is done with, too
                self._book.unpark(parked.delivery.tracking, _now_ms())

    # --- notifications -----------------------------------------------------------------------------------------------

    async def _notifications(self, request: web.Request) -> web.Response:
        body = await _body(request)
        client = client_of(self._clients, request.headers, body, time.time())
        if client is None:
            return _refusal(401, "unauthorized", "Give a bearer token, or sign the body.")
        try:
            raws = notifications_in(request.headers.get("Content-Type", ""), request.headers, body)
        except RequestError as error:
            return _refusal(400, "not_json", str(error))
        found, refusals = self._judged(raws)
        if refusals:
            refused = [{"field": one.field, "number": one.number, "reason": one.reason} for one in refusals]
            return web.json_response({"error": "refused", "refused": refused}, status=400)
        foreign = sorted({account_key(one) for one in found} - set(client.accounts))
        if foreign:
            return _refusal(403, "foreign_account", f"This client may not speak for {foreign[0]}.")
        self._metrics.looked_at("notifications", len(found), max((one.occurred_ms for one in found), default=None))
        return await self._answer_after_sending(found)

    def _judged(self, raws: Sequence[bytes]) -> tuple[list[Notification], list[Refusal]]:
        """What the worker would take, and what it would not, in the words of its dead letters."""
        found: list[Notification] = []
        refusals: list[Refusal] = []
        now_ms = _now_ms()
        for number, raw in enumerate(raws):
            decoded = decode_notification(raw, from_file=False)
            rejected: Rejected | None
            if isinstance(decoded, Rejected):
                rejected = decoded
            else:
                assert isinstance(decoded.body, Notification)  # live there is nothing else
                rejected = admit(self._state, decoded.body, now_ms, now_ms)
                found.append(decoded.body)
                if rejected is None and self._is_told_elsewhere(decoded.body):
                    refusals.append(Refusal(number, "other_refund_source", "type"))
            if rejected is not None:
                refusals.append(Refusal(number, rejected.reason, rejected.field))
        return found, refusals

    def _is_told_elsewhere(self, notification: Notification) -> bool:
        """Whether the settings take refunds of its account from another source: it would count twice."""
        return isinstance(notification, RefundIssued) and not takes_refunds(
            self._settings, account_key(notification), OWN
        )

    async def _answer_after_sending(self, found: Sequence[Notification]) -> web.Response:
        if self._on_their_way + len(found) > ON_THEIR_WAY:
            return _refusal(429, "busy", "Too much is on its way; come again.", {"Retry-After": "1"})
        if not await self._sent(found):
            return _refusal(503, "no_broker", "Kafka did not acknowledge; send again.", {"Retry-After": "5"})
        return web.json_response({"accepted": [one.event_id for one in found]}, status=202)

    async def _sent(self, found: Sequence[Notification]) -> bool:
        """Send and wait for every acknowledgement; whether all came."""
        self._on_their_way += len(found)
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                for acknowledged in [await self._send(one) for one in found]:
                    await acknowledged
        except (KafkaError, TimeoutError) as error:
            log.warning("the broker did not acknowledge (%s)", type(error).__name__)
            self._metrics.failed()
            return False
        finally:
            self._on_their_way -= len(found)
        self._metrics.acknowledged(found)
        return True

    async def _send(self, notification: Notification) -> Awaitable[Any]:
        topic = self._settings.topic(INPUT_TOPIC_OF[type_name(notification)])
        sent: Awaitable[Any] = await self._producer.send(
            topic, journal_value(notification), key=account_key(notification).encode()
        )
        return sent

    # --- webhooks ----------------------------------------------------------------------------------------------------

    async def _hook(self, request: web.Request) -> web.Response:
        provider, path = request.match_info["provider"], request.match_info["path"]
        body = await _body(request)
        hook = hook_of(self._clients, provider, path, request.headers, body, time.time()) if provider in FORMS else None
        if hook is None:
            return _refusal(401, "unauthorized", "No such hook, or a wrong signature.")
        try:
            delivery = read_delivery(provider, json.loads(body))
        except (ValueError, RecursionError):
            return _refusal(400, "not_json", "The body is no JSON.")
        self._metrics.looked_at("hooks", 1, _now_ms())  # what is told of, however old: the carrier's feed is alive
        if isinstance(delivery, str):
            return self._ignored(delivery)
        self._book.refresh()
        if self._book.find(delivery.tracking) is None:
            self._book.park(delivery, hook.accounts, _now_ms())
            return self._ignored("parked")
        mapped = self._receipt(delivery, hook.accounts)
        if mapped is None:
            return self._ignored("outbound")
        if not mapped.notifications:
            return self._ignored(mapped.left_out[0].reason)
        return await self._answer_after_sending(mapped.notifications)

    def _ignored(self, reason: str) -> web.Response:
        """A carrier must not send again what will never be more: all that is understood is answered with success."""
        self._metrics.left_out(reason)
        return web.json_response({"accepted": [], "left_out": reason}, status=202)

    def _receipt(self, delivery: Delivery, accounts: Sequence[str]) -> Mapped | None:
        """The receipt of a delivery; None where the book knows no return of these accounts."""
        tracked = self._book.find(delivery.tracking)
        name = "" if tracked is None else f"{tracked.seller_id}/{tracked.marketplace_id}"
        assert self._state.book is not None  # policies are in force before the gateway is made
        calendar = self._state.book.agreement(name).calendar
        if tracked is None or calendar is None or name not in accounts:
            return None
        account = SourceAccount(tracked.seller_id, tracked.marketplace_id, calendar)
        mapped = map_delivery(delivery, tracked, account, where="")
        now_ms = _now_ms()
        for notification in mapped.notifications:
            rejected = admit(self._state, notification, now_ms, now_ms)
            if rejected is not None:
                return mapped._replace(notifications=(), left_out=(LeftOut(rejected.reason),))
        return mapped

    # --- around it ---------------------------------------------------------------------------------------------------

    def _counted(
        self, path: str, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                answered: web.Response = await handler(request)
            except web.HTTPException as error:
                self._metrics.answers.labels(path, str(error.status)).inc()
                raise
            self._metrics.answers.labels(path, str(answered.status)).inc()
            return answered

        return answer

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _metrics_page(self, request: web.Request) -> web.Response:
        if self.door is None or not self.door.may_see_metrics(request.headers.get("Authorization", "")):
            return _refusal(401, "unauthorized", "Give the token of http_token_file.")
        return web.Response(body=self._metrics.page(), content_type="text/plain")

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(openapi())


async def _body(request: web.Request) -> bytes:
    """The whole body; 413 where it is too large, 408 where it does not come."""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _refusal(status: int, error: str, words: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": error, "message": words}, status=status, headers=headers)


def _now_ms() -> int:
    return int(time.time() * 1000)
