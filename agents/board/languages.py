"""The board's languages: English as the templates have it, Chinese and Japanese from catalogues in `locales/`.

A catalogue is a .po file that people edit; it is compiled in memory when the board starts, so that no made file can lag
behind it. Dates are written as the reader's locale has them, in the time zone that the reader has chosen.
"""

import gettext
from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property, lru_cache
from importlib import resources
from io import BytesIO
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, match_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

UTC: Final = "UTC"
ZONES: Final = (
    *("UTC", "America/Los_Angeles", "America/New_York", "America/Toronto", "America/Mexico_City", "America/Sao_Paulo"),
    *("Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Istanbul", "Africa/Cairo", "Asia/Dubai"),
    *("Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Tokyo"),
    "Australia/Sydney",
)
"""Where sellers sit and where their marketplaces count: what the choice of a time zone offers."""


def N_(message: str) -> str:  # noqa: N802 - the name by which gettext's tools know it
    """Mark a message for the catalogues; it is translated where it is shown."""
    return message


class Unit(NamedTuple):
    """A unit of a time that is left: its name, its milliseconds, how it is written."""

    name: str
    ms: int
    form: str


UNITS: Final = (
    Unit("d", 86_400_000, N_("{n} d")),
    Unit("h", 3_600_000, N_("{n} h")),
    Unit("m", 60_000, N_("{n} min")),
    Unit("s", 1_000, N_("{n} s")),
)


class Language:
    """One language: messages, dates, numbers."""

    def __init__(self, code: str, name: str, locale: str) -> None:
        self.code = code
        """As HTML names it."""
        self.name = name
        self.locale = Locale.parse(locale)
        self._file = locale

    @cached_property
    def catalogue(self) -> gettext.NullTranslations:
        """Its messages; of English none, since that is what the templates hold."""
        if self._file == "en":
            return gettext.NullTranslations()
        source = resources.files("agents.board").joinpath("locales", f"{self._file}.po")
        compiled = BytesIO()
        with source.open("rb") as file:
            write_mo(compiled, read_po(file, locale=self._file))
        compiled.seek(0)
        return gettext.GNUTranslations(compiled)

    def text(self, message: str, **values: object) -> str:
        """A message, with values put into its braces."""
        found = self.catalogue.gettext(message) if message else ""
        return found.format(**values) if values else found

    def instant(self, ms: int, zone: str, form: str = "MMMdHm", *, seconds: bool = False) -> str:
        """An instant in a zone, as this locale writes it: day and minute unless another `form` is asked for."""
        skeleton = form + ("s" if seconds else "")
        return format_datetime(_local(ms, zone), _pattern(self.locale, skeleton), locale=self.locale)

    def day(self, on: date, form: str = "MMMEd") -> str:
        """A date, with its weekday unless another `form` is asked for."""
        return format_date(on, _pattern(self.locale, form), locale=self.locale)

    def number(self, number: float) -> str:
        """A number with its separators."""
        return format_decimal(number, locale=self.locale)

    def percent(self, ppm: int) -> str:
        """Parts of a million as a percentage with one digit."""
        return format_percent(ppm / 1_000_000, "0.0%", locale=self.locale)

    def span(self, ms: int) -> str:
        """A length of time in its two largest units; a part of a second is one where there is nothing else."""
        left, parts = abs(ms), list[str]()
        for unit in UNITS:
            number, left = divmod(left, unit.ms)
            if number or (parts and len(parts) < 2) or (unit.name == "s" and not parts):
                parts.append(self.text(unit.form, n=number))
            if len(parts) == 2:
                break
        return " ".join(parts)

    def whole_span(self, ms: int) -> str:
        """A length of time as policies say it: in the largest unit that it is a whole number of."""
        unit = next((one for one in UNITS[1:] if not ms % one.ms), UNITS[-1])
        return self.text(unit.form, n=ms // unit.ms)


@lru_cache(maxsize=256)
def _pattern(locale: Locale, skeleton: str) -> str:
    """The locale's own pattern for these fields."""
    skeletons = locale.datetime_skeletons
    time_fields = "Hms" if skeleton.endswith("Hms") else "Hm" if skeleton.endswith("Hm") else ""
    date_fields = skeleton.removesuffix(time_fields)
    parts = []
    for fields in (date_fields, time_fields):
        found = match_skeleton(fields, skeletons) if fields else None
        if found:
            parts.append(str(skeletons[found]))
    return " ".join(parts)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    if name not in ZONES:
        name = UTC
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _local(ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(ms / 1000, _zone(zone))


def local(ms: int, zone: str) -> datetime:
    """An instant (ms UTC) on the clocks of a zone."""
    return _local(ms, zone)


def midnight_ms(on: date, zone: str) -> int:
    """The first instant of a date in a zone, in ms UTC."""
    return int(datetime(on.year, on.month, on.day, tzinfo=_zone(zone)).timestamp() * 1000)


ENGLISH: Final = Language("en", "English", "en")
LANGUAGES: Final = {
    one.code: one for one in (ENGLISH, Language("zh-Hans", "简体中文", "zh_Hans"), Language("ja", "日本語", "ja"))
}


def language_for(chosen: str, accepted: str) -> Language:
    """The language that a reader has chosen, or the first that the browser asks for and we have; else English."""
    if chosen in LANGUAGES:
        return LANGUAGES[chosen]
    return next((one for tag in _by_weight(accepted) if (one := _ours(tag)) is not None), ENGLISH)


def _by_weight(accepted: str) -> Iterable[str]:
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        tag, _, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag.strip().lower()))
        except ValueError:
            continue
    return (tag for _, _, tag in sorted(weighed))


def _ours(tag: str) -> Language | None:
    primary = tag.split("-", maxsplit=1)[0]
    return next((one for one in LANGUAGES.values() if one.code.split("-")[0].lower() == primary), None)
