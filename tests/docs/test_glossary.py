"""One word for one thing: a word that the contract defines names what the contract means by it, and nothing else.

The table says of each word where a class, function or module may bear it; a name elsewhere is a stray. Who gives a new
room such a name looks first whether it is the contract's thing, and then adds the room. `stop` is not held: it is the
verb of every program, and what the contract calls so is `end` in the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import pytest

from tests.docs.blocks import DOCS
from tests.repository.tree import ROOT

HELD: Final = ("streams", "schemas", "agents")
CORE: Final = ("streams", "schemas")


class Word(NamedTuple):
    """A word of the glossary: its forms, and the modules or packages where it may be part of a name."""

    forms: str
    places: tuple[str, ...]


WORDS: Final = {
    "account": Word(
        "account accounts",
        (
            *CORE,
            "agents/board",
            "agents/auditing/following",
            "agents/cli/ingest",
            "agents/desk/canary",
            "agents/desk/dead_letters",
            "agents/source_tables",
            "agents/sources/passing_on",
            "agents/delivering/matching",
            "agents/reporting",
        ),
    ),
    "fact": Word(
        "fact facts",
        (*CORE, "agents/board", "agents/auditing/following", "agents/auditing/story", "agents/auditing/story_report"),
    ),
    "matter": Word("matter matters", (*CORE, "agents/board", "agents/auditing/evidence")),
    "clock": Word(
        "clock clocks",
        (
            *CORE,
            "agents/board",
            "agents/auditing/following",
            "agents/cli/desk",
            "agents/demo",
            "agents/desk",
            "agents/metrics/door",
            "agents/worker/clocks_page",
            "agents/worker/ownership",
            "agents/worker/tables",
            "agents/worker/watch",
            "agents/delivering/merging",
            "agents/reporting",
        ),
    ),
    "line": Word(
        "line lines",
        (
            *CORE,
            "agents/auditing/evidence",
            "agents/auditing/looking_back",
            "agents/auditing/pieces",
            "agents/desk/hanging",
            "agents/journal",
            "agents/kafka/log_reader",
        ),
    ),
    "journal": Word(
        "journal journals journaled",
        (
            *CORE,
            "agents/auditing/evidence",
            "agents/auditing/pieces",
            "agents/cli/kafka",
            "agents/journal",
            "agents/kafka",
            "agents/worker",
            "agents/reporting",
        ),
    ),
    "tick": Word("tick ticks ticked", ("schemas/notifications", "agents/worker/keeper")),
    "timer": Word("timer timers", ("streams",)),
    "due": Word(
        "due dues",
        (
            *CORE,
            "agents/board",
            "agents/auditing/story",
            "agents/auditing/story_report",
            "agents/demo",
            "agents/worker/journal_time",
            "agents/worker/tables",
            "agents/worker/ticker",
            "agents/worker/watch",
        ),
    ),
    "fire": Word("fire fires fired firing", ("streams",)),
    "settle": Word("settle settles settled settling unsettled", ("streams",)),
    "to stand": Word(
        "stand stands stood standing standings",
        (*CORE, "agents/auditing/story", "agents/delivering/matching", "agents/reporting"),
    ),
    "to retract": Word("retract retracts retracted retraction", (*CORE, "agents/demo/board")),
    "to forget": Word("forget forgets forgot forgotten", ("streams", "agents/auditing/following")),
    "duty": Word("duty duties", ("streams",)),
    "outcome": Word("outcome outcomes", (*CORE, "agents/auditing/what_if")),
    "escalation": Word(
        "escalate escalates escalated escalation escalations",
        (*CORE, "agents/board", "agents/auditing/story", "agents/auditing/story_report"),
    ),
    "breach": Word("breach breaches breached", (*CORE, "agents/board", "agents/demo/board", "agents/reporting")),
    "violation": Word("violation violations", (*CORE, "agents/demo/board")),
    "activation": Word(
        "activate activates activated activating activation",
        (*CORE, "agents/auditing/following", "agents/worker/activating", "agents/worker/keeper"),
    ),
    "logic": Word("logic logics", ("streams", "agents/auditing/following")),
    "subject": Word("subject subjects", (*CORE, "agents/board", "agents/demo/board")),
    "target": Word("target targets", ("schemas", "agents/board", "agents/cli/policies")),
    "rule": Word(
        "rule rules",
        (
            "schemas",
            "agents/board",
            "agents/auditing/what_if",
            "agents/demo/view",
            "agents/sources/delays",
            "agents/delivering/matching",
        ),
    ),
    "calendar": Word("calendar calendars", (*CORE, "agents/auditing/evidence")),
    "watermark": Word("watermark watermarks", ("agents/worker/journal_time", "agents/worker/ticker")),
}

OTHERWISE: Final = {
    "agents/worker/broker": {"clock": "the broker's clock, the one other clock that there is"},
    "agents/worker/clock_probe": {
        "clock_probe": "asks the broker's clock",
        "ClockProbe": "asks the broker's clock",
    },
    "agents/worker/journal_time": {"BrokerClock": "the broker's clock"},
    "agents/worker/breathing": {"is_due": "a pause of the loop is due, as a person says it"},
    "agents/journal/sealing": {"is_due": "a seal is due by journal time"},
    "agents/worker/activating": {"stands_in": "policies stand in force"},
    "agents/subscriptions": {"PagerDuty": "the name of a product"},
    "agents/demo/performance": {"line_of": "a line of a file that replay reads"},
}
"""Names that mean something else on purpose, by module, and what they mean."""


class Named(NamedTuple):
    """A class, a function or the module itself, and the module that it is in."""

    module: str
    name: str


def names() -> Iterator[Named]:
    for package in HELD:
        for file in sorted((ROOT / package).rglob("*.py")):
            module = file.relative_to(ROOT).with_suffix("").as_posix()
            yield Named(module, file.stem)
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield Named(module, node.name)


def parts_of(name: str) -> set[str]:
    """The words of a name, of either style."""
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}


def is_at(module: str, places: Iterable[str]) -> bool:
    return any(module == place or module.startswith(f"{place}/") for place in places)


def strays(found: Iterable[Named]) -> list[str]:
    """Each name that bears a word where the table does not have it."""
    return [
        f"{one.module}: {one.name} is named by {word!r}, which means something else in the glossary"
        for one in found
        for word, (forms, places) in WORDS.items()
        if parts_of(one.name) & set(forms.split())
        and not is_at(one.module, places)
        and one.name not in OTHERWISE.get(one.module, {})
    ]


NAMES: Final = tuple(names())


def test_a_word_of_the_contract_names_nothing_else() -> None:
    assert strays(NAMES) == []


def said_in(tree: ast.AST) -> set[str]:
    """Every name of this tree that is `said` alone, of a variable, a parameter, a member or a function."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name):
                found |= {name} & {"said", "_said"}
    return found


def test_said_names_nothing() -> None:
    """Everything is said by someone; a name says what it is: a document, a notification, a sentence, a difference."""
    found = {
        str(file.relative_to(ROOT)): said_in(ast.parse(file.read_text()))
        for package in (*HELD, "deploy")
        for file in sorted((ROOT / package).rglob("*.py"))
    }
    assert {file: names for file, names in found.items() if names} == {}
    assert said_in(ast.parse("def _said(a):\n    said = a.said")) == {"said", "_said"}


@pytest.mark.parametrize("word", WORDS)
def test_each_place_of_a_word_has_something_that_it_names(word: str) -> None:
    forms, places = WORDS[word]
    bearers = [one.module for one in NAMES if parts_of(one.name) & set(forms.split())]
    assert [place for place in places if not any(is_at(module, [place]) for module in bearers)] == []


def test_each_exception_is_still_one() -> None:
    assert {(module, name) for module, own in OTHERWISE.items() for name in own} <= set(NAMES)


@pytest.mark.parametrize("word", sorted(WORDS.keys() - {"duty", "fire", "settle"}))
def test_the_glossary_says_what_each_word_means(word: str) -> None:
    assert f"| **{word}**" in (DOCS / "reference" / "glossary.md").read_text()


@pytest.mark.parametrize(
    "stray",
    [Named("agents/logs", "JsonLines"), Named("agents/demo/view", "facts"), Named("agents/metrics/duty", "duty")],
)
def test_a_stray_is_seen(stray: Named) -> None:
    assert len(strays([stray])) == 1
