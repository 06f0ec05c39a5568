"""The policy file: TOML text in, frozen `Policies` out, or one `PolicyError` sentence; nothing in between.

Promises: the same text always gives equal policies; nothing is guessed, corrected or looked up, save the shipped file
and, where no zones are said with the policies, the names of the machine's zones. Callers read files as bytes and decode
them as UTF-8, newlines untouched: the digest is of the text. Meaning: contract §5.
"""

import hashlib
import tomllib
from collections.abc import Collection
from importlib import resources
from itertools import pairwise
from typing import get_args

from schemas.codec import DAY_MS
from schemas.fields import Program
from schemas.policy_calendars import read_calendars
from schemas.policy_tables import (
    DURATION_EXPECTED,
    LONGEST_DAYS,
    Table,
    as_duration_ms,
    as_text,
    is_id,
    nearest,
)
from schemas.policy_types import (
    DUE_TYPES,
    UNIT_MS,
    AppliesTo,
    CalendarSpec,
    Obligor,
    Policies,
    PolicyError,
    Retention,
    RuleVersion,
    Target,
)
from schemas.rules import RULES

_OBLIGORS: tuple[Obligor, ...] = get_args(Obligor)
_APPLIES_TO: tuple[AppliesTo, ...] = get_args(AppliesTo)
_PROGRAMS: tuple[Program, ...] = get_args(Program)
_DEFAULT_PROGRAMS = frozenset({"sfp"})
# Facts are taken until 30 days before a calendar's last date (contract §2): so many business days still end within it.
MOST_BUSINESS_DAYS = 15


def load_policies(text: str, *, zone_names: Collection[str] | None = None) -> Policies:
    """Read a policy file's text; PolicyError for each load error of contract §5.

    `zone_names` are those of the zones that an activation says: they count, and the machine's do not.
    """
    root = Table(_parsed(text), "The policy file", ("retention", "calendars", "marketplaces", "accounts", "rules"))
    calendars = read_calendars(root, zone_names)
    return Policies(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        toml=text,
        retention=_retention(root),
        calendars=calendars,
        marketplaces=_marketplaces(root, calendars),
        accounts=_accounts(root, calendars),
        rules=_rules(root),
    )


def shipped_policies(*, canary: bool = False) -> str:
    """The text of the shipped policy file; with the tables of the canary behind it, where that is asked for."""
    text = _shipped("policies.toml")
    return text + _shipped("canary.toml") if canary else text


def _shipped(name: str) -> str:
    return resources.files("schemas").joinpath("shipped", name).read_bytes().decode()


def _parsed(text: str) -> dict[str, object]:
    try:
        text.encode()
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; so are lone surrogates and integers of 5,000 digits
        raise PolicyError(f"The policy file is not TOML: {error}.") from None
    except RecursionError:
        raise PolicyError("The policy file is not usable TOML: it is nested too deeply.") from None


def _retention(root: Table) -> Retention:
    table = Table(root.value_or("retention", {}), "[retention]", ("settled_days", "unsettled_days", "evidence_days"))
    return Retention(
        settled_ms=table.count("settled_days", 120, LONGEST_DAYS) * DAY_MS,
        unsettled_ms=table.count("unsettled_days", 200, LONGEST_DAYS) * DAY_MS,
        evidence_ms=table.count("evidence_days", 225, LONGEST_DAYS) * DAY_MS,
    )


def _marketplaces(root: Table, calendars: dict[str, CalendarSpec]) -> dict[str, str]:
    tables = Table(root.value_or("marketplaces", {}), "[marketplaces]", None)
    for name in tables.names():
        if not is_id(name, 32):
            raise PolicyError(f"[marketplaces] holds {name!r}, which is no marketplace id.")
    return {name: _calendar_name(f"[marketplaces.{name}]", tables.value(name), calendars) for name in tables.names()}


def _accounts(root: Table, calendars: dict[str, CalendarSpec]) -> dict[str, str]:
    tables = Table(root.value_or("accounts", {}), "[accounts]", None)
    for name in tables.names():
        seller, _, marketplace = name.partition("/")
        if not (is_id(seller, 64) and is_id(marketplace, 32)):
            raise PolicyError(f'[accounts] holds {name!r}, which is no account; write "seller_id/marketplace_id".')
    return {name: _calendar_name(f'[accounts."{name}"]', tables.value(name), calendars) for name in tables.names()}


def _calendar_name(place: str, raw: object, calendars: dict[str, CalendarSpec]) -> str:
    name = Table(raw, place, ("calendar",)).text("calendar")
    if name not in calendars:
        raise PolicyError(f"{place} names the unknown calendar {name!r}; {nearest(name, calendars)}")
    return name


def _rules(root: Table) -> dict[str, tuple[RuleVersion, ...]]:
    tables = Table(root.value_or("rules", {}), "[rules]", None)
    for name in tables.names():
        if name not in RULES:
            raise PolicyError(f"[[rules.{name}]] is an unknown rule; {nearest(name, RULES)}")
    return {name: _versions(name, tables.value(name)) for name in tables.names()}


def _versions(rule: str, raw: object) -> tuple[RuleVersion, ...]:
    if not isinstance(raw, list) or not raw:
        raise PolicyError(f"[[rules.{rule}]] must be a list of tables, one for each version.")
    versions = tuple(_version(rule, number, table) for number, table in enumerate(raw, start=1))
    for older, newer in pairwise(versions):
        if newer.version <= older.version:
            raise PolicyError(
                f"[[rules.{rule}]] has version {newer.version} after version {older.version}; list the oldest first."
            )
        if newer.effective_from_ms < older.effective_from_ms:
            raise PolicyError(
                f"[[rules.{rule}]] has version {newer.version} in force before version {older.version}; "
                "let 'effective_from' follow the order of the versions."
            )
    return versions


def _version(rule: str, number: int, raw: object) -> RuleVersion:
    table = Table(raw, f"[[rules.{rule}]] (table {number})", _VERSION_KEYS)
    target = _target(table)
    return RuleVersion(
        rule=rule,
        version=table.count("version"),
        effective_from_ms=table.instant_ms("effective_from"),
        marketplaces=_bound_marketplaces(table),
        target=target,
        confirm_after_ms=table.duration_ms("confirm_after", "0s"),
        escalate_before_ms=_before(table, target),
        escalate_after_ms=_after(table),
        obligor=table.one_of("obligor", _OBLIGORS),
        on_due=table.one_of("on_due", DUE_TYPES, "clock.breached"),
        consequences=table.items("consequences", as_text, "a list of strings that are not empty"),
        applies_to=table.one_of("applies_to", _APPLIES_TO, "new"),
        programs=_programs(rule, table),
    )


_VERSION_KEYS = (
    "version",
    "effective_from",
    "marketplaces",
    "target",
    "confirm_after",
    "escalate_before",
    "escalate_after",
    "obligor",
    "on_due",
    "consequences",
    "applies_to",
    "programs",
)
_DURATIONS_EXPECTED = f"a list, each item {DURATION_EXPECTED}"


def _target(table: Table) -> Target:
    place = f"'target' in {table.place}"
    target = Table(table.value("target"), place, UNIT_MS)
    kinds = [kind for kind in UNIT_MS if kind in target.names()]
    if len(kinds) != 1:
        raise PolicyError(f"{place} must hold exactly one of {', '.join(UNIT_MS)}.")
    longest = MOST_BUSINESS_DAYS if kinds[0] == "business_days" else LONGEST_DAYS * DAY_MS // UNIT_MS[kinds[0]]
    return Target(kinds[0], target.count(kinds[0], longest=longest))


def _before(table: Table, target: Target) -> tuple[int, ...]:
    offsets = table.items("escalate_before", as_duration_ms, _DURATIONS_EXPECTED)
    if any(offset >= target.elapsed_ms for offset in offsets):
        raise PolicyError(
            f"'escalate_before' in {table.place} has an offset that is not shorter than the target "
            f"({target.kind} = {target.count}); shorten it."
        )
    if any(earlier <= later for earlier, later in pairwise(offsets)):
        raise PolicyError(f"The offsets of 'escalate_before' in {table.place} do not fall; list the longest first.")
    return offsets


def _after(table: Table) -> tuple[int, ...]:
    offsets = table.items("escalate_after", as_duration_ms, _DURATIONS_EXPECTED)
    if any(earlier >= later for earlier, later in pairwise(offsets)):
        raise PolicyError(f"The offsets of 'escalate_after' in {table.place} do not rise; list the shortest first.")
    return offsets


def _programs(rule: str, table: Table) -> frozenset[str]:
    if not RULES[rule].has_programs:
        if "programs" in table.names():
            may = ", ".join(name for name, known in RULES.items() if known.has_programs)
            raise PolicyError(f"{table.place} has 'programs', which {may} alone may have; take it out.")
        return frozenset()
    if "programs" not in table.names():
        return _DEFAULT_PROGRAMS
    expected = "a list of at least one of " + ", ".join(f'"{program}"' for program in _PROGRAMS)
    programs = table.items(
        "programs", lambda item: item if isinstance(item, str) and item in _PROGRAMS else None, expected
    )
    if not programs:
        raise table.wrong("programs", expected)
    return frozenset(programs)


def _bound_marketplaces(table: Table) -> frozenset[str] | None:
    if table.value_or("marketplaces", None) is None:
        return None
    expected = "a list of at least one marketplace id; leave the key out to bind all"
    ids = table.items(
        "marketplaces", lambda item: item if isinstance(item, str) and is_id(item, 32) else None, expected
    )
    if not ids:
        raise table.wrong("marketplaces", expected)
    return frozenset(ids)
