"""Which messages belong together: the thread's id from a mail, and the book that finds it for a reply.

Amazon's links carry a thread token, `t=` [T] (that it is the same for all messages of a thread [I]); older mails have
`[commMgrTok:…]` or `/messaging/<number>` [T]. Else relay address and order name the thread, as a digest: an address
never leaves here. A buyer may write what he likes into his message, so it is the last token of the mail that counts:
the footer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.sources.naming import digest, id_made_of

_TOKENS: Final = (
    re.compile(r"sellercentral[a-z-]*\.amazon\.[a-z.]+/messaging/[^\s\"'<>]*[?&]t=([A-Za-z0-9_.:=+-]+)", re.ASCII),
    re.compile(r"\[commMgrTok:([A-Za-z0-9_.:=+-]+)\]", re.ASCII),
    re.compile(r"sellercentral[a-z-]*\.amazon\.[a-z.]+/messaging/(?:[a-z-]+/)*(\d{5,})", re.ASCII),
)


def thread_token(texts: Iterable[str]) -> str | None:
    """The thread's id by the last token in a mail's links and text, of the surest kind that is there."""
    text = "\n".join(texts)
    for pattern in _TOKENS:
        found = pattern.findall(text)
        if found:
            return id_made_of("t", found[-1])
    return None


def thread_of_relay(relay: str, order_id: str | None) -> str:
    """The thread's id by who writes about which order."""
    local, _, domain = relay.lower().rpartition("@")
    return f"t.{digest('relay', local.partition('+')[0], domain, order_id or '')[:32]}"


class ThreadEntry(NamedTuple):
    """A buyer's message and its thread. Message and relay are digests: the book is kept, and addresses are not."""

    thread_id: str
    message: str
    relay: str
    order_id: str | None
    at_ms: int


class ThreadBook:
    """The threads of buyers' messages, by what a reply may say of them."""

    def __init__(self, entries: Iterable[ThreadEntry] = ()) -> None:
        self.entries: list[ThreadEntry] = []
        self._by_message: dict[str, str] = {}
        self._by_relay: dict[str, set[str]] = {}
        self._by_order: dict[str, set[str]] = {}
        for entry in entries:
            self._add(entry)

    def note(self, thread_id: str, *, message_id: str, relay: str, order_id: str | None, at_ms: int) -> None:
        """A buyer's message belongs to this thread."""
        entry = ThreadEntry(thread_id, digest(message_id), digest(relay.lower()), order_id, at_ms)
        if entry.message not in self._by_message:
            self._add(entry)

    def _add(self, entry: ThreadEntry) -> None:
        self.entries.append(entry)
        self._by_message[entry.message] = entry.thread_id
        self._by_relay.setdefault(entry.relay, set()).add(entry.thread_id)
        if entry.order_id is not None:
            self._by_order.setdefault(entry.order_id, set()).add(entry.thread_id)

    def of_reply(self, *, references: Iterable[str], relays: Iterable[str], order_id: str | None) -> str | None:
        """The one thread that a reply can belong to; None where it may be several, or none."""
        for message in map(digest, references):
            if message in self._by_message:
                return self._by_message[message]
        if order_id is not None and len(self._by_order.get(order_id, ())) == 1:
            return next(iter(self._by_order[order_id]))
        found = {thread for relay in relays for thread in self._by_relay.get(digest(relay.lower()), ())}
        return found.pop() if len(found) == 1 else None
