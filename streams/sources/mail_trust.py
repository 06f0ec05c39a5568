"""Who vouches for a mail: what the mailbox's own host found out about its sender.

Anybody can write any From and any header of Amazon's. What counts is the `Authentication-Results` header of the host
that keeps the mailbox: it removes those that claim its name when it receives a mail (RFC 8601, section 5). A mail is
Amazon's where that header says `dkim=pass` or `dmarc=pass` for a domain of Amazon's that the From address belongs to.
Domains are compared as labels, never by substring: `amazon.com.evil.example` is nobody's. A header with quotation marks
repeats what a sender wrote (his `smtp.mailfrom`), which could be results of his own making: it is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from streams.sources.marketplaces import ENDINGS

AMAZON: Final = frozenset(f"amazon.{ending}" for ending in ENDINGS)
RELAY: Final = "marketplace"

_SIGNATURE: Final = re.compile(r"header\.b=\"[A-Za-z0-9+/=]*\"", re.IGNORECASE)
_QUOTES: Final = re.compile(r"[\"\\]")
_COMMENT: Final = re.compile(r"\([^()]*\)")
_RESULT: Final = re.compile(
    r"\s*(?P<method>dkim|dmarc)\s*(?:/\s*1\s*)?=\s*pass\b(?P<properties>.*)", re.IGNORECASE | re.DOTALL
)
_DOMAIN: Final = re.compile(
    r"(?<!\S)header\.(?:d|i|from)\s*=\s*(?:[^\s;@]*@)?(?P<domain>[A-Za-z0-9.-]+)(?!\S)", re.IGNORECASE
)


def domain_of(address: str) -> str:
    """What stands behind the last `@`, in small letters."""
    return address.rpartition("@")[2].strip().rstrip(".").lower()


def is_within(domain: str, outer: str) -> bool:
    """Whether a domain is another one or lies in it."""
    return domain == outer or domain.endswith(f".{outer}")


def relay_ending(domain: str) -> str | None:
    """The shop's ending where the domain is a relay for buyers' mail: `co.uk` of `marketplace.amazon.co.uk`."""
    name, _, ending = domain.partition(".amazon.")
    return ending if name == RELAY and ending in ENDINGS else None


def vouched_domains(results: Iterable[str], host: str) -> frozenset[str]:
    """The domains that a host vouches for in its own, topmost `Authentication-Results`."""
    for text in results:
        plain = _SIGNATURE.sub(" ", text)
        while plain != (shorter := _COMMENT.sub(" ", plain)):
            plain = shorter
        name, *parts = plain.split(";")
        if (name.split() or [""])[0].lower() == host.lower():
            if _QUOTES.search(plain):
                break
            passed = filter(None, map(_RESULT.match, parts))
            return frozenset(found["domain"].lower() for one in passed for found in _DOMAIN.finditer(one["properties"]))
    return frozenset()


def is_amazons(sender: str, vouched: Iterable[str]) -> bool:
    """Whether a sender's domain is Amazon's and vouched for."""
    domain = domain_of(sender)
    return any(
        outer in AMAZON and is_within(domain, outer) and is_within(domain, one) and is_within(one, outer)
        for one in vouched
        for outer in AMAZON
    )
