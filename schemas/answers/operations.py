"""What operators are answered: what is due, what was refused, what a broker and a policy file hold."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.answers.members import Account, Answer, ClockId, Count, DueAt, RuleName, Sha256, StartedAt, Subject, one_of
from schemas.events import Instant, NotNegative, Positive


class ListedClock(Answer, frozen=True):
    """A clock, one a line."""

    clock_id: ClockId
    state: Annotated[
        str,
        one_of("open", "breached", "reminder_due", "lapsed"),
        Meta(description="`open`, or what its due event was."),
    ]
    due_at: DueAt
    started_at: StartedAt
    seller_id: Annotated[str, Meta(description="The seller.")]
    marketplace_id: Annotated[str, Meta(description="The marketplace.")]
    rule: RuleName
    rule_version: Annotated[Positive, Meta(description="The version of the rule that binds it.")]
    subject: Subject
    order_id: Annotated[str, Meta(description="The order; empty where there is none.")]
    calendar: Annotated[str, Meta(description="The calendar; empty where the target counts no days.")]


class ListedLetter(Answer, kw_only=True, frozen=True):
    """A letter, one a line."""

    id: Annotated[str, Meta(description="Its name, `PARTITION:OFFSET` in the topic of dead letters.")]
    at: Annotated[Instant, Meta(description="When it was written.")]
    reason: Annotated[str, Meta(description="Why it is no notification.")]
    field: Annotated[str | None, Meta(description="The first field to blame; null where there is none.")]
    origin: Annotated[str, Meta(description="Where it came from: `topic/partition/offset`.")]
    account: Annotated[Account | None, Meta(description="Whose it is; null where that cannot be read.")]
    redriven: Annotated[Count, Meta(description="How often it was sent again.")]
    line: Annotated[
        NotNegative | UnsetType, Meta(description="Of a skipped line: the number it would have had; else absent.")
    ] = UNSET


class WholeLetter(ListedLetter, kw_only=True, frozen=True):
    """A letter whole, key and value in base64, one a line."""

    key: Annotated[
        str | None, Meta(description="Its key; null: none.", extra_json_schema={"contentEncoding": "base64"})
    ]
    value: Annotated[
        str | None, Meta(description="Its value; null: none.", extra_json_schema={"contentEncoding": "base64"})
    ]


class EmbeddedKafka(Answer, frozen=True):
    """Whether it runs, and where."""

    bootstrap: Annotated[str | None, Meta(description="Where it listens; null if it never did.")]
    folder: Annotated[str, Meta(description="The folder of its data.")]
    is_answering: Annotated[bool, Meta(description="Whether it answers.")]
    is_running: Annotated[bool, Meta(description="Whether its process is there.")]
    log_file: Annotated[str, Meta(description="Its log.")]
    pid: Annotated[int | None, Meta(description="Its process; null if there is none.")]


class Step(Answer, frozen=True):
    """What one step found."""

    step: Annotated[
        str,
        one_of("connection", "versions", "topics", "clock", "right", "rights"),
        Meta(description="What was tried; `right`: one that is missing, `rights`: all are there."),
    ]
    is_well: Annotated[bool, Meta(description="Whether nothing is missing.")]
    sentence: Annotated[str, Meta(description="What was found, in a sentence.")]
    commands: Annotated[list[str], Meta(description="What mends it, where commands do.")]


class Examination(Answer, frozen=True):
    """The way to Kafka, step by step, as far as it could be gone."""

    findings: Annotated[list[Step], Meta(description="What each step found, in their order.")]


class TopicDifferences(Answer, frozen=True):
    """A sentence for each difference."""

    differences: Annotated[list[str], Meta(description="Empty: all topics are as they should be.")]


class ListedVersion(Answer, frozen=True):
    """A version of a rule."""

    version: Annotated[Positive, Meta(description="Its number.")]
    effective_from: Annotated[Instant, Meta(description="From when it is in force.")]


class PolicyFile(Answer, frozen=True):
    """What is in a policy file."""

    digest: Annotated[Sha256, Meta(description="Its digest.")]
    calendars: Annotated[list[str], Meta(description="Its calendars, by name.")]
    marketplaces: Annotated[dict[str, str], Meta(description="The calendar of each marketplace.")]
    accounts: Annotated[dict[str, str], Meta(description="The calendar of each account that has its own.")]
    rules: Annotated[dict[str, list[ListedVersion]], Meta(description="The versions of each rule.")]
