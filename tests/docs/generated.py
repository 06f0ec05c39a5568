"""The reference pages that are made from the code: topics, settings, metrics, headers, exit statuses.

Each function gives a page's text. `python -m tests.docs.regenerate` writes the pages, a test holds them to the code.
The commands and the documents of `--json` have files of their own (command_pages.py, json_pages.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agents.cli.main import CLOSED_PIPE, CTRL_C
from agents.errors import COULD_NOT_RUN, UserError
from agents.metrics.names import DELIVER_METRICS, METRICS, SOURCE_METRICS, metric_rows
from agents.settings import DEFAULT_FILE, Settings, settings_rows
from agents.source_tables import ACCOUNT_MEANINGS, SOURCE_MEANINGS, SOURCE_TABLES, UNTOLD
from agents.subscriptions import delivery_rows
from schemas.dead_letters import (
    HEADER_REDRIVEN,
    HEADER_REDRIVEN_FROM,
    LARGEST_KEY_BYTES,
    LARGEST_VALUE_BYTES,
    Rejected,
    dead_letter_headers,
    letter_of,
)
from schemas.registry import ALL_TOPICS, PROBE_TOPIC, SNAPSHOTS_TOPIC, TOPICS, Topic
from tests.audit.history import History
from tests.docs.command_pages import statuses_of_commands

NOTE: Final = "<!-- Made from the code by `python -m tests.docs.regenerate`: change the code, not this page. -->"
BREACH: Final = "02-weekend-breach-late-refund"
DAY_MS: Final = 86_400_000


def page(title: str, *parts: str) -> str:
    """A page of a title and what stands under it."""
    return "\n\n".join([f"# {title}", NOTE, *(part.strip("\n") for part in parts)]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` in a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(names: Iterable[str]) -> str:
    """Names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


# --- topics ----------------------------------------------------------------------------------------------------------


def topics_page() -> str:
    """Each topic of the registry: what it carries, what producers send there, how it is kept and stamped."""
    rows = [(f"`{topic.name}`", topic.description, _types(topic), _kept(topic)) for topic in TOPICS]
    by_topic = {topic.name: topic.kafka_settings() for topic in ALL_TOPICS}
    settings = [
        (f"`{topic}`", ", ".join(f"`{name}={value}`" for name, value in own.items())) for topic, own in by_topic.items()
    ]
    return page(
        "Topics",
        "Names are logical: a prefix for all, or another name for any of them, is a [setting](settings.md) "
        "(the changelog is called `sla-changelog` unless it is named otherwise). All need the same number of "
        "partitions. Any known type is accepted on any input topic; the column says where producers should send it.",
        table(("topic", "carries", "types", "kept"), rows),
        f"Beside these stands `{PROBE_TOPIC.name}`, with one partition, kept an hour: each worker writes a few bytes "
        'to it every five seconds to learn the broker\'s time. With `snapshots = "topic"` there is '
        f"`{SNAPSHOTS_TOPIC.name}` too, with [the state at each seal](seals.md#snapshots-in-a-topic); its "
        "`retention.ms` is a week more than `snapshots_kept_days`.",
        "## Topic settings",
        "`dueclock topics create` sets them, `dueclock topics check` says each difference. Where "
        "`message.timestamp.type` or `cleanup.policy` differs no worker starts, but for `sla-snapshots`. "
        "With three copies or more each topic also has `min.insync.replicas=2`: a write that stood on its leader alone "
        "could be lost with it.",
        table(("topic", "Kafka's settings"), settings),
    )


def _types(topic: Topic) -> str:
    return code(topic.types) if topic.kind in ("input", "output") else ""


def _kept(topic: Topic) -> str:
    return "compacted" if topic.retention_ms is None else f"{topic.retention_ms // DAY_MS} days"


# --- settings, metrics -----------------------------------------------------------------------------------------------


def _rows(meanings: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [(f"`{name}`", meaning) for name, meaning in meanings.items()]


def _members() -> list[tuple[str, ...]]:
    """What each kind of source may say besides, and what it says where it is silent."""
    rows: list[tuple[str, ...]] = []
    for kind in SOURCE_TABLES:
        told = [
            f"`{field.name}`" + (f" = `{field.default}`" if field.default not in (msgspec.NODEFAULT, "") else "")
            for field in msgspec.structs.fields(kind)
            if field.name not in {*SOURCE_MEANINGS, *UNTOLD}
        ]
        rows.append((f"`{kind.__struct_config__.tag}`", ", ".join(told)))
    return rows


def settings_page() -> str:
    """The table of settings, and where each is looked up."""
    return page(
        "Settings",
        "A flag wins over a variable, a variable over the settings file, the file over the default. The file is "
        f"`{DEFAULT_FILE}` in the current folder, if there is one; `dueclock --settings FILE` or `DUECLOCK_SETTINGS` "
        "name another. What is unknown or ill-typed is refused with one sentence.",
        table(("setting", "variable", "default", "meaning"), settings_rows()),
        "## Accounts and sources",
        "In the file alone. Each table `[[accounts]]` is one seller in one marketplace, each table `[[sources]]` one "
        "process: `dueclock source run NAME`. Members that are not named here mean what the flag of their name means "
        "(`--password-file` is `password_file`); a flag without a value is `true`.",
        table(("member of `[[accounts]]`", "meaning"), _rows(ACCOUNT_MEANINGS)),
        table(("member of `[[sources]]`", "meaning"), _rows(SOURCE_MEANINGS)),
        table(("kind", "other members, with their defaults"), _members()),
        "`DUECLOCK_TOPIC_<NAME>` is the logical name in capitals with underscores: `DUECLOCK_TOPIC_RETURN_APPROVED`. "
        "In the file, `topics` is a table.",
        "```toml\n"
        'broker = "kafka-1:9092,kafka-2:9092"\ntopic_prefix = "eu-"\n'
        f"session_timeout_s = {Settings().session_timeout_s}"
        '\n\n[topics]\nreturn-approved = "returns.approved.v1"\n```',
        "## Deliveries",
        "Each table `[[deliveries]]` of the file is one delivery of `dueclock deliver`: "
        "[Hear of what is due](../how-to/hear-of-what-is-due.md).",
        table(("field", "targets", "default", "meaning"), delivery_rows()),
        "## Switches",
        "Two variables are switches and no settings: `DUECLOCK_DEBUG=1` shows a traceback where there is only a "
        "sentence otherwise; `DUECLOCK_CACHE` is the folder of the embedded Kafka's jars.",
    )


def metrics_page() -> str:
    """The table of metrics, and the buckets of the histograms."""
    buckets = [
        (f"`{metric.name}`", ", ".join(f"{bound:g}" for bound in metric.buckets))
        for metric in METRICS
        if metric.buckets
    ]
    return page(
        "Metrics",
        "A worker with `--metrics-port 9464` (or the setting) serves `/metrics` for Prometheus, `/healthz` (the "
        "process answers) and `/readyz` (it keeps its partitions, journal time follows, and it turns), "
        "on localhost unless told "
        "otherwise. Names and labels are an interface. A topic is called by its logical name; no label is an id.",
        table(("metric", "type", "meaning"), metric_rows()),
        "## Sources",
        "`dueclock source mailbox`, `sp-api` and `sqs` serve these with `--metrics-port` in the same way; the gateway "
        "serves them under `/metrics` where it listens.",
        table(("metric", "type", "meaning"), metric_rows(SOURCE_METRICS)),
        "## Deliveries",
        "`dueclock deliver` serves these with `--metrics-port` likewise; `delivery` is its name in the settings.",
        table(("metric", "type", "meaning"), metric_rows(DELIVER_METRICS)),
        "## Buckets",
        table(("histogram", "upper bounds"), buckets),
    )


# --- exit statuses ---------------------------------------------------------------------------------------------------


def exit_statuses_page() -> str:
    """What every command ends with, and what some of them mean besides."""
    surroundings = UserError("").exit_code
    rows = [
        ("0", "Done; what the command found is as it should be."),
        (
            str(surroundings),
            "The surroundings refuse (no broker, a full disk), or the command found what it looks for. Also a crash.",
        ),
        (
            str(COULD_NOT_RUN),
            f"Bad arguments, settings, policies. Of a command that says by {surroundings} what it found: it could not.",
        ),
        (str(CTRL_C), "Ctrl-C, before there was anything to sum up."),
        (str(CLOSED_PIPE), "Who read the output has gone, as `head` does."),
    ]
    return page(
        "Exit statuses",
        "A failure that a person can mend is one sentence on standard error, and no traceback.",
        table(("status", "when"), rows),
        "## What some commands say by it",
        table(("command", "its word"), statuses_of_commands()),
    )


# --- headers ---------------------------------------------------------------------------------------------------------

MEANINGS: Final = {
    "ce_specversion": "version of CloudEvents",
    "ce_id": "the event's `output_id`",
    "ce_source": "who says it",
    "ce_type": "the event's `type`",
    "ce_time": "the event's `at`",
    "ce_subject": "the `clock_id`; of an event without a clock, the account",
    "content-type": "how the value is written",
    "line": "running number of the journal line, from 1 in each partition: of an event, the line that brought it",
    "policy": "first 12 hex digits of the digest of the policies that decided",
    "logic": "number of the logic that decided",
    "origin": "the input record, `<topic>/<partition>/<offset>`; none on a tick, an activation, a seal",
    "dl_reason": "why the record is no fact, see [Dead letters](dead-letters.md)",
    "dl_field": "the first field to blame, where there is one",
    "dl_topic": "where the record came from: topic",
    "dl_partition": "partition",
    "dl_offset": "offset",
    "dl_line": "of a record that an operator had skipped: the journal line that it would have been",
    "dl_size": f"of a value over {LARGEST_VALUE_BYTES:,} bytes, which is cut: its whole length",
    "dl_sha256": "of a value that was cut: SHA-256 of the whole",
    "dl_key_size": f"of a key over {LARGEST_KEY_BYTES:,} bytes, which is cut: its whole length",
    "dl_key_sha256": "of a key that was cut: SHA-256 of the whole",
    "dl_redriven": "of a mark beside a letter, which has no value: the letter's offset",
    "redriven_from": "of a record that was sent again: the letter, `<topic>/<partition>/<offset>`",
}


def headers_page() -> str:
    """The headers of each kind of record, with an example each."""
    settings = Settings()
    history = History().tell(BREACH)
    breach = next(one for one in history.event_records(settings) if b"clock.breached" in (one.value or b""))
    line = history.journal_records(settings)[1]
    letter = dead_letter_headers(
        Rejected("bad_field", "occurred_at"), topic="return-received", partition=0, offset=17, line=94
    )
    large = letter_of(b"k" * (LARGEST_KEY_BYTES + 1), b"v" * (LARGEST_VALUE_BYTES + 1))
    again = [(HEADER_REDRIVEN, b"17"), (HEADER_REDRIVEN_FROM, b"dead-letter/0/17")]
    return page(
        "Record headers",
        "All are text in UTF-8. An event carries CloudEvents 1.0 in binary mode, and its provenance apart from its "
        "value, so that a replay from a file gives the same value bytes.",
        "## Events",
        _headers(breach.headers),
        "## Journal records",
        _headers(line.headers),
        "## Dead letters",
        _headers([*letter, *large.headers]),
        "## What is sent again",
        _headers(again),
        "From an event to its cause: `line` is the number of the journal record in the same partition of `sla-journal` "
        "(whose header `line` it is too), and that record's `origin` is the input record.",
    )


def _headers(headers: Iterable[tuple[str, bytes]]) -> str:
    return table(
        ("header", "example", "meaning"),
        [(f"`{name}`", f"`{value.decode()}`", MEANINGS[name]) for name, value in headers],
    )
