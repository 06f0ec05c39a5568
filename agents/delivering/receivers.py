"""The receivers, one for each kind of target: what is handed over is acknowledged, or `NotTaken` says why not.

Secrets are read from their files for each try, so that a new one holds at once, and stand in no error and no log: of an
address no more is said than its host. A redirect is no acknowledgement. What a target answers is not kept.
"""

import asyncio
import smtplib
import ssl
import time
from collections.abc import Coroutine, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from agents.delivering import payloads
from agents.delivering.matching import Event
from agents.delivering.merging import Item
from agents.delivering.payloads import Request, key_of
from agents.delivering.waiting import asked_wait_s
from agents.errors import UserError
from agents.subscriptions import Chat, Mail, PagerDuty, Slack, Subscription, Teams, Webhook, is_safe

Why: TypeAlias = Literal["no_answer", "timeout", "busy", "refused", "broken", "secret"]
WHYS: Final[tuple[Why, ...]] = ("no_answer", "timeout", "busy", "refused", "broken", "secret")
_BUSY: Final = (429, 503)


class NotTaken(Exception):
    """The target did not take it. `asked_s`: how long it asked to be left alone."""

    def __init__(self, why: Why, words: str, asked_s: float = 0.0) -> None:
        super().__init__(words)
        self.why = why
        self.words = words
        self.asked_s = asked_s


class Receiver(Protocol):
    """Where events go."""

    def send(self, items: Sequence[Item]) -> Coroutine[Any, Any, None]:
        """Hand over, and wait for the acknowledgement. NotTaken where none came."""

    async def close(self) -> None:
        """Let go of connections."""


def receiver_of(delivery: Subscription) -> Receiver:
    """The target that a delivery names. UserError (status 2) where one of its files is of no use."""
    for name in ("url_file", "secret_file", "routing_key_file", "password_file"):
        if path := getattr(delivery, name, ""):
            try:
                found = read_secret(path)
                _check_secret(name, found)
            except (OSError, ValueError) as error:
                words = error.strerror if isinstance(error, OSError) else str(error)
                raise UserError(
                    f"The file {path} (`{name}` of the delivery {delivery.name!r}) is of no use ({words}); correct it, "
                    "or name another.",
                    2,
                ) from None
    return MailReceiver(delivery) if isinstance(delivery, Mail) else HttpReceiver(delivery)


def read_secret(path: str) -> str:
    """What stands in a file, without the spaces around it. OSError, ValueError where that is no text or nothing."""
    found = Path(path).read_text(encoding="utf-8").strip()
    if not found:
        raise ValueError("it is empty")
    return found


def _check_secret(name: str, found: str) -> None:
    if name == "url_file" and not is_safe(found):
        raise ValueError("no address that begins with https://")
    if name == "secret_file":
        key_of(found)


class HttpReceiver:
    """A POST for each event."""

    def __init__(self, delivery: Subscription) -> None:
        self._delivery = delivery
        self._session: aiohttp.ClientSession | None = None

    async def send(self, items: Sequence[Item]) -> None:
        """POST them one after the other."""
        for item in items:
            assert item.event is not None  # only events match
            try:
                url, request = self._request(item.event, item.value)
            except (OSError, ValueError) as error:
                raise NotTaken("secret", f"a file of it cannot be read ({type(error).__name__})") from None
            await self._post(url, request)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _request(self, event: Event, value: bytes) -> tuple[str, Request]:
        one = self._delivery
        if isinstance(one, Webhook):
            secret = read_secret(one.secret_file) if one.secret_file else ""
            url = one.url or read_secret(one.url_file)
            return url, payloads.webhook(one, event, value, secret, int(time.time()))
        if isinstance(one, PagerDuty):
            key = read_secret(one.routing_key_file)
            return one.url, payloads.pagerduty(event, one.language, one.clock_link, key)
        assert isinstance(one, Chat)  # there are no others
        make = {Slack: payloads.slack, Teams: payloads.teams}[type(one)]
        return read_secret(one.url_file), make(event, one.language, one.clock_link)

    async def _post(self, url: str, request: Request) -> None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._delivery.timeout_ms / 1000)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        host = urlsplit(url).hostname
        try:
            async with self._session.post(
                url, data=request.body, headers=request.headers, allow_redirects=False
            ) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except TimeoutError:
            raise NotTaken("timeout", f"{host} did not answer within {self._delivery.timeout_ms} ms") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotTaken("no_answer", f"{host} cannot be reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            why: Why = "busy" if status in _BUSY else "broken" if status >= 500 else "refused"
            raise NotTaken(why, f"{host} answered {status}", asked_wait_s(retry_after, int(time.time() * 1000)))


class MailReceiver:
    """A mail by SMTP."""

    def __init__(self, delivery: Mail) -> None:
        self._delivery = delivery

    async def send(self, items: Sequence[Item]) -> None:
        """One mail for all of these."""
        events = [item.event for item in items if item.event is not None]
        await self.send_mail(payloads.mail(self._delivery, events, int(time.time() * 1000)))

    async def send_mail(self, mail: EmailMessage) -> None:
        """Hand a mail to the server."""
        host, _, port = self._delivery.smtp.rpartition(":")
        try:
            password = read_secret(self._delivery.password_file) if self._delivery.password_file else ""
        except (OSError, ValueError) as error:
            raise NotTaken("secret", f"the password cannot be read ({type(error).__name__})") from None
        try:
            await asyncio.to_thread(self._hand_over, mail, host.strip("[]"), int(port), password)
        except smtplib.SMTPResponseException as error:
            why: Why = "busy" if 400 <= error.smtp_code < 500 else "refused"
            raise NotTaken(why, f"{host} answered {error.smtp_code}") from None
        except TimeoutError:
            raise NotTaken("timeout", f"{host} did not answer within {self._delivery.timeout_ms} ms") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            why = "busy" if all(400 <= code < 500 for code in codes) else "refused"
            raise NotTaken(why, f"{host} takes no mail for {len(codes)} of the recipients ({codes[0]})") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotTaken("no_answer", f"{host} cannot be reached ({type(error).__name__})") from None

    def _hand_over(self, mail: EmailMessage, host: str, port: int, password: str) -> None:
        """In a thread of its own: the library waits."""
        one, timeout_s = self._delivery, self._delivery.timeout_ms / 1000
        context = ssl.create_default_context()
        if one.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=timeout_s)
        with server:
            if one.tls == "starttls":
                server.starttls(context=context)
            if one.username:
                server.login(one.username, password)
            # One of several recipients may be refused: the mail then counts as taken, or the others had it without end.
            server.send_message(mail)

    async def close(self) -> None:
        """There is no connection between mails."""
