"""A report as files and as a table: CSV and Parquet have a row for each account and rule, figures of both periods."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from agents.errors import UserError
from agents.files import opened
from agents.phrases import duration
from agents.reporting.page import page, percent
from agents.subscriptions import Language
from agents.terminal import short_instant, table
from schemas.answers.report import PeriodFigures, Report

_NAMES: Final = ("seller_id", "marketplace_id", "rule")
FIGURES: Final = PeriodFigures.__struct_fields__
COLUMNS: Final = ("since", "until", *_NAMES, *FIGURES, *(f"before_{name}" for name in FIGURES))


def rows(report: Report) -> Iterator[dict[str, Any]]:
    """The rows of CSV and Parquet, by column."""
    for line in report.lines:
        row: dict[str, Any] = {"since": report.since, "until": report.until}
        row |= {name: getattr(line, name) for name in _NAMES}
        row |= {name: getattr(line.now, name) for name in FIGURES}
        row |= {f"before_{name}": getattr(line.before, name) for name in FIGURES}
        yield row


def write_html(report: Report, file: str, language: Language) -> None:
    """One page."""
    with opened(file, "wb", "--html") as out:
        out.write(page(report, language).encode())


def write_csv(report: Report, file: str) -> None:
    """With a line of headings; what is not there is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(report))
    with opened(file, "wb", "--csv") as out:
        out.write(text.getvalue().encode())


def write_parquet(report: Report, file: str) -> None:
    """Instants as timestamps in UTC, counts and durations as integers. UserError without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UserError("--parquet needs pyarrow; install it with `pip install 'dueclock[parquet]'`.", 2) from None
    instant = pa.timestamp("ms", tz="UTC")
    kinds = {name: pa.string() for name in _NAMES} | {"since": instant, "until": instant}
    schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in COLUMNS])
    found = list(rows(report))
    columns = [
        pa.array([row[name] for row in found], pa.string()).cast(schema.field(name).type)
        if name in ("since", "until")
        else pa.array([row[name] for row in found], schema.field(name).type)
        for name in COLUMNS
    ]
    with opened(file, "wb", "--parquet") as out:
        parquet.write_table(pa.Table.from_arrays(columns, schema=schema), out)


def write_table(report: Report, console: Console) -> None:
    """For people at a terminal; what was late comes behind the figures."""
    console.print(Text(f"{short_instant(report.since)} to {short_instant(report.until)}"))
    right = ("opened", "met", "late", "superseded", "exempt", "open", "on time", "before", "median", "p90")
    shown = table("account", "rule", *right, right=right, whole=("rule", *right))
    for line in report.lines:
        now = line.now
        shown.add_row(
            f"{line.seller_id}/{line.marketplace_id}",
            line.rule,
            *(f"{getattr(now, name):,}" for name in right[:6]),
            percent(now.on_time_ppm),
            percent(line.before.on_time_ppm),
            *("–" if ms is None else duration(ms, "en") for ms in (now.median_ms, now.p90_ms)),
        )
    if report.lines:
        console.print(shown)
    late = table("late by", "due at", "clock", right=("late by",), whole=("late by", "due at"))
    breaches = sorted((one.due_at, one.clock_id, one) for line in report.lines for one in line.breaches)
    for due_at, clock_id, one in breaches:
        by = "not done" if one.late_by_ms is None else duration(one.late_by_ms, "en")
        late.add_row(by, short_instant(due_at), clock_id)
    if breaches:
        console.print()
        console.print(late)
    console.print(Text(f"{sum(line.now.opened for line in report.lines):,} clocks, {len(breaches):,} late."))


def check_places(*files: str | None) -> None:
    """UserError where two files are one: the second would take the first one's place."""
    named = [str(Path(file).resolve()) for file in files if file is not None]
    twice = sorted({file for file in named if named.count(file) > 1})
    if twice:
        raise UserError(f"Two forms of the report would go to {twice[0]}; give each a file of its own.", 2)
