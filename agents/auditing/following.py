"""`dueclock explain`: one clock followed through the journal of its partition.

The journal is folded again by `streams.engine.step`, as live, with the lines of other accounts as ticks. What is told
is what was seen on the way: the facts of the clock's matter as the matter took them, the events that the fold gave,
the clock's row and what bound it. No rule is stated here a second time. Read-only, in no group; an exported journal
does as well, without offsets. The story itself is composed in `agents/auditing/story.py`.
"""

from copy import deepcopy
from typing import NamedTuple

from agents.auditing.refold import folded, restored
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.lines import JournalError, JournalLine, JournalSource, Progress
from agents.journal.records import Snapshot
from schemas.notifications import Notification, PolicyActivated, TimeTick
from schemas.policy_types import Policies
from schemas.rules import RULES
from streams.engine import Line, restore_state, step
from streams.explaining import ClockName
from streams.facts import Fact, ProgramChanged
from streams.policies import PolicyBook
from streams.row_codec import apply_changes
from streams.rows import AccountRow, Clock, MatterRow
from streams.sla_event import SlaEvent
from streams.state import State, new_state
from streams.telling import Taken


class KnownFact:
    """A fact of the clock's matter, and what became of it. `status`: counts, repeat, replaced or forgotten."""

    def __init__(self, notification: Notification, fact: Fact, at: JournalLine) -> None:
        self.notification = notification
        self.fact = fact
        self.at = at
        self.status = "counts"
        self.by_line: int | None = None
        """The line of the fact that it repeats, that replaced it, or before which its matter was forgotten."""


class CausedEvent(NamedTuple):
    """An event of the clock, the line that brought it, and what was in force: digest of the policies, logic."""

    event: SlaEvent
    at: JournalLine
    digest: str
    logic: int


class Activated(NamedTuple):
    """A line that put policies, zones and logic in force."""

    at: JournalLine
    book: PolicyBook
    logic: int

    @property
    def policies(self) -> Policies:
        """The policies alone, without what their zones mean."""
        return self.book.policies


class KnownAt(NamedTuple):
    """What was known at an instant: the clock as it stood after every timer until then, if it was known at all."""

    asked_ms: int
    judged_ms: int
    line: int
    clock: Clock | None
    state: State
    reached: list[SlaEvent]
    """Events of timers that the instant had reached, though no line had brought that time yet."""


class Following:
    """One clock followed line by line; from a snapshot on where the lines before it are gone.

    `behind` is the last line that was not read, 0 where all were. What is known of its matter from before is in
    `known_before`: the facts without their lines.
    """

    def __init__(
        self, clock: ClockName, clock_id: str, partition: int, at_ms: int | None, start: Snapshot | None = None
    ) -> None:
        self.name = clock
        self.clock_id = clock_id
        self.state: State = new_state(partition) if start is None else restored(start)
        self.behind = self.state.lines
        self.known_before: list[Fact] = []
        self.policies_before = self.state.book
        self.facts: list[KnownFact] = []
        self.events: list[CausedEvent] = []
        self.activations: list[Activated] = []
        self.row: MatterRow | None = None
        self.clock: Clock | None = None
        self.programs: list[ProgramChanged] = []
        self.bound_under: PolicyBook | None = None
        """The policies under which the clock was bound as it stands."""
        self.forgotten: JournalLine | None = None
        self.known_at: KnownAt | None = None
        self._at_ms = at_ms
        self._rows: dict[bytes, bytes] = {}
        self._bound: tuple[int, int, int] | None = None
        if start is not None:
            self._rows = dict(start.rows) if at_ms is not None else {}
            self._look_back()

    def _look_back(self) -> None:
        """What a snapshot knows of the clock's matter."""
        row: MatterRow | None = self.state.find(self.name.row_id)  # type: ignore[assignment] # the id is a matter's
        if row is not None:
            self.known_before = sorted(row.facts, key=lambda fact: fact.when)
            self._keep(row)

    def follow(self, lines: list[JournalLine]) -> None:
        """Fold these lines. JournalError for one that cannot be applied."""
        for one in lines:
            if self._at_ms is not None and self.known_at is None and one.line.journal_ms > self._at_ms:
                self._look(self._at_ms, self._at_ms)
            self._step(one)
        self._keep_rows()

    def close(self) -> None:
        """The journal ends here."""
        if self.known_at is None and self._at_ms is not None:
            self._look(self._at_ms, min(self._at_ms, self.state.journal_ms))

    @property
    def is_account_known(self) -> bool:
        """Whether any line of the clock's account was seen."""
        return self.state.find(self.name.account) is not None

    @property
    def logics(self) -> list[int]:
        """The numbers of the logic that judged the lines, in the order in which they came into force."""
        numbers = [one.logic for one in self.activations]
        return [number for place, number in enumerate(numbers) if number not in numbers[max(0, place - 1) : place]]

    def _step(self, one: JournalLine) -> None:
        """Fold a line; what became of the facts it told, and of the clock's matter, is as the core says it was."""
        events = folded(self.state, one)
        body, own_id = one.line.body, self.name.row_id
        if isinstance(body, PolicyActivated) and self.state.book is not None:
            self.activations.append(Activated(one, self.state.book, self.state.logic))
        own = [event for event in events if event.subject == self.clock_id]
        self.events += [CausedEvent(event, one, self.state.digest, self.state.logic) for event in own]
        if own_id in self.state.gone:
            self._forget(one)
        taken = [fact for fact in self.state.taken if fact.row_id == own_id or self._is_switch(fact)]
        if isinstance(body, Notification):
            for fact in taken:
                self._note(KnownFact(body, fact.fact, one), fact)
        row: MatterRow | None = self.state.find(own_id)  # type: ignore[assignment] # the id is a matter's
        if row is not None and (taken or own):
            self.forgotten = None
            self._keep(row)

    def _is_switch(self, taken: Taken) -> bool:
        """Whether it is a change of programs, and the clock is one that such a change may bear on."""
        return taken.row_id == self.name.account and RULES[self.name.rule].matter == "thread"

    def _note(self, told: KnownFact, taken: Taken) -> None:
        known = next((other for other in self._counting() if other.fact == taken.other), None)
        self.facts.append(told)
        if taken.how == "repeat":
            told.status, told.by_line = "repeat", None if known is None else known.at.line.number
        elif known is not None:
            known.status, known.by_line = "replaced", told.at.line.number

    def _counting(self) -> list[KnownFact]:
        return [told for told in self.facts if told.status == "counts"]

    def _forget(self, one: JournalLine) -> None:
        """The matter was forgotten before this line."""
        self.forgotten = one
        for told in self._counting():
            if not isinstance(told.fact, ProgramChanged):
                told.status, told.by_line = "forgotten", one.line.number

    def _keep(self, row: MatterRow) -> None:
        self.row = row
        account: AccountRow | None = self.state.find(self.name.account)  # type: ignore[assignment] # as above
        self.programs = [] if account is None else list(account.programs)
        self.clock = clock_in(row, self.name) or self.clock
        if self.clock is not None and self.state.book is not None:
            bound = (self.clock.revision, self.clock.version, self.clock.due_ms)
            if bound != self._bound:
                self._bound, self.bound_under = bound, self.state.book

    # --- the state at an instant -----------------------------------------------------------------------------------

    def _keep_rows(self) -> None:
        changes = self.state.take_changes()
        if self._at_ms is not None:
            apply_changes(self._rows, changes)

    def _look(self, asked_ms: int, judged_ms: int) -> None:
        """Judge at an instant: a copy of the state, with a tick that brings it there. The future is not judged."""
        self._keep_rows()
        if not self.state.lines:
            self.known_at = KnownAt(asked_ms, asked_ms, 0, None, new_state(self.state.partition), [])
            return
        copy = restore_state(self.state.partition, list(self._rows.items()))
        line = copy.lines
        events = step(copy, Line(line + 1, judged_ms, TimeTick()))
        row: MatterRow | None = copy.find(self.name.row_id)  # type: ignore[assignment] # the id is a matter's
        clock = None if row is None else clock_in(row, self.name)
        reached = [event for event in events if event.subject == self.clock_id]
        self.known_at = KnownAt(asked_ms, judged_ms, line, deepcopy(clock), copy, reached)


def clock_in(row: MatterRow, name: ClockName) -> Clock | None:
    """The clock of this name in a matter."""
    return next((clock for clock in row.clocks if clock.name == name.name), None)


async def follow(source: JournalSource, following: Following, progress: Progress) -> None:
    """Follow a clock to the end of a journal. UserError (status 2) where a line does not hold."""
    try:
        async for lines in source.batches:
            following.follow(lines)
            progress(source.partition, following.state.lines)
    except JournalError as error:
        sentence = f"{source.name} cannot be followed beyond line {error.line - 1}: {error.sentence}"
        raise UserError(f"{sentence}; `dueclock audit` says more.", COULD_NOT_RUN) from None
    following.close()
