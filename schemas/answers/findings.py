"""What is found when the journal is looked through: audit, seals, rebuild, what-if."""

from typing import Annotated

from msgspec import Meta

from schemas.answers.members import Answer, ClockId, Count, DueAt, LineNumber, Partition, Sha256, one_of
from schemas.events import Instant, NotNegative, OutputId, Positive


class Finding(Answer, frozen=True):
    """One difference. `topic` is logical, `line` that of the journal, `offset` that of the record to look at."""

    kind: Annotated[
        str,
        one_of("missing", "extra", "different", "repeated", "order", "journal"),
        Meta(description="What kind of difference."),
    ]
    partition: Partition
    topic: Annotated[str, Meta(description="The topic that it is about, without its prefix.")]
    line: Annotated[Positive | None, Meta(description="The line of the journal, where one is known.")]
    offset: Annotated[NotNegative | None, Meta(description="The record to look at; null where there is none.")]
    output_id: Annotated[OutputId | None, Meta(description="The event; null where it is about none.")]
    sentence: Annotated[str, Meta(description="What is wrong, in a sentence.")]


class LostInput(Answer, frozen=True):
    """Input records that were gone before they were read."""

    topic: Annotated[str, Meta(description="The input topic, by its name on the broker.")]
    first: Annotated[NotNegative, Meta(description="The first offset.")]
    last: Annotated[NotNegative, Meta(description="The last offset.")]
    found_at: Annotated[Instant, Meta(description="When it was found, by the broker's clock.")]


class AuditedPartition(Answer, frozen=True):
    """What was audited in one partition."""

    partition: Partition
    lines: Annotated[Count, Meta(description="The last line that was folded.")]
    from_line: Annotated[Positive, Meta(description="The first line that was folded.")]
    seals: Annotated[Count, Meta(description="Seals found true.")]
    events: Annotated[dict[str, Count], Meta(description="How many events the journal calls for, by topic.")]
    policies: Annotated[list[str], Meta(description="Digests of the policies in force, in their order.")]
    logics: Annotated[list[Positive], Meta(description="The logics in force, in their order.")]
    later: Annotated[Count, Meta(description="Events of lines that came during the audit: not judged.")]
    gone: Annotated[Count, Meta(description="Events that retention has taken.")]
    lost_records: Annotated[Count, Meta(description="Input records that were gone before they were read, in all.")]
    lost: Annotated[list[LostInput], Meta(description="The newest ranges of them.")]
    findings: Annotated[dict[str, Count], Meta(description="How many findings of each kind.")]


class Audit(Answer, frozen=True):
    """What was found, and the first findings of each partition."""

    clean: Annotated[bool, Meta(description="Whether there is no finding at all.")]
    lines: Annotated[Count, Meta(description="Lines of all partitions.")]
    events: Annotated[Count, Meta(description="Events that they call for.")]
    partitions: Annotated[list[AuditedPartition], Meta(description="Each partition.")]
    findings: Annotated[list[Finding], Meta(description="The first findings of each partition.")]


class Seal(Answer, frozen=True):
    """A seal, one a line."""

    partition: Partition
    offset: Annotated[NotNegative, Meta(description="Where the seal stands in the journal.")]
    at: Annotated[Instant, Meta(description="Its journal time.")]
    line: Annotated[LineNumber, Meta(description="The line up to which it seals.")]
    line_offset: Annotated[NotNegative, Meta(description="Where that line stands in the journal.")]
    state: Annotated[Sha256, Meta(description="Digest of the state behind that line.")]
    journal: Annotated[Sha256, Meta(description="Digest of all records up to that line.")]


class RebuiltPartition(Answer, frozen=True):
    """What was done in one partition."""

    partition: Partition
    lines: Annotated[Count, Meta(description="Lines folded.")]
    sent: Annotated[dict[str, Count], Meta(description="Events sent, by topic.")]
    rows: Annotated[Count, Meta(description="Rows written.")]
    tombstones: Annotated[Count, Meta(description="Rows taken away.")]
    ended: Annotated[Count, Meta(description="Topics in which a hanging transaction was ended.")]
    left: Annotated[Count, Meta(description="Differences that remain.")]


class Rebuild(Answer, frozen=True):
    """What was done in each partition."""

    dry_run: Annotated[bool, Meta(description="Whether nothing was written: this is what would be.")]
    clean: Annotated[bool, Meta(description="Whether no difference remains.")]
    changed: Annotated[bool, Meta(description="Whether anything was to be done.")]
    partitions: Annotated[list[RebuiltPartition], Meta(description="Each partition.")]
    findings: Annotated[list[Finding], Meta(description="The differences that remain.")]


class Verdict(Answer, frozen=True):
    """Where a clock stands: the outcome last told, and the due and version that it was told with."""

    outcome: Annotated[
        str,
        one_of("open", "met", "superseded", "exempt", "breached", "closed_late"),
        Meta(description="How the clock stands."),
    ]
    due_at: DueAt
    version: Annotated[Positive, Meta(description="The version of the rule that binds it.")]


class ChangedClock(Answer, frozen=True):
    """A clock that would have differed."""

    clock_id: ClockId
    before: Annotated[Verdict | None, Meta(description="How it stands; null: there is no such clock.")]
    after: Annotated[Verdict | None, Meta(description="How it would stand; null: there would be none.")]


class OutcomeCounts(Answer, frozen=True):
    """How many clocks have each outcome."""

    open: Annotated[Count, Meta(description="Clocks that are open.")]
    met: Annotated[Count, Meta(description="Clocks that were met.")]
    superseded: Annotated[Count, Meta(description="Clocks that another's act ended in time.")]
    exempt: Annotated[Count, Meta(description="Clocks whose duty was not owed.")]
    breached: Annotated[Count, Meta(description="Clocks that stand breached.")]
    closed_late: Annotated[Count, Meta(description="Clocks that ended after their due.")]


class RuleDifference(Answer, frozen=True):
    """A rule's clocks, as they are and as they would be."""

    before: Annotated[OutcomeCounts, Meta(description="As they are.")]
    after: Annotated[OutcomeCounts, Meta(description="As they would be.")]


class EventCounts(Answer, frozen=True):
    """How many events there are, and would be."""

    before: Annotated[dict[str, Count], Meta(description="By type, as it was.")]
    after: Annotated[dict[str, Count], Meta(description="By type, as it would have been.")]


class Difference(Answer, frozen=True):
    """All clocks that would have differed."""

    policies: Annotated[Sha256, Meta(description="The digest of the policies that were tried.")]
    lines: Annotated[Count, Meta(description="Lines replayed.")]
    rules: Annotated[dict[str, RuleDifference], Meta(description="Each rule by its name.")]
    events: EventCounts
    changed: Annotated[Count, Meta(description="How many clocks would have differed.")]
    clocks: Annotated[list[ChangedClock], Meta(description="Each of them.")]
