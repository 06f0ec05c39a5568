"""The life of a clock: its outcome, and what is said when the outcome changes (contract §3).

The outcome of a clock is a function of the facts and of journal time, never of the order in which facts arrived:
`outcome_of`. What is emitted is the difference between what stands and what holds now, and that is a table:

    what stood          what holds now                      what is said
    ------------------  ----------------------------------  -----------------------------------------------------------
    nothing             any                                 clock.opened, then as from open
    any, start moved    any                                 retract all that stands, clock.opened, then as from open
    open                open                                nothing (just begun, moved or come back: passed escalations)
    open                met, superseded, exempt, breached   that event
    open                closed_late                         breach event, clock.closed_late
    breached            closed_late                         clock.closed_late
    closed_late         breached                            retract clock.closed_late
    any                 the same                            nothing
    any                 any other                           retract all that stands, reopen if moved, as from open
    any                 no duty                             retract all that stands and clock.opened; gone

`TRANSITIONS` is this table; `Settling` carries out its words. Nothing here knows where facts come from.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from schemas.notifications import MessageMarked, MessageUndelivered, MessageUnmarked, RefundCancelled
from streams.duties import ENDS_EXEMPT, ENDS_MET, ENDS_SUPERSEDED, Duty, Rank, Urgent
from streams.events import Moment, clock_event
from streams.rows import BREACHED, CLOSED_LATE, EXEMPT, GONE, MET, OPEN, STANDING, SUPERSEDED, Clock, Outcome
from streams.terms import Binding


class Say(Enum):
    """The words of the table."""

    RETRACT_ALL = "retract every standing event, newest first"
    RETRACT_LAST = "retract the newest standing event"
    REOPEN_IF_MOVED = "clock.opened, where version or due have changed since the last"
    PASSED_STEPS = "the highest escalation already passed"
    BREACH = "the rule's on_due event"
    ENDED = "the event of the ending fact"


# Looking a member of an Enum up costs as much as a call: the words are looked up once.
_RETRACT_ALL, _RETRACT_LAST, _REOPEN_IF_MOVED = Say.RETRACT_ALL, Say.RETRACT_LAST, Say.REOPEN_IF_MOVED
_PASSED_STEPS, _BREACH = Say.PASSED_STEPS, Say.BREACH

FROM_OPEN: Final[dict[Outcome, tuple[Say, ...]]] = {
    OPEN: (Say.PASSED_STEPS,),
    MET: (Say.ENDED,),
    SUPERSEDED: (Say.ENDED,),
    EXEMPT: (Say.ENDED,),
    BREACHED: (Say.BREACH,),
    CLOSED_LATE: (Say.BREACH, Say.ENDED),
}
"""What an open clock says of its new outcome; PASSED_STEPS only where it just began, moved or came back."""

OUTCOMES: Final = tuple(FROM_OPEN)


def _transition(old: Outcome, new: Outcome) -> tuple[Say, ...]:
    if old == new:
        return ()
    if old == OPEN:
        return FROM_OPEN[new]
    if (old, new) == (BREACHED, CLOSED_LATE):
        return (Say.ENDED,)
    if (old, new) == (CLOSED_LATE, BREACHED):
        return (Say.RETRACT_LAST,)
    return (Say.RETRACT_ALL, Say.REOPEN_IF_MOVED, *FROM_OPEN[new])


TRANSITIONS: Final[dict[tuple[Outcome, Outcome], tuple[Say, ...]]] = {
    (old, new): _transition(old, new) for old in OUTCOMES for new in OUTCOMES
}

ENDED_TYPES: Final[dict[Outcome, str]] = {
    MET: "clock.met",
    SUPERSEDED: "clock.superseded",
    EXEMPT: "clock.exempt",
    CLOSED_LATE: "clock.closed_late",
}
_PLACE_OF: Final = {kind: place for place, kind in enumerate(STANDING)}
_OUTCOME_OF_RANK: Final[dict[Rank, Outcome]] = {ENDS_MET: MET, ENDS_SUPERSEDED: SUPERSEDED, ENDS_EXEMPT: EXEMPT}
_REASON_OF_FACT: Final[dict[type[Any], str]] = {
    RefundCancelled: "refund_cancelled",
    MessageUndelivered: "message_undelivered",
    MessageMarked: "no_response_needed",
    MessageUnmarked: "unmarked",
}


def outcome_of(duty: Duty, binding: Binding, now_ms: int) -> Outcome:
    """The outcome at journal time `now_ms`, a function of the facts (contract §3, points 1 to 3)."""
    if duty.marked_ms is not None:
        return EXEMPT
    if duty.end is not None:
        return _OUTCOME_OF_RANK[duty.end.rank] if binding.is_in_time(duty.end.at_ms) else CLOSED_LATE
    return BREACHED if now_ms >= binding.due_ms + binding.terms.grace_ms else OPEN


class Settling:
    """A clock being settled: says what is to be said and keeps the clock's row in step with it.

    One for each partition, taken up anew (`of`) for each clock. `binding` is what binds the clock, `duty` what its
    facts call for, None where they call for nothing or were not asked.
    """

    __slots__ = ("binding", "clock", "duty", "moment", "prior", "reason", "was_opened")

    binding: Binding
    clock: Clock
    duty: Duty | None
    prior: Outcome

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.reason = ""
        self.was_opened = False

    def of(self, clock: Clock, binding: Binding, duty: Duty | None = None) -> Settling:
        """Take up this clock."""
        self.clock = clock
        self.binding = binding
        self.duty = duty
        self.prior = clock.outcome
        self.reason = ""
        self.was_opened = False
        return self

    # --- the rows of the table ---------------------------------------------------------------------------------------

    def begin(self, binding: Binding, duty: Duty) -> None:
        """A clock begins, moves or comes back after it was gone."""
        clock = self.clock
        clock.start_ms = duty.start_ms
        clock.order_id = duty.order_id
        clock.obligor = duty.obligor
        self._open(binding)
        self.arrive(outcome_of(duty, binding, self.moment.now_ms))

    def restart(self, binding: Binding, duty: Duty) -> None:
        """The start has moved."""
        self.reason = "earlier_start"
        self._retract_all()
        self.begin(binding, duty)

    def vanish(self) -> None:
        """The facts no longer call for the clock, or its start has moved to where no version is in force."""
        self.reason = "earlier_start" if self.duty is not None else ""
        self._retract_all()
        self._take_back("clock.opened", self.clock.opened_id)
        self.clock.outcome = GONE

    def move(self, binding: Binding) -> None:
        """An `open` version moves a running clock, which no fact has ended."""
        self._open(binding)
        running = Duty(self.clock.rule, self.clock.subject, self.clock.start_ms, None)
        self.arrive(outcome_of(running, binding, self.moment.now_ms))

    def change(self, moved: Binding, new: Outcome) -> None:
        """The outcome changes, as the table says; `moved` is what binds the clock by now."""
        for word in TRANSITIONS[self.clock.outcome, new]:
            if word is _RETRACT_ALL:
                self._retract_all()
                self._follow(moved)
            elif word is _RETRACT_LAST:
                self._retract(*self.clock.standing.pop())
                self._follow(moved)
                self._pass_steps_after()
            elif word is _REOPEN_IF_MOVED:
                if self.clock.is_moved:
                    self._open(moved)
            else:
                self._follow(moved)
                self._say(word, new)
        self.clock.outcome = new

    def _follow(self, moved: Binding) -> None:
        """An `open` version has moved a clock that had ended or stood breached: it is judged by its moved due."""
        if moved is not self.binding:
            self._bind(moved)
            self.clock.is_moved = True
            self.clock.passed = self.clock.escalated
            self._pass_steps_after()

    def arrive(self, new: Outcome) -> None:
        """Say the outcome of a clock that has just been opened."""
        if new == OPEN:
            self._pass_steps_before()
        else:
            for word in FROM_OPEN[new]:
                self._say(word, new)
        self.clock.outcome = new

    # --- the words of the table --------------------------------------------------------------------------------------

    def _say(self, word: Say, new: Outcome) -> None:
        if word is _PASSED_STEPS:
            self._pass_steps_before()
        elif word is _BREACH:
            self._breach()
        else:
            self._end(new)

    def _open(self, binding: Binding) -> None:
        clock = self.clock
        self._bind(binding)
        clock.is_moved = False
        clock.revision += 1
        clock.passed = clock.escalated = 0
        clock.outcome = OPEN
        why = f'"revision":{clock.revision},'
        clock.opened_id = clock_event(self.moment, clock, binding, "clock.opened", clock.start_ms, why=why)
        self.was_opened = True

    def _bind(self, binding: Binding) -> None:
        clock, self.binding = self.clock, binding
        clock.version, clock.due_ms, clock.calendar = binding.terms.number, binding.due_ms, binding.calendar
        clock.origin = binding.origin

    def _retract(self, kind: int, output_id: bytes) -> None:
        self._take_back(STANDING[kind], output_id)

    def _take_back(self, of: str, output_id: bytes) -> None:
        clock, moment = self.clock, self.moment
        why = f'"reason":"{self.reason or self._retraction_reason()}","retracts":"{output_id.hex()}",'
        about = f'"of":"{of}",'
        clock_event(moment, clock, self.binding, "clock.retracted", moment.decided_ms, about=about, why=why, of=of)

    def _retraction_reason(self) -> str:
        by_fact = _REASON_OF_FACT.get(type(self.moment.notification))
        if by_fact is not None:
            return by_fact
        return "reassigned" if self.prior in (MET, SUPERSEDED) or self.duty is None else "late_arrival"

    def _retract_all(self) -> None:
        standing = self.clock.standing
        while standing:
            self._retract(*standing.pop())

    def _breach(self) -> None:
        binding, clock = self.binding, self.clock
        version, kind = binding.version, binding.version.on_due
        about = f'"obligor":"{clock.obligor or version.obligor}",'
        marks = binding.terms.consequences_json if kind == "clock.breached" else ""
        event = clock_event(
            self.moment, clock, binding, kind, binding.due_ms, is_caused=False, marks=marks, about=about
        )
        clock.standing.append((_PLACE_OF[kind], event))
        self._pass_steps_after()

    def _end(self, new: Outcome) -> None:
        assert self.duty is not None  # only a duty can bring an outcome
        clock, end, marked_ms, kind = self.clock, self.duty.end, self.duty.marked_ms, ENDED_TYPES[new]
        if new == EXEMPT and marked_ms is not None:
            why = '"reason":"no_response_needed",'
            event = clock_event(self.moment, clock, self.binding, kind, marked_ms, why=why)
            clock.standing.append((_PLACE_OF[kind], event))
            return
        assert end is not None  # met, superseded, closed_late and the other exemptions come of an ending fact
        if new == EXEMPT:
            why = f'"reason":"{end.reason}",'
            event = clock_event(self.moment, clock, self.binding, kind, end.at_ms, why=why)
            clock.standing.append((_PLACE_OF[kind], event))
            return
        elapsed_ms = clock.elapsed_ms = max(0, end.at_ms - clock.start_ms)
        late = f'"late_by_ms":{end.at_ms - self.binding.due_ms},' if new == CLOSED_LATE else ""
        event = clock_event(
            self.moment,
            clock,
            self.binding,
            kind,
            end.at_ms,
            ended=f'"by":"{end.by}",' if new != MET else "",
            figures=f'"elapsed_ms":{elapsed_ms},{late}',
            early='"stopped_before_start":true,' if end.at_ms < clock.start_ms else "",
            elapsed_ms=elapsed_ms,
        )
        clock.standing.append((_PLACE_OF[kind], event))

    # --- escalations -------------------------------------------------------------------------------------------------

    def _pass_steps_before(self) -> None:
        """Of the steps already passed only the highest is said, and none of them once the clock is due."""
        now_ms, clock, highest = self.moment.now_ms, self.clock, 0
        for level, offset_ms in self.binding.terms.steps_before:
            if self.binding.due_ms + offset_ms <= now_ms:
                clock.passed |= 1 << level
                highest = level
        if highest and now_ms < self.binding.due_ms and not clock.escalated >> highest & 1:
            self.escalate(highest, collapsed=True)

    def _pass_steps_after(self) -> None:
        """A breach declared late skips the steps already passed."""
        for level, offset_ms in self.binding.terms.steps_after:
            if self.binding.due_ms + offset_ms <= self.moment.now_ms:
                self.clock.passed |= 1 << level

    def escalate(self, level: int, *, collapsed: bool = False) -> None:
        """Say one escalation step, `at` the step's time."""
        self.clock.passed |= 1 << level
        self.clock.escalated |= 1 << level
        self._escalated(
            self.binding.step_ms(level),
            level,
            is_caused=False,
            marks='"collapsed":true,' if collapsed else "",
        )

    def breach(self) -> None:
        """The due timer of an open clock."""
        self._breach()
        self.clock.outcome = BREACHED

    def urge(self, urgent: Urgent, place: int) -> None:
        """An urgent escalation, once for each clock and message or claim; `place` is where the order's row names it."""
        self.clock.urgent.append(place)
        self._escalated(urgent.at_ms, 0, why=f'"reason":"{urgent.reason}",', urgent=',"urgent":true')

    def _escalated(
        self, at_ms: int, level: int, *, is_caused: bool = True, marks: str = "", why: str = "", urgent: str = ""
    ) -> None:
        figures, moment = f'"level":{level},', self.moment
        clock_event(
            moment, self.clock, self.binding, "clock.escalated", at_ms, is_caused=is_caused, marks=marks,
            figures=figures, why=why, urgent=urgent, detail=str(level),
        )  # fmt: skip

    def expire(self, at_ms: int) -> None:
        """The matter is forgotten with this clock open or standing breached."""
        clock_event(self.moment, self.clock, self.binding, "clock.expired", at_ms, is_caused=False)
