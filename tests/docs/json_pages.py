"""The page of the documents that commands write with `--json`: which members there are, and of what type.

The documents are real ones: the commands run here on the golden cases, as files; what needs a cluster is made by the
same functions from values of the same types. Several documents of a command are laid over each other, so that a member
that may be null shows both.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from agents.auditing.comparison import Finding
from agents.cli.main import run
from agents.desk.clocks_report import row_of
from agents.desk.dead_letter_report import as_json
from agents.desk.dead_letters import Letter
from agents.desk.rebuild import Rebuilt
from agents.desk.rebuild_report import as_json as rebuilt_as_json
from agents.journal.seals import Seal
from schemas.headers import Origin
from streams.due_list import DueClock
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, History

REPLY: Final = "10a-reply-at-exactly-24h"
CLOCKS: Final = (
    f"{GOLDEN_ACCOUNT}/sfp-refund/111-0000001-0000001/RET-2",
    f"{GOLDEN_ACCOUNT}/buyer-message-reply/T-1/MSG-10",
)
KEYED_BY: Final = {
    "accounts": "account",
    "events.after": "event type",
    "events.before": "event type",
    "marketplaces": "marketplace",
    "partitions[].events": "event type",
    "partitions[].findings": "kind",
    "partitions[].sent": "topic",
    "rules": "rule",
}
"""Members whose own members are named by data: they are shown as `<…>`."""


class Document(NamedTuple):
    """The documents of one command: how it is called, what it writes, and examples of it."""

    command: str
    what: str
    examples: tuple[Any, ...]


def documents() -> list[Document]:
    """A row for each command that has `--json`, in the order of their names."""
    with TemporaryDirectory() as folder:
        return sorted([*_of_files(Path(folder)), *_of_a_cluster()])


def _of_files(folder: Path) -> Iterator[Document]:
    history = History().tell(BREACH).tell(REPLY)
    journal = str(history.journal_file(folder / "journal.jsonl"))
    events = str(history.events_file(folder / "events.jsonl"))
    fewer = folder / "fewer.jsonl"
    fewer.write_text("".join(Path(events).read_text().splitlines(keepends=True)[1:]))
    longer = folder / "longer.toml"
    longer.write_text(_policies_of(history).replace("business_days = 2", "business_days = 3"))
    audits = [_written("audit", "--journal", journal, "--events", file) for file in (events, str(fewer))]
    yield Document("dueclock audit", "What was found, and the first findings of each partition.", tuple(audits))
    stories = [_written("explain", clock, "--journal", journal) for clock in CLOCKS]
    stories += [
        _written("explain", clock, "--journal", journal, "--at", "2026-02-10T12:00:00Z") for clock in CLOCKS[:1]
    ]
    stories.append(_as_on_a_cluster(stories[0]))
    yield Document("dueclock explain", "The story of one clock.", tuple(stories))
    tried = _written("what-if", "--policies", str(longer), "--journal", journal)
    yield Document("dueclock what-if", "All clocks that would have differed.", (tried,))
    yield Document(
        "dueclock policies check", "What is in a policy file.", (_written("policies", "check", str(longer)),)
    )


def _as_on_a_cluster(story: dict[str, Any]) -> dict[str, Any]:
    """The same story with what only a cluster can tell: offsets, origins, where each event stands."""
    sent = {"topic": "sla-clock", "status": "there", "offset": 0}
    origin = Origin("return-received", 0, 17)._asdict()
    return {
        **story,
        "journal": {**story["journal"], "partition": 0},
        "policy": {**story["policy"], "activated": {**story["policy"]["activated"], "offset": 0}},
        "facts": [{**fact, "offset": 0, "origin": origin} for fact in story["facts"]],
        "events": [{**event, "offset": 0, "sent": sent} for event in story["events"]],
    }


def _policies_of(history: History) -> str:
    (activation, *_) = history.lines
    return str(getattr(activation.body, "toml", ""))


def _written(*arguments: str) -> Any:
    """What a command writes, run here."""
    written = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(written)) as out:
        run([*arguments, "--json"])
        out.flush()
    return json.loads(written.getvalue())


def _of_a_cluster() -> Iterator[Document]:
    origin = Origin("return-received", 0, 17)
    letters = [
        as_json(Letter(0, 3, 0, "skipped", None, origin, 94, None, b"{}"), with_bytes=True),
        as_json(Letter(0, 4, 0, "bad_field", "order_id", origin, None, b"k", None), with_bytes=True),
        as_json(
            Letter(0, 5, 0, "not_json", None, origin, None, b"k", b'{"seller_id":"S","marketplace_id":"M"}'),
            with_bytes=True,
        ),
    ]
    without_bytes = tuple(
        {name: value for name, value in one.items() if name not in ("key", "value")} for one in letters
    )
    yield Document("dueclock deadletter list", "A letter, one a line.", without_bytes)
    yield Document("dueclock deadletter show", "A letter whole, key and value in base64, one a line.", tuple(letters))
    yield Document("dueclock deadletter redrive", "A letter that was sent, one a line.", without_bytes)
    seal = Seal(0, 5, "2026-02-11T08:00:00.000Z", 5, 4, "00" * 32, "00" * 32)
    yield Document("dueclock audit seals", "A seal, one a line.", (seal._asdict(),))
    clock = DueClock(0, "", "open", "S/M", "sfp-refund", 1, "", 0, "", "")
    yield Document("dueclock clocks", "A clock, one a line.", (row_of(clock),))
    finding = Finding("extra", 0, "sla-clock", 4, 2, "00" * 16, "")
    unplaced = Finding("journal", 0, "sla-journal", None, None, None, "")
    rebuilt = [Rebuilt(0, 93, {"sla-breach": 1}, 56, 0, [finding, unplaced])]
    yield Document("dueclock rebuild", "What was done in each partition.", (rebuilt_as_json(rebuilt, is_dry=True),))
    yield Document("dueclock topics check", "A sentence for each difference.", ({"differences": [""]},))
    running = {"bootstrap": "", "folder": "", "is_answering": True, "is_running": True, "log_file": "", "pid": 1}
    stopped = {**running, "bootstrap": None, "pid": None}
    for name in ("start", "status"):
        yield Document(f"dueclock kafka {name}", "Whether it runs, and where.", (running, stopped))


# --- members ---------------------------------------------------------------------------------------------------------


def members(examples: Iterable[Any]) -> dict[str, str]:
    """Each member by its path, with every type that it has in these documents."""
    found: dict[str, set[str]] = {}
    for example in examples:
        for path, kind in _walked(example, ""):
            found.setdefault(path, set()).add(kind)
    return {path: ", ".join(sorted(found[path], key=lambda kind: (kind == "null", kind))) for path in sorted(found)}


def _walked(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if path:
            yield path, "object"
        keyed_by = KEYED_BY.get(path)
        for name, member in value.items():
            own = f"<{keyed_by}>" if keyed_by else name
            yield from _walked(member, f"{path}.{own}" if path else own)
    elif isinstance(value, list):
        yield path, "list"
        for member in value:
            yield from _walked(member, f"{path}[]")
    else:
        yield path, _TYPES[type(value)]


_TYPES: Final = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def json_parts() -> Iterator[str]:
    """A heading and a table of members for each command."""
    for document in documents():
        yield f"## {document.command} --json"
        yield document.what
        rows = [f"| `{path}` | {kind} |" for path, kind in members(document.examples).items()]
        yield "\n".join(["| member | type |", "| --- | --- |", *rows])
