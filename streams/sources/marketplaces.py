"""Marketplaces by the names that reports and mails use for them.

Ids and domains: Selling Partner API, "Marketplace IDs" [A]; a settlement's `marketplace-name` being the shop's domain
with a capital letter [T]; the relay domains of buyers' mail being `marketplace.amazon.<the shop's ending>` [T].
"""

from __future__ import annotations

from typing import Final

ENDINGS: Final[dict[str, str]] = {
    "com": "ATVPDKIKX0DER",
    "ca": "A2EUQ1WTGCTBG2",
    "com.mx": "A1AM78C64UM0Y8",
    "com.br": "A2Q3Y263D00KWC",
    "ie": "A28R8C7NBKEWEA",
    "es": "A1RKKUPIHCS9HS",
    "co.uk": "A1F83G8C2ARO7P",
    "fr": "A13V1IB3VIYZZH",
    "com.be": "AMEN7PMS3EDWL",
    "nl": "A1805IZSGTT6HS",
    "de": "A1PA6795UKMFR9",
    "it": "APJ6JRA9NG5V4",
    "se": "A2NODRKZP88ZB9",
    "pl": "A1C3SOZRARQ6R3",
    "eg": "ARBP9OOSHTCHU",
    "com.tr": "A33AVAJ2PDY3EV",
    "sa": "A17E79C6D8DWNP",
    "ae": "A2VIGQ35RCS4UG",
    "in": "A21TJRUUN4KGV",
    "sg": "A19VAU5U5O7RUS",
    "com.au": "A39IBJ37TRP1C6",
    "co.jp": "A1VC38T7YXB528",
}


def marketplace_named(name: str) -> str | None:
    """The marketplace of `Amazon.co.uk`, as settlements and transactions name it."""
    shop, _, ending = name.strip().lower().partition(".")
    return ENDINGS.get(ending) if shop == "amazon" else None
