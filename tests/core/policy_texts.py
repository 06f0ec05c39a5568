"""Policy files for stories: the golden policies, with what a story needs changed.

A change is a plain table as in the file: `policies(changed={"sfp-refund": {"confirm_after": "2h"}})` alters the first
version, `added` appends versions, which take what they do not name from the version before.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

Table = dict[str, Any]

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden" / "policies.toml"
PLAIN: Final = GOLDEN.read_text(encoding="utf-8")
_TABLES: Final[Table] = tomllib.loads(PLAIN)


def effective(ms: int) -> datetime:
    """An `effective_from`."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def policies(
    *,
    changed: Mapping[str, Table] | None = None,
    added: Mapping[str, Sequence[Table]] | None = None,
    retention: Mapping[str, int] | None = None,
    accounts: Mapping[str, str] | None = None,
    calendars: Mapping[str, Table] | None = None,
) -> str:
    """The golden policies with changes."""
    tables = copy.deepcopy(_TABLES)
    tables["retention"] = {**tables.get("retention", {}), **(retention or {})}
    tables["calendars"].update(calendars or {})
    tables["accounts"] = {account: {"calendar": calendar} for account, calendar in (accounts or {}).items()}
    for rule, change in (changed or {}).items():
        tables["rules"][rule][0].update(change)
    for rule, versions in (added or {}).items():
        for version in versions:
            last = tables["rules"][rule][-1]
            tables["rules"][rule].append({**last, "version": last["version"] + 1, **version})
    return _dumped(tables)


def _dumped(tables: Table) -> str:
    lines: list[str] = []
    for name in ("retention", "calendars", "marketplaces", "accounts"):
        if name == "retention":
            lines += ["[retention]", *_pairs(tables[name])]
            continue
        for key, table in tables[name].items():
            lines += [f"[{name}.{json.dumps(key)}]", *_pairs(table)]
    for rule, versions in tables["rules"].items():
        for version in versions:
            lines += [f"[[rules.{rule}]]", *_pairs(version)]
    return "\n".join(lines) + "\n"


def _pairs(table: Table) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_pairs(value))} }}"
    return json.dumps(value)
