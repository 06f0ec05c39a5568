"""One visit to a page: who asks, in which language, zone and light, at what time. What every template is given."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from agents.board.languages import UTC, ZONES, Language, language_for
from agents.board.readers import Reader

THEMES: Final = ("auto", "light", "dark")


class Visit(NamedTuple):
    """`now_ms` is the wall clock's: it counts down, and decides nothing."""

    reader: Reader
    language: Language
    zone: str
    theme: str
    now_ms: int

    def sees(self, account: str) -> bool:
        """Whether who asks may see an account."""
        return self.reader.sees(account)


def visit_of(reader: Reader, cookies: Mapping[str, str], accepted: str, now_ms: int) -> Visit:
    """A visit as its cookies and its browser say it."""
    zone, theme = cookies.get("zone", UTC), cookies.get("theme", THEMES[0])
    return Visit(
        reader,
        language_for(cookies.get("lang", ""), accepted),
        zone if zone in ZONES else UTC,
        theme if theme in THEMES else THEMES[0],
        now_ms,
    )
