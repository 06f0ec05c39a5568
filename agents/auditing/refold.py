"""A partition's journal folded again: lines in, the events that they call for out. What audit and rebuild stand on.

Nothing is read or written here. Seals are checked on the way: the state that one seals is that of the lines before it.
"""

from collections.abc import Sequence

from agents.auditing.comparison import CalledFor
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.lines import JournalError, JournalLine
from agents.journal.records import Snapshot
from agents.topic_roles import OUTPUTS
from schemas.headers import Headers, judged_by, line_header
from schemas.notifications import PolicyActivated, StateSealed
from schemas.policy_types import PolicyError
from schemas.registry import Logical
from streams.engine import restore_state, step
from streams.logic import CHANGES, OtherVersionError
from streams.row_codec import apply_changes
from streams.rows import RowError
from streams.sealing import rows_digest, state_digest
from streams.sla_event import SlaEvent
from streams.state import State, new_state

Expected = dict[Logical, list[CalledFor]]
"""What lines call for, by topic, in its order."""


def restored(start: Snapshot) -> State:
    """The state of a snapshot. UserError (status 2) where its rows are not those that it says they are, or not ours."""
    what = f"The snapshot of partition {start.partition}, line {start.seal.line},"
    if rows_digest(start.rows).hex() != start.seal.state.lower():
        raise UserError(
            f"{what} has been changed: its rows do not have the digest that it says they have; take another.", 2
        )
    try:
        return restore_state(start.partition, start.rows)
    except OtherVersionError as error:
        raise UserError(f"{what} cannot be judged here: {error}", COULD_NOT_RUN) from None
    except (RowError, PolicyError) as error:
        raise UserError(f"{what} cannot be read: {error}; take another.", COULD_NOT_RUN) from None


def folded(state: State, one: JournalLine) -> list[SlaEvent]:
    """Fold one line. JournalError where it cannot be applied; UserError (status 2) where another version has to."""
    try:
        return step(state, one.line)
    except OtherVersionError as error:
        sentence = f"The journal cannot be judged here from line {one.line.number} on: {error}"
        raise UserError(sentence, COULD_NOT_RUN) from None
    except (PolicyError, ValueError) as error:
        raise JournalError(f"it cannot be applied: {error}", line=one.line.number, offset=one.offset) from None


class Fold:
    """One partition's journal folded again: lines in, expected events out, by topic."""

    def __init__(self, partition: int, *, has_headers: bool, start: Snapshot | None = None) -> None:
        self.state: State = new_state(partition) if start is None else restored(start)
        self.first_line = self.state.lines + 1
        self.seals = 0
        self.policies: list[str] = []
        self.logics: list[int] = []
        self.broken: JournalError | None = None
        self.rows: dict[bytes, bytes] | None = None
        """Where the rows are wanted too: those of the start, kept up to date."""
        self._has_headers = has_headers
        self._judged: Headers = []
        self._known = None if start is None else (start.seal.line, start.seal.state.lower())
        """A line and the digest of the state after it, which `restored` has seen to."""

    def expected(self, lines: Sequence[JournalLine]) -> Expected:
        """What these lines call for, up to the first that cannot be applied: that one is `broken`."""
        expected: Expected = {topic: [] for topic in OUTPUTS}
        for one in lines:
            line = one.line
            if isinstance(line.body, StateSealed):
                self._check(line.body, one)
                if self.broken is not None:
                    break
            try:
                events = folded(self.state, one)
            except JournalError as error:
                self.broken = error
                break
            if isinstance(line.body, PolicyActivated) or not self.policies:
                self._note_judges()
            if events:
                of_line = (line_header(line.number), self._judged) if self._has_headers else None
                for event in events:
                    expected[event.topic].append((line.number, event, of_line))
        changes = self.state.take_changes()
        if self.rows is not None:
            apply_changes(self.rows, changes)
        return expected

    def _check(self, seal: StateSealed, one: JournalLine) -> None:
        """The state that was sealed is the one that the lines before the seal give."""
        if seal.logic not in CHANGES:
            return  # the engine refuses the line, as it refuses every line of another version
        if seal.logic != self.state.logic:
            sentence = f"it names logic {seal.logic}, but the lines before it were judged by logic {self.state.logic}"
        elif self._known == (seal.line, seal.state.lower()) or state_digest(self.state).hex() == seal.state.lower():
            self.seals += 1
            return
        else:
            sentence = f"the state after line {seal.line} is not the one that it seals"
        self.broken = JournalError(sentence, line=one.line.number, offset=one.offset)

    def _note_judges(self) -> None:
        """Which policies and which logic judge from here on."""
        state = self.state
        self._judged = judged_by(state.digest, state.logic)
        if state.digest not in self.policies[-1:]:
            self.policies.append(state.digest)
        if state.logic not in self.logics[-1:]:
            self.logics.append(state.logic)
