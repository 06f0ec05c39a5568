"""What the fields of a notification may hold: one type for each kind of value in contract §2.

The annotation says all there is to know of a kind, and decoder and JSON Schemas read it from there: the pattern of a
text, what counts in its place where any other text counts too (`Rewording`), the field that a figure may not exceed
(`AT_MOST`), and what no type can say of a value (`HOLDS`).
"""

import hashlib
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, get_args

from msgspec import Meta

from schemas.codec import FIRST_MS, LAST_MS

INTEGER_LIMIT: Final = 2**53 - 1  # an integer that every reader of JSON can hold
_FIGURE_LIMIT: Final = 10**9
_DAY_S: Final = 86_400

REWORDING: Final = "rewording"
AT_MOST: Final = "at_most"
HOLDS: Final = "holds"
Zone: TypeAlias = tuple[tuple[int, int], ...]


class Rewording(NamedTuple):
    """Of a text that is valid whatever it is: whether it is kept as it came, and what is kept in its place if not."""

    is_kept: Callable[[str], object]
    otherwise: Callable[[str], str]


def _text(pattern: str, description: str) -> Meta:
    """A text with a pattern. Not msgspec's own `pattern`: that one is searched field by field, ten times slower."""
    return Meta(description=description, extra_json_schema={"pattern": f"^{pattern}$"})


def _as_other(_: str) -> str:
    return "other"


def _as_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _ascends(zones: dict[str, Zone]) -> bool:
    """The changes of each zone stand in ascending order."""
    return all(earlier[0] < later[0] for zone in zones.values() for earlier, later in pairwise(zone))


_ID: Final = "[A-Za-z0-9._:@=+-]{1,128}"
_is_id: Final = re.compile(_ID).fullmatch

Id: TypeAlias = Annotated[str, _text(_ID, "An identifier.")]
SellerId: TypeAlias = Annotated[str, _text("[A-Za-z0-9._:@=+-]{1,64}", "The seller.")]
MarketplaceId: TypeAlias = Annotated[str, _text("[A-Za-z0-9._:@=+-]{1,32}", "The marketplace, e.g. ATVPDKIKX0DER.")]
OrderId: TypeAlias = Annotated[str, _text("[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}", "The order, as Amazon numbers it.")]
Amount: TypeAlias = Annotated[str, _text(r"[0-9]{1,12}(\.[0-9]{1,2})?", "An amount of money, in its currency.")]
Currency: TypeAlias = Annotated[str, _text("[A-Z]{3}", "A currency: three capital letters.")]
Digest: TypeAlias = Annotated[str, _text("[0-9A-Fa-f]{64}", "SHA-256, hexadecimal.")]
Code: TypeAlias = Annotated[
    str,
    _text(_ID, "A code. Any other text counts, and is kept, as `other`."),
    Meta(extra={REWORDING: Rewording(_is_id, _as_other)}),
]
SubjectHash: TypeAlias = Annotated[
    str,
    _text(_ID, "A hash of the case's subject. Of any other text the first 32 hex digits of its SHA-256 are kept."),
    Meta(extra={REWORDING: Rewording(_is_id, _as_hash)}),
]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=INTEGER_LIMIT)]
Logic: TypeAlias = Annotated[
    int, Meta(ge=1, le=INTEGER_LIMIT, description="The number of the rules' code that decides.")
]
Figure: TypeAlias = Annotated[int, Meta(ge=0, le=_FIGURE_LIMIT)]
WindowDays: TypeAlias = Annotated[int, Meta(ge=1, le=366)]
OccurredMs: TypeAlias = Annotated[
    int,
    Meta(
        description="When the fact happened, by the marketplace's own clock: RFC 3339 with an offset.",
        extra_json_schema={"type": "string", "format": "date-time"},
    ),
]
ZonesSaid: TypeAlias = Annotated[
    dict[
        str,
        Annotated[
            tuple[
                tuple[
                    Annotated[int, Meta(ge=FIRST_MS, le=LAST_MS, description="From when, in milliseconds UTC.")],
                    Annotated[int, Meta(ge=1 - _DAY_S, le=_DAY_S - 1, description="Seconds east of UTC.")],
                ],
                ...,
            ],
            Meta(min_length=1),
        ],
    ],
    Meta(
        description="What each time zone means: its offsets, each with the instant from which it is in force.",
        extra={HOLDS: _ascends},
    ),
]

Program: TypeAlias = Literal["sfp", "mfn", "fba", "csba_jp"]
SwitchedProgram: TypeAlias = Literal["sfp", "csba_jp"]
ApprovedBy: TypeAlias = Literal["auto_policy", "amazon_cs", "seller"]
Response: TypeAlias = Literal["label", "authorized", "offer", "refund", "closed", "declined"]
IssuedBy: TypeAlias = Literal["seller", "amazon_cs", "amazon_auto", "unknown"]
RefundKind: TypeAlias = Literal["return", "shipping", "goodwill", "other"]
AskingRole: TypeAlias = Literal["buyer", "amazon_cs", "csba"]
AnsweringRole: TypeAlias = Literal["seller", "csba"]
Role: TypeAlias = Literal["buyer", "amazon_cs", "csba", "seller"]
_KnownTopic: TypeAlias = Literal["product", "order", "return", "refund", "delivery", "other"]
MessageTopic: TypeAlias = Annotated[
    _KnownTopic,
    Meta(
        description="What the message is about. Any other text counts, and is kept, as `other`.",
        extra={REWORDING: Rewording(frozenset(get_args(_KnownTopic)).__contains__, _as_other)},
    ),
]
ClaimKind: TypeAlias = Literal["a_to_z", "not_received"]
ClaimOutcome: TypeAlias = Literal["granted", "denied"]
Priority: TypeAlias = Literal["high", "normal"]
CaseActor: TypeAlias = Literal["amazon", "seller"]
EvidenceKind: TypeAlias = Literal["chat_log", "delivery_proof", "qc_report"]


def said_of(hint: object, key: str) -> Any:
    """What the annotation of a field, optional or not, says under `key`; None if it says nothing there."""
    for meta in getattr(hint, "__metadata__", ()):
        if meta.extra and key in meta.extra:
            return meta.extra[key]
    return next((found for part in get_args(hint) if (found := said_of(part, key)) is not None), None)


def pattern_of(hint: object) -> str | None:
    """The pattern in the annotation of a text, optional or not, as its JSON Schema has it: between `^` and `$`."""
    for meta in getattr(hint, "__metadata__", ()):
        if meta.extra_json_schema and "pattern" in meta.extra_json_schema:
            return str(meta.extra_json_schema["pattern"])
    return next(filter(None, map(pattern_of, get_args(hint))), None)
