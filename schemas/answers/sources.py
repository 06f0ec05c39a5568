"""What `dueclock ingest` answers: what a seller's files became, and on demand what became of each entry in them.

How many notifications went on is said under the word of what became of them: `sent` to Kafka, `written` to a file,
`new` where neither was wished. A document has one of the three.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.answers.members import Answer, Count, one_of

CountSent = Annotated[Count | UnsetType, Meta(description="How many were sent to Kafka; else absent.")]
CountWritten = Annotated[Count | UnsetType, Meta(description="How many were written to the file; else absent.")]
CountNew = Annotated[Count | UnsetType, Meta(description="In a dry run: how many would have gone on; else absent.")]


class LeftOutFor(Answer, kw_only=True, frozen=True, rename={"kind": "class"}):
    """What became nothing for one reason."""

    kind: Annotated[
        str,
        one_of("ignored", "held_back", "unrecognised"),
        Meta(description="`ignored`: as it should be; `held_back`: half a fact; `unrecognised`: in no known form."),
    ]
    count: Annotated[Count, Meta(description="How often.")]
    meaning: Annotated[str, Meta(description="The reason in words.")]


class MadeOfType(Answer, kw_only=True, frozen=True):
    """The notifications of one type."""

    made: Annotated[Count, Meta(description="How many the entries became.")]
    sent: CountSent = UNSET
    written: CountWritten = UNSET
    new: CountNew = UNSET


class Ingested(Answer, kw_only=True, frozen=True):
    """What the files became, and what became nothing."""

    entries: Annotated[Count, Meta(description="Entries read: rows, mails, transactions.")]
    notifications: Annotated[dict[str, MadeOfType], Meta(description="What they became, by type.")]
    left_out: Annotated[dict[str, LeftOutFor], Meta(description="What became nothing, by reason.")]
    unrecognised: Annotated[Count, Meta(description="What had a form that is not known; `--strict` fails for it.")]
    sent: CountSent = UNSET
    written: CountWritten = UNSET
    new: CountNew = UNSET


class Refused(Answer, frozen=True):
    """Why something of an entry became nothing."""

    reason: Annotated[str, Meta(description="The reason, as in `left_out` of the document.")]
    field: Annotated[str, Meta(description="The field of the source that is to blame; empty where none is.")]


class Entry(Answer, frozen=True):
    """An entry, one a line, before the document."""

    where: Annotated[list[str], Meta(description="Where it stands: file and line, or what the source calls it.")]
    about: Annotated[str, Meta(description="What it is about.")]
    became: Annotated[list[str], Meta(description="The types of the notifications that it became and that go on.")]
    left_out: Annotated[list[Refused], Meta(description="Why the rest became nothing.")]
