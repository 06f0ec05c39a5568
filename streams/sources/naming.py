"""Names made from what a source says: the same entry has the same names wherever and whenever it is read.

An event id is `<source>:` and the first 32 hex digits of a SHA-256 over the account, the type and the entry's own key;
nothing of file names, row numbers or reading times is in it. A return's id is its order and the local day of its
request: the one name that the report, the mail and, by the book of parcels, the carrier can all make [T].
"""

from __future__ import annotations

import re
from datetime import date
from hashlib import sha256
from typing import Final

ORDER: Final = re.compile(r"(?<![0-9A-Za-z-])[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}(?![0-9A-Za-z-])", re.ASCII)
_SIMPLE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}", re.ASCII)
_NOT_OF_AN_ID: Final = re.compile(r"[^A-Za-z0-9._:+=-]+", re.ASCII)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def digest(*parts: str) -> str:
    """64 hex digits for these parts, in this order; no two lists of parts share one."""
    hashed = sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(4, "big") + raw)
    return hashed.hexdigest()


def order_in(text: str) -> str | None:
    """The first order id in a text."""
    found = ORDER.search(text)
    return None if found is None else found[0]


def return_id_of(order_id: str, day: int) -> str:
    """`<order_id>.<yyyy-mm-dd>`; days are numbered from 1970-01-01 = 0."""
    return f"{order_id}.{date.fromordinal(_EPOCH_ORDINAL + day).isoformat()}"


def simple_id(text: str) -> str | None:
    """A text that is an id as it stands. An `@` is none here: what has one may be an address."""
    return text if _SIMPLE_ID.fullmatch(text) else None


def id_made_of(prefix: str, text: str) -> str:
    """An id for a foreign one: itself with other characters replaced by `-`, where it is short and no address."""
    plain = _NOT_OF_AN_ID.sub("-", text)
    if plain.strip("-") and "@" not in text and len(plain) <= 100:
        return plain
    return f"{prefix}.{digest(prefix, text)[:32]}"
