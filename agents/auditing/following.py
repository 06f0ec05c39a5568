"""`dueclock explain`: one clock followed through the journal of its partition.

The journal is folded again by `streams.engine.step`, as live, with the lines of other accounts as ticks. What is told
is what was seen on the way: the facts of the clock's matter as the matter took them, the events that the fold gave,
the clock's row and what bound it. No rule is stated here a second time. Read-only, in no group; an exported journal
does as well, without offsets. The story itself is composed in `agents/auditing/story.py`.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from copy import deepcopy
from typing import NamedTuple

from agents.auditing.refold import folded
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.lines import JournalCheck, JournalError, JournalLine, file_lines, live_lines
from agents.kafka.log_cursor import log_cursor
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.notifications import Notification, PolicyActivated, TimeTick
from schemas.notifications import ProgramChanged as ProgramNotified
from schemas.policies import Policies
from streams.engine import Line, restore_state, step
from streams.events import SlaEvent
from streams.explaining import ClockName
from streams.facts import Fact, ProgramChanged
from streams.partitioner import partition_of
from streams.policies import PolicyBook
from streams.routing import route
from streams.rows import Clock, MatterRow, apply_changes, kind_of
from streams.state import State, new_state

Watch = Callable[[int], None]
"""Told now and then how many lines are folded."""

MakeCheck = Callable[[int, int], JournalCheck]
"""A check of the lines of this partition, of so many."""


class Told:
    """A fact of the clock's matter, and what became of it. `status`: counts, repeat, replaced or forgotten."""

    def __init__(self, said: Notification, fact: Fact, at: JournalLine) -> None:
        self.said = said
        self.fact = fact
        self.at = at
        self.status = "counts"
        self.by_line: int | None = None
        """The line of the fact that it repeats, that replaced it, or before which its matter was forgotten."""


class Brought(NamedTuple):
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


class Glimpse(NamedTuple):
    """What was known at an instant: the clock as it stood after every timer until then, if it was known at all."""

    asked_ms: int
    judged_ms: int
    line: int
    clock: Clock | None
    state: State
    reached: list[SlaEvent]
    """Events of timers that the instant had reached, though no line had brought that time yet."""


class Following:
    """One clock followed line by line."""

    def __init__(self, clock: ClockName, clock_id: str, partition: int, at_ms: int | None) -> None:
        self.name = clock
        self.clock_id = clock_id
        self.state: State = new_state(partition)
        self.facts: list[Told] = []
        self.events: list[Brought] = []
        self.activations: list[Activated] = []
        self.row: MatterRow | None = None
        self.clock: Clock | None = None
        self.programs: list[ProgramChanged] = []
        self.bound_under: PolicyBook | None = None
        """The policies under which the clock was bound as it stands."""
        self.forgotten: JournalLine | None = None
        self.glimpse: Glimpse | None = None
        self._at_ms = at_ms
        self._rows: dict[bytes, bytes] = {}
        self._bound: tuple[int, int, int] | None = None

    def follow(self, lines: list[JournalLine]) -> None:
        """Fold these lines. JournalError for one that cannot be applied."""
        for one in lines:
            if self._at_ms is not None and self.glimpse is None and one.line.journal_ms > self._at_ms:
                self._look(self._at_ms, self._at_ms)
            self._step(one)
        self._keep_rows()

    def close(self) -> None:
        """The journal ends here."""
        if self.glimpse is None and self._at_ms is not None:
            self._look(self._at_ms, min(self._at_ms, self.state.journal_ms))

    @property
    def is_account_known(self) -> bool:
        """Whether any line of the clock's account was seen."""
        return self.state.find(self.name.account) is not None

    def _step(self, one: JournalLine) -> None:
        row = self.row if self.forgotten is None else None
        before: Sequence[Fact] = () if row is None else list(row.facts)
        events = folded(self.state, one)
        body = one.line.body
        if isinstance(body, PolicyActivated) and self.state.book is not None:
            self.activations.append(Activated(one, self.state.book, self.state.logic))
        own = [event for event in events if event.subject == self.clock_id]
        self.events += [Brought(event, one, self.state.digest, self.state.logic) for event in own]
        if isinstance(body, Notification):
            self._take(one, body, before)
        elif own or (before and self.state.find(self.name.row_id) is None):
            self._see(one, before)

    def _take(self, one: JournalLine, said: Notification, before: Sequence[Fact]) -> None:
        row = self._see(one, before)
        for routed in route(said):
            if f"{self.name.account}/{routed.kind}/{routed.name}" == self.name.row_id and row is not None:
                self._note(Told(said, routed.fact, one), before, list(row.facts))
        if isinstance(said, ProgramNotified) and kind_of(self.name.row_id) == "thread":
            fact = ProgramChanged(said.occurred_ms, said.event_id, said.program, said.active)
            self._note(Told(said, fact, one), [], list(self.programs))

    def _note(self, told: Told, before: Sequence[Fact], after: Sequence[Fact]) -> None:
        """Note a fact; that it counts, or for which other it does not, is read from the matter that took it."""
        known = next((other for other in self._counting() if other.fact.key == told.fact.key), None)
        self.facts.append(told)
        if told.fact in before or told.fact not in after or (known is not None and known.fact == told.fact):
            told.status, told.by_line = "repeat", None if known is None else known.at.line.number
        elif known is not None:
            known.status, known.by_line = "replaced", told.at.line.number

    def _counting(self) -> list[Told]:
        return [told for told in self.facts if told.status == "counts"]

    def _see(self, one: JournalLine, before: Sequence[Fact]) -> MatterRow | None:
        """The matter as it stands; the one that a line found may have been forgotten before the line's own facts."""
        row: MatterRow | None = self.state.find(self.name.row_id)  # type: ignore[assignment] # the id is a matter's
        lost = [fact for fact in before if row is None or fact not in row.facts]
        if lost and (row is None or any(fact.key != row.facts[-1].key for fact in lost)):
            self.forgotten = one
            for told in self._counting():
                if not isinstance(told.fact, ProgramChanged):
                    told.status, told.by_line = "forgotten", one.line.number
        if row is not None:
            self.forgotten = None
            self._keep(row)
        return row

    def _keep(self, row: MatterRow) -> None:
        self.row = row
        account = self.state.account(self.name.account)
        self.programs = list(account.programs)
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
            self.glimpse = Glimpse(asked_ms, asked_ms, 0, None, new_state(self.state.partition), [])
            return
        copy = restore_state(self.state.partition, list(self._rows.items()))
        line = copy.lines
        events = step(copy, Line(line + 1, judged_ms, TimeTick()))
        row: MatterRow | None = copy.find(self.name.row_id)  # type: ignore[assignment] # the id is a matter's
        clock = None if row is None else clock_in(row, self.name)
        reached = [event for event in events if event.subject == self.clock_id]
        self.glimpse = Glimpse(asked_ms, judged_ms, line, deepcopy(clock), copy, reached)


def clock_in(row: MatterRow, name: ClockName) -> Clock | None:
    """The clock of this name in a matter."""
    return next((clock for clock in row.clocks if clock.name == name.name), None)


async def follow_live(
    settings: Settings, name: ClockName, clock_id: str, at_ms: int | None, watch: Watch, make_check: MakeCheck
) -> Following:
    """Follow a clock through the journal of a cluster; the check may keep what it reads."""
    count = await partitions_of(settings, JOURNAL, *OUTPUTS)
    partition = partition_of(name.account.encode(), count)
    following = Following(name, clock_id, partition, at_ms)
    async with log_cursor(settings) as cursor:
        await cursor.start(settings.topic(JOURNAL), partition)
        async with aclosing(live_lines(cursor, make_check(partition, count))) as batches:
            await _followed(following, batches, watch, f"Partition {partition} of the journal")
    return following


async def follow_file(file: str, name: ClockName, clock_id: str, at_ms: int | None, watch: Watch) -> Following:
    """Follow a clock through an exported journal."""
    following = Following(name, clock_id, 0, at_ms)
    async with aclosing(file_lines(file, name.account)) as batches:
        await _followed(following, batches, watch, file)
    return following


async def _followed(
    following: Following, batches: AsyncGenerator[list[JournalLine], None], watch: Watch, what: str
) -> None:
    try:
        async for lines in batches:
            following.follow(lines)
            watch(following.state.lines)
    except JournalError as error:
        sentence = f"{what} cannot be followed beyond line {error.line - 1}: {error.sentence}"
        raise UserError(f"{sentence}; `dueclock audit` says more.", COULD_NOT_RUN) from None
    following.close()
