"""What a page was asked for: the filters in its address, and the clocks that they mean.

An address that says something else than these is answered as if it said nothing of it: a link that somebody kept must
not break. A page of the queue costs a walk over the clocks that are live, never over what was forgotten.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from agents.board.entries import ENDED, LIVE, OVER, STATES, Entry
from agents.board.mirror import Mirror, Place
from schemas.codec import DAY_MS, HOUR_MS
from schemas.rules import RULES

PAGE: Final = 50
_LONGEST: Final = 400
_LATEST_MS: Final = 253_402_300_800_000
"""The first instant of the year 10000."""

WINDOWS: Final[dict[str, int]] = {"4h": 4 * HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
"""What falls due from now on, by the name in the address."""

_IN_ADDRESS: Final = {"from_ms": "from", "until_ms": "until"}
_STATES: Final = frozenset((*STATES, "over", "ended"))
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}")

Sees = Callable[[str], bool]
"""Whether who asks may see an account."""


class Asked(msgspec.Struct, frozen=True):
    """The filters; what is empty leaves nothing out.

    `state` is a state, or `over` for all whose due has passed, or `ended`. `within` is a name of WINDOWS. `from_ms` and
    `until_ms` bound the due. `after` is where the page before ended.
    """

    seller: str = ""
    marketplace: str = ""
    rule: str = ""
    state: str = ""
    within: str = ""
    q: str = ""
    from_ms: int = 0
    until_ms: int = 0
    after: str = ""

    def address(self, **changes: object) -> str:
        """The queue's address with these filters, some changed; the first page of it unless `after` is among them."""
        filters = {**msgspec.structs.asdict(self), "after": "", **changes}
        named = {_IN_ADDRESS.get(name, name): value for name, value in filters.items() if value}
        return "/?" + urlencode(named) if named else "/"

    @property
    def is_anything(self) -> bool:
        """Whether anything is left out."""
        return self != Asked(after=self.after)

    @property
    def has_ended(self) -> bool:
        """Whether clocks are meant that have ended."""
        return self.state == "ended" or self.state in ENDED


def asked_of(query: Mapping[str, str]) -> Asked:
    """The filters that an address says."""
    rule, state, within = query.get("rule", ""), query.get("state", ""), query.get("within", "")
    return Asked(
        seller=query.get("seller", "")[:_LONGEST],
        marketplace=query.get("marketplace", "")[:_LONGEST],
        rule=rule if rule in RULES else "",
        state=state if state in _STATES else "",
        within=within if within in WINDOWS else "",
        q=query.get("q", "").strip()[:_LONGEST],
        from_ms=_instant(query.get("from", "")),
        until_ms=_instant(query.get("until", "")),
        after=query.get("after", "")[:_LONGEST],
    )


def _instant(text: str) -> int:
    return min(int(text), _LATEST_MS) if text.isascii() and text.isdecimal() and len(text) <= 15 else 0


class Found(NamedTuple):
    """A page of the queue: its clocks, how many there are in all, and where the next page begins ("": nowhere)."""

    clocks: list[Entry]
    total: int
    after: str


class Counts(NamedTuple):
    """What the head of the queue says of all clocks that who asks may see, filters of account and rule applied."""

    over: int
    in_4h: int
    in_24h: int
    later: int

    @property
    def live(self) -> int:
        """All of them."""
        return self.over + self.in_4h + self.in_24h + self.later


def find(mirror: Mirror, asked: Asked, sees: Sees, now_ms: int) -> Found:
    """One page of what is asked for: live clocks by their dues, or ended ones, the newest first."""
    wanted = _Wanted(mirror, asked, sees)
    if asked.has_ended:
        ended = sorted(filter(wanted.includes, mirror.ended.values()), key=lambda one: (-one.ended_ms, one.clock_id))
        return _page(ended, len(ended), asked.after, lambda one: (-one.ended_ms, one.clock_id))
    from_ms, until_ms = _bounds(asked, now_ms)
    if asked.q or from_ms is not None or until_ms is not None:
        clocks = wanted.of(mirror.places(from_ms, until_ms))
        return _page(clocks, len(clocks), asked.after, lambda one: (one.due_ms, one.clock_id))
    total = sum(number for key, number in mirror.counts.items() if wanted.includes_all(*key))
    start = 0 if (at := _position(asked.after)) is None else bisect_right(mirror.by_due, at, key=lambda one: one[:2])
    clocks = wanted.of(islice(mirror.by_due, start, None), most=min(PAGE + 1, total))
    return _page(clocks, total, "", lambda one: (one.due_ms, one.clock_id))


def _position(after: str) -> tuple[int, str] | None:
    ms, _, clock_id = after.partition("~")
    return (int(ms), clock_id) if _INTEGER.fullmatch(ms) else None


def _page(clocks: list[Entry], total: int, after: str, key: Callable[[Entry], tuple[int, str]]) -> Found:
    at = _position(after)
    start = 0 if at is None else bisect_right(clocks, at, key=key)
    page = clocks[start : start + PAGE]
    is_last = start + PAGE >= len(clocks)
    return Found(page, total, "" if is_last or not page else "{}~{}".format(*key(page[-1])))


def _bounds(asked: Asked, now_ms: int) -> tuple[int | None, int | None]:
    if asked.within:
        return now_ms, now_ms + WINDOWS[asked.within]
    return asked.from_ms or None, asked.until_ms or None


class _Wanted:
    """The filters as one question. Accounts are chosen first: they are few, and a clock's is one of them."""

    def __init__(self, mirror: Mirror, asked: Asked, sees: Sees) -> None:
        self._accounts = chosen_accounts(mirror, asked, sees)
        self._rules = frozenset({asked.rule} if asked.rule else RULES)
        named = {"over": OVER, "ended": ENDED, "": LIVE}.get(asked.state, (asked.state,))
        self._states = frozenset(named)
        self._words = asked.q

    def includes_all(self, account: str, rule: str, state: str) -> bool:
        """Whether the clocks of this account, rule and state are meant, before any words are looked for."""
        return state in self._states and rule in self._rules and account in self._accounts

    def includes(self, entry: Entry) -> bool:
        """Whether a clock is meant."""
        return self.includes_all(entry.account, entry.rule, entry.state) and (
            self._words in entry.clock_id or self._words in entry.order_id
        )

    def of(self, places: Iterable[Place], most: int | None = None) -> list[Entry]:
        """The clocks that are meant, in this order. Written flat: it is asked of a hundred thousand for a page."""
        states, rules, accounts, words = self._states, self._rules, self._accounts, self._words
        meant = (
            one
            for _, _, one in places
            if (not words or words in one.clock_id or words in one.order_id)
            and one.state in states
            and one.rule in rules
            and one.account in accounts
        )
        return list(islice(meant, most))


def chosen_accounts(mirror: Mirror, asked: Asked, sees: Sees) -> frozenset[str]:
    """The accounts that are meant and that who asks may see."""
    return frozenset(
        account
        for account in mirror.accounts
        if sees(account)
        and (not asked.seller or account.partition("/")[0] == asked.seller)
        and (not asked.marketplace or account.partition("/")[2] == asked.marketplace)
    )


def count(mirror: Mirror, asked: Asked, sees: Sees, now_ms: int) -> Counts:
    """The figures of the head, whatever state or window is being looked at."""
    wanted = _Wanted(mirror, msgspec.structs.replace(asked, state="", q=""), sees)
    live = sum(number for key, number in mirror.counts.items() if wanted.includes_all(*key))
    over = sum(number for key, number in mirror.counts.items() if key[2] in OVER and wanted.includes_all(*key))
    soon_ms, today_ms = now_ms + WINDOWS["4h"], now_ms + WINDOWS["24h"]
    in_4h = sum(one.state == "open" for one in wanted.of(mirror.places(None, soon_ms)))
    in_24h = sum(one.state == "open" for one in wanted.of(mirror.places(soon_ms, today_ms)))
    return Counts(over, in_4h, in_24h, live - over - in_4h - in_24h)


def rules_of(mirror: Mirror, accounts: frozenset[str]) -> dict[str, int]:
    """How many live clocks of these accounts each rule has."""
    found: dict[str, int] = {}
    for (account, rule, _), number in mirror.counts.items():
        if account in accounts:
            found[rule] = found.get(rule, 0) + number
    return found
