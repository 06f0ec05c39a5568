"""The kinds of value that several documents share, each with its meaning, and the base of every object in one."""

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from schemas.events import Instant, NotNegative, OutputId, Positive


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """What every object in a document is: its named members, strict where it is read back."""


def one_of(*values: str) -> Meta:
    """A text that is one of these."""
    return Meta(extra_json_schema={"enum": list(values)})


Outcome: TypeAlias = Annotated[
    str,
    one_of("open", "met", "superseded", "exempt", "breached", "closed_late", "gone"),
    Meta(description="How the clock stands; `gone`: no fact calls for it any more."),
]
Partition: TypeAlias = Annotated[int, Meta(ge=0, description="The partition.")]
LineNumber: TypeAlias = Annotated[Positive, Meta(description="The number of the journal line.")]
LineOffset: TypeAlias = Annotated[
    NotNegative | None, Meta(description="Where it stands in the journal; null in an exported journal.")
]
JournalTime: TypeAlias = Annotated[Instant, Meta(description="Journal time: when it was known.")]
Sha256: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9a-f]{64}$"})]
PolicyDigest: TypeAlias = Annotated[Sha256, Meta(description="The digest of the policies in force.")]
LogicNumber: TypeAlias = Annotated[Positive, Meta(description="The number of the rules' code in force.")]
DueAt: TypeAlias = Annotated[Instant, Meta(description="When the clock is due.")]
StartedAt: TypeAlias = Annotated[Instant, Meta(description="When the clock started.")]
ClockId: TypeAlias = Annotated[str, Meta(description="`<seller_id>/<marketplace_id>/<rule>/<subject>`.")]
Account: TypeAlias = Annotated[str, Meta(description="`<seller_id>/<marketplace_id>`.")]
RuleName: TypeAlias = Annotated[str, Meta(description="The name of the rule.")]
Subject: TypeAlias = Annotated[str, Meta(description="What the clock is on, within its rule.")]
EventName: TypeAlias = Annotated[str, Meta(description="The type of the event.")]
NamedOutput: TypeAlias = Annotated[OutputId, Meta(description="Which event, by its `output_id`.")]
Count: TypeAlias = NotNegative
