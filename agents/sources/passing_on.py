"""From mapped entries to Kafka, for one account: sort out, agree on one source of refunds, send, note what was sent.

The order is the whole safety: nothing is noted before it is acknowledged. A process that dies in between sends the same
bytes again, which are no second fact.
"""

from collections.abc import Callable, Sequence
from typing import Final

from agents.errors import UserError
from agents.settings import Settings
from agents.sources.cursor import changing, cursor_file, read_cursor
from agents.sources.harvest import Harvest, harvest
from agents.sources.return_book import ReturnBook
from agents.sources.sending import send_all
from agents.zones import machine_zones
from schemas.notifications import Notification, RefundIssued
from schemas.policies import load_policies
from schemas.policy_types import PolicyError
from streams import logic
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped
from streams.state import State, new_state

OWN: Final = "own"
"""Refunds that somebody's own system tells, or a person."""


def state_of(settings: Settings) -> State:
    """What a worker knows that has seen nothing but its policies. UserError where they do not load."""
    try:
        policies = load_policies(settings.read_policies())
    except PolicyError as error:
        raise UserError(str(error), 2) from None
    state = new_state(0)
    state.activate(policies, machine_zones(policies, settings.zoneinfo_dir), logic.NEWEST)
    return state


def account_of(state: State, seller: str, marketplace: str) -> SourceAccount:
    """The account that a source speaks for. UserError (status 2) where the policies have no calendar for it."""
    assert state.book is not None  # state_of has seen to that
    name = f"{seller}/{marketplace}"
    calendar = state.book.agreement(name).calendar
    if calendar is None:
        raise UserError(
            f"The policies name no calendar for {name}; correct --marketplace, or give the marketplace one "
            "(`dueclock policies show` writes the policies that are shipped).",
            2,
        )
    return SourceAccount(seller, marketplace, calendar)


def refunds_named(settings: Settings, account: str) -> str:
    """Which source the settings name for an account's refunds; empty where they name none."""
    return next((table.refunds for table in settings.accounts if table.name == account), "")


def takes_refunds(settings: Settings, account: str, source: str) -> bool:
    """Whether refunds of this source count for an account, as far as the settings say it."""
    return refunds_named(settings, account) in ("", source)


class PassingOn:
    """The way of one account's entries to Kafka."""

    def __init__(self, settings: Settings, state: State, account: SourceAccount) -> None:
        assert state.book is not None  # state_of has seen to that
        self._settings = settings
        self._state = state
        self._retention = state.book.policies.retention
        self._name = f"{account.seller_id}/{account.marketplace_id}"
        self._path = cursor_file(settings, self._name)
        self._refunds, self._switches = "", False
        read_cursor(self._path)  # what cannot be read is said at the start

    def sort_out(self, mapped: Sequence[Mapped], now_ms: int, *, refunds: str, is_switched: bool) -> Harvest:
        """What of it is new and would be taken now. `refunds` is the source that its refunds come from.

        Refunds have one source: another one gives the same refund another name, and it would count twice. Where the
        settings name it, others' are left out; else the first one stays, and another one is a UserError (status 2)
        unless `is_switched`.
        """
        cursor, is_taken = read_cursor(self._path), takes_refunds(self._settings, self._name, refunds)
        found = harvest(mapped, self._state, now_ms=now_ms, cursor=cursor, takes_refunds=is_taken)
        self._refunds, self._switches = "", is_switched or bool(refunds_named(self._settings, self._name))
        if any(isinstance(notification, RefundIssued) for notification in found.notifications):
            self._check_refunds(cursor.refunds, refunds)
            self._refunds = refunds
        return found

    def _check_refunds(self, before: str, source: str) -> None:
        if before not in ("", source) and not self._switches:
            raise UserError(
                f"The refunds of {self._name} were taken from {before} until now, and one taken from {source} too "
                "would count twice; stay with the one, or add --switch-refunds and send no day from both.",
                2,
            )

    def send(
        self, found: Harvest, mapped: Sequence[Mapped], now_ms: int, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Send what is left of it, part by part, and note each part once it is acknowledged."""
        if self._refunds:
            with changing(self._path) as cursor:  # before any of them is sent: another source may be about to
                self._check_refunds(cursor.refunds, self._refunds)
                cursor.refunds = self._refunds
        sent = 0

        def on_sent(part: Sequence[Notification]) -> None:
            nonlocal sent
            sent += len(part)
            with changing(self._path) as cursor:
                cursor.drop_before(now_ms - self._retention.settled_ms)
                for notification in part:
                    cursor.note(notification)
            tell(f"{sent:,} of {len(found.notifications):,} sent")

        if found.notifications:
            send_all(self._settings, found.notifications, on_sent)
        tracked = [one for entry in mapped for one in entry.tracked]
        ReturnBook(self._settings, kept_ms=self._retention.unsettled_ms).note(tracked, now_ms)
