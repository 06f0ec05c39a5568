"""No change may break a producer or a subscriber unseen: today's schemas against those of the last release."""

from collections.abc import Callable
from copy import deepcopy

import orjson
import pytest

from schemas.json_schemas import all_schemas
from tests.schemas.compatibility import Direction, Schema, breaks
from tests.schemas.regenerate import BASELINE

RELEASED: dict[str, Schema] = orjson.loads(BASELINE.read_bytes())
REFUND = RELEASED["notifications/refund.issued.json"]
BREACH = RELEASED["events/clock.breached.json"]
JOURNAL = RELEASED["journal.json"]
TICK = RELEASED["notifications/time.tick.json"]
SENT = RELEASED["notifications/message.sent.json"]
ACTIVATION = RELEASED["notifications/policy.activated.json"]
METRICS = RELEASED["notifications/account.metrics_reported.json"]
STORY = RELEASED["answers/explain.json"]
AUDIT = RELEASED["answers/audit.json"]
TRIED = RELEASED["answers/what-if.json"]

Change = Callable[[Schema], object]


def zone_of(activation: Schema) -> Schema:
    """What an activation may say of one zone."""
    zone: Schema = activation["properties"]["zones"]["anyOf"][0]["additionalProperties"]
    return zone


def told_events(story: Schema) -> Schema:
    """What a story tells of each event."""
    event: Schema = story["properties"]["events"]["items"]
    return event


def direction_of(path: str) -> Direction:
    """Who holds the old schema: writers of notifications and journals already written, or readers of what we write."""
    return "input" if path.startswith("notifications/") or path == "journal.json" else "output"


@pytest.mark.parametrize("path", sorted(RELEASED))
def test_no_schema_breaks_those_who_rely_on_the_released_one(path: str) -> None:
    current = all_schemas()
    assert path in current, f"{path} is gone: whoever uses that type is lost"
    assert breaks(RELEASED[path], current[path], direction_of(path)) == []


def test_seals_that_were_noted_with_the_released_version_are_still_read() -> None:
    """Scripts read what `audit seals --json` writes, and so do we: `--check` holds the journal against old notes."""
    seals = "answers/audit-seals.json"
    assert breaks(RELEASED[seals], all_schemas()[seals], "input") == []


def changed(schema: Schema, change: Change) -> Schema:
    new = deepcopy(schema)
    change(new)
    return new


BREAKING: list[tuple[str, Schema, Direction, Change, str]] = [
    ("a new required input field", REFUND, "input", lambda s: s["required"].append("x"), "value.x is required"),
    ("an optional input field becomes required", REFUND, "input", lambda s: s["required"].append("kind"), "required"),
    ("an input field is removed", REFUND, "input", lambda s: s["properties"].pop("program"), "value.program is gone"),
    (
        "an input enum loses a value",
        REFUND,
        "input",
        lambda s: s["properties"]["issued_by"]["enum"].remove("unknown"),
        "value.issued_by may be unknown",
    ),
    (
        "an input field refuses null",
        REFUND,
        "input",
        lambda s: s["properties"].update(full={"type": "boolean"}),
        "value.full may no longer be null",
    ),
    (
        "an optional input field refuses the empty text",
        REFUND,
        "input",
        lambda s: s["properties"]["full"]["anyOf"].remove({"const": ""}),
        "value.full may no longer be empty",
    ),
    (
        "a free input text is held to a pattern",
        REFUND,
        "input",
        lambda s: s["properties"]["reason_code"]["anyOf"][0].update(pattern="^[A-Z_]+$"),
        "value.reason_code has another pattern",
    ),
    (
        "a zone needs more pairs",
        ACTIVATION,
        "input",
        lambda s: zone_of(s).update(minItems=2),
        "value.zones.* has a larger minItems",
    ),
    (
        "a zone may have fewer pairs",
        ACTIVATION,
        "input",
        lambda s: zone_of(s).update(maxItems=9),
        "value.zones.* has a smaller maxItems",
    ),
    (
        "the second of a pair may not be as large",
        ACTIVATION,
        "input",
        lambda s: zone_of(s)["items"]["prefixItems"][1].update(maximum=3_600),
        "value.zones.*[][1] has a smaller maximum",
    ),
    (
        "the second of a pair is refused",
        ACTIVATION,
        "input",
        lambda s: zone_of(s)["items"]["prefixItems"].pop(),
        "value.zones.*[][1] may no longer be there",
    ),
    (
        "the zones may not be named freely",
        ACTIVATION,
        "input",
        lambda s: s["properties"]["zones"]["anyOf"][0].update(additionalProperties=False),
        "value.zones may no longer hold unknown fields",
    ),
    (
        "an input field changes its type",
        REFUND,
        "input",
        lambda s: s["properties"]["amount"].update(type="integer"),
        "value.amount has another type",
    ),
    (
        "an input field gets another pattern",
        REFUND,
        "input",
        lambda s: s["properties"]["refund_id"].update(pattern="^[a-z]+$"),
        "value.refund_id has another pattern",
    ),
    (
        "a free input text is held to a list",
        REFUND,
        "input",
        lambda s: s["properties"]["amount"].update(enum=["1.00"]),
        "value.amount is held to a list of values",
    ),
    (
        "an input refuses unknown fields",
        REFUND,
        "input",
        lambda s: s.update(additionalProperties=False),
        "value may no longer hold unknown fields",
    ),
    (
        "an input number gets a larger minimum",
        METRICS,
        "input",
        lambda s: s["properties"]["window_days"].update(minimum=7),
        "value.window_days has a larger minimum",
    ),
    (
        "an input number gets a smaller maximum",
        METRICS,
        "input",
        lambda s: s["properties"]["window_days"].update(maximum=90),
        "value.window_days has a smaller maximum",
    ),
    (
        "an item of an input list loses a value",
        SENT,
        "input",
        lambda s: s["properties"]["to_roles"]["items"]["enum"].remove("csba"),
        "value.to_roles[] may be csba",
    ),
    ("another time suffices for a tick", TICK, "input", lambda s: s["anyOf"].pop(), "value has another anyOf"),
    ("an event field is removed", BREACH, "output", lambda s: s["properties"].pop("obligor"), "value.obligor is gone"),
    (
        "an event field becomes optional",
        BREACH,
        "output",
        lambda s: s["required"].remove("obligor"),
        "value.obligor is required",
    ),
    (
        "an event enum gets a value that subscribers do not know",
        BREACH,
        "output",
        lambda s: s["properties"]["obligor"]["enum"].append("carrier"),
        "value.obligor may be carrier",
    ),
    (
        "an event field may be null",
        BREACH,
        "output",
        lambda s: s["properties"].update(rule={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "value.rule may no longer be null",
    ),
    (
        "an event number may be smaller",
        BREACH,
        "output",
        lambda s: s["properties"]["seq"].update(minimum=0),
        "value.seq has a larger minimum",
    ),
    (
        "an event's type is named anew",
        BREACH,
        "output",
        lambda s: s["properties"]["type"].update(const="clock.missed"),
        "value.type may be clock.missed",
    ),
    (
        "a journal form is removed",
        JOURNAL,
        "input",
        lambda s: s["$defs"].pop("case.closed"),
        "the form case.closed is not known",
    ),
    (
        "a journal field is removed",
        JOURNAL,
        "input",
        lambda s: s["$defs"]["case.opened"]["properties"].pop("priority"),
        "case.opened.priority is gone",
    ),
    (
        "a member of a list's objects is removed",
        STORY,
        "output",
        lambda s: told_events(s)["properties"].pop("why"),
        "value.events[].why is gone",
    ),
    (
        "a member of an object that may be null is removed",
        STORY,
        "output",
        lambda s: s["properties"]["next"]["anyOf"][0]["properties"].pop("what"),
        "value.next.what is gone",
    ),
    (
        "a member of objects named by data is removed",
        TRIED,
        "output",
        lambda s: s["properties"]["rules"]["additionalProperties"]["properties"].pop("after"),
        "value.rules.*.after is gone",
    ),
    (
        "a member of a document may be null",
        STORY,
        "output",
        lambda s: told_events(s)["properties"].update(at={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "value.events[].at may no longer be null",
    ),
    (
        "a finding is of a kind that scripts do not know",
        AUDIT,
        "output",
        lambda s: s["properties"]["findings"]["items"]["properties"]["kind"]["enum"].append("late"),
        "value.findings[].kind may be late",
    ),
]

ADDITIVE: list[tuple[str, Schema, Direction, Change]] = [
    ("nothing", REFUND, "input", lambda s: None),
    ("a description", REFUND, "input", lambda s: s.update(description="Money back.")),
    ("a new optional input field", REFUND, "input", lambda s: s["properties"].update(x={"type": "string"})),
    ("an input field becomes optional", REFUND, "input", lambda s: s["required"].remove("currency")),
    ("an input enum gets a value", REFUND, "input", lambda s: s["properties"]["issued_by"]["enum"].append("bank")),
    ("an input pattern is given up", REFUND, "input", lambda s: s["properties"]["amount"].pop("pattern")),
    ("an input list of values is given up", SENT, "input", lambda s: s["properties"].update(from_role={})),
    ("an input enum becomes free", REFUND, "input", lambda s: s["properties"].update(issued_by={"type": "string"})),
    ("a new optional event field", BREACH, "output", lambda s: s["properties"].update(x={"type": "string"})),
    ("an event field becomes required", BREACH, "output", lambda s: s["required"].append("consequences")),
    ("an event enum loses a value", BREACH, "output", lambda s: s["properties"]["obligor"]["enum"].remove("csba")),
    ("a zone may say more", ACTIVATION, "input", lambda s: zone_of(s)["items"].update(maxItems=3, items=True)),
    ("a new member of a list's objects", STORY, "output", lambda s: told_events(s)["properties"].update(x={})),
    ("a new journal form", JOURNAL, "input", lambda s: s["$defs"].update({"x": {"type": "object"}})),
]


@pytest.mark.parametrize(
    ("schema", "direction", "change", "why"),
    [pytest.param(*case[1:], id=case[0]) for case in BREAKING],
)
def test_a_breaking_change_made_on_purpose_is_seen(
    schema: Schema, direction: Direction, change: Change, why: str
) -> None:
    assert any(why in sentence for sentence in breaks(schema, changed(schema, change), direction))


@pytest.mark.parametrize(
    ("schema", "direction", "change"),
    [pytest.param(*case[1:], id=case[0]) for case in ADDITIVE],
)
def test_an_additive_change_passes(schema: Schema, direction: Direction, change: Change) -> None:
    assert breaks(schema, changed(schema, change), direction) == []


def test_a_keyword_that_is_not_understood_is_an_error_and_no_yes() -> None:
    with pytest.raises(NotImplementedError, match="uniqueItems"):
        breaks(SENT, changed(SENT, lambda s: s["properties"]["to_roles"].update(uniqueItems=True)), "input")
