"""What a policy file says, as plain frozen values: calendars, retention, and the versions of each rule.

Promises: nothing here reads, decides or changes anything; two policies with the same text are equal; every
mapping is in key order, so nothing depends on the order of the file. Times are integer milliseconds, dates are
local dates of the calendar they stand in. Meaning: contract §5; targets §3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from schemas.codec import DAY_MS, HOUR_MS, MINUTE_MS

TargetKind = Literal["hours", "minutes", "seconds", "business_days", "calendar_days"]
Obligor = Literal["seller", "csba", "amazon"]
OnDue = Literal["clock.breached", "clock.reminder_due", "clock.lapsed"]
DUE_TYPES: tuple[OnDue, ...] = get_args(OnDue)
"""Types of the event that a due timer brings."""
AppliesTo = Literal["new", "open"]

UNIT_MS: Mapping[TargetKind, int] = {
    "hours": HOUR_MS,
    "minutes": MINUTE_MS,
    "seconds": 1_000,
    "business_days": DAY_MS,
    "calendar_days": DAY_MS,
}


class PolicyError(ValueError):
    """A policy file that cannot be used; `str()` is one sentence that says where and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """How long the obliged side has, counted from the start fact's `occurred_at`."""

    kind: TargetKind
    count: int

    @property
    def is_days(self) -> bool:
        """The due is a local midnight of the account's calendar, and a stop at it is too late."""
        return self.kind in {"business_days", "calendar_days"}

    @property
    def elapsed_ms(self) -> int:
        """The target as elapsed time; a day counts 24 hours, which is exact for hours, minutes and seconds only."""
        return self.count * UNIT_MS[self.kind]

    @property
    def in_words(self) -> str:
        """For people: `2 business days`, `1 hour`."""
        unit = self.kind.replace("_", " ")
        return f"{self.count} {unit if self.count != 1 else unit[:-1]}"


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule; `marketplaces` None binds all, offsets stand in the order of their levels.

    `programs` are those of a refund that open a clock of a rule that `has_programs`; for any other there are none.
    """

    rule: str
    version: int
    effective_from_ms: int
    marketplaces: frozenset[str] | None
    target: Target
    confirm_after_ms: int
    escalate_before_ms: tuple[int, ...]
    escalate_after_ms: tuple[int, ...]
    obligor: Obligor
    on_due: OnDue
    consequences: tuple[str, ...]
    applies_to: AppliesTo
    programs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """A calendar as explicit dates: an `open` date is a business day in spite of weekend and `closed` (Monday is 0)."""

    name: str
    timezone: str
    weekend: frozenset[int]
    closed: frozenset[date]
    open: frozenset[date]
    covers: tuple[date, date]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a matter is kept after its newest fact or due, and evidence after its newest fact."""

    settled_ms: int
    unsettled_ms: int
    evidence_ms: int


@dataclass(frozen=True, slots=True)
class Policies:
    """A loaded policy file: its text, the text's SHA-256, what it says. A rule it leaves out is no key of `rules`."""

    digest: str
    toml: str
    retention: Retention
    calendars: Mapping[str, CalendarSpec]
    marketplaces: Mapping[str, str]
    accounts: Mapping[str, str]
    rules: Mapping[str, tuple[RuleVersion, ...]]

    def calendar_of(self, account: str) -> str | None:
        """Name of the calendar of `<seller_id>/<marketplace_id>`: its own, else its marketplace's, else None."""
        named = self.accounts.get(account)
        return self.marketplaces.get(account.partition("/")[2]) if named is None else named
