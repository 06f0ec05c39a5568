"""The documents beside the types: no drift, valid by themselves, and true to the decoder and to what we send."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import schemas
from schemas.dead_letters import REASONS, Rejected, dead_letter_headers, dead_letter_line, letter_of
from schemas.decoding import decode_notification, journal_value
from schemas.events import decode_event, encode_event
from schemas.headers import event_headers, judged_by, line_header
from schemas.json_schemas import all_schemas
from schemas.notifications import PolicyActivated
from schemas.policies import load_policies
from schemas.registry import TOPICS
from tests.schemas.documents import documents, examples
from tests.schemas.golden_files import golden_lines
from tests.schemas.plain_validator import FILE_TYPES, TYPES
from tests.schemas.test_decoding_laws import bytes_of, notifications, spoiled, unhurried

FOLDER = Path(schemas.__file__).parent
SCHEMAS = all_schemas()
ASYNCAPI: dict[str, Any] = orjson.loads(documents()["asyncapi.json"])
VALIDATORS = {path: Draft202012Validator(schema) for path, schema in SCHEMAS.items()}


def is_valid(path: str, value: object) -> bool:
    return VALIDATORS[path].is_valid(value)


def test_what_is_checked_in_is_what_the_types_say() -> None:
    made = documents()
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.joinpath("json").rglob("*.json")} | {"asyncapi.json"}
    assert kept == set(made), "run `python -m tests.schemas.regenerate`"
    for path, text in made.items():
        assert FOLDER.joinpath(path).read_bytes() == text, f"{path}: run `python -m tests.schemas.regenerate`"


@pytest.mark.parametrize("path", sorted(SCHEMAS))
def test_every_schema_is_a_schema(path: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[path])


def test_every_type_has_an_example() -> None:
    events = {path.removeprefix("events/").removesuffix(".json") for path in SCHEMAS if path.startswith("events/")}
    assert set(examples()) == {*TYPES, *FILE_TYPES, *events}


@pytest.mark.parametrize("name", sorted({**TYPES, **FILE_TYPES}))
def test_the_example_of_a_notification_is_valid_and_decodes(name: str) -> None:
    (example,) = examples()[name]
    assert is_valid(f"notifications/{name}.json", example)
    answer = decode_notification(orjson.dumps(example), from_file=name in FILE_TYPES)
    assert not isinstance(answer, Rejected)
    value = orjson.loads(journal_value(answer.body))
    assert value["type"] == name
    assert is_valid("journal.json", value)


def test_no_example_shows_what_is_not_kept() -> None:
    for name in TYPES:
        (example,) = examples()[name]
        answer = decode_notification(orjson.dumps(example), from_file=False)
        assert not isinstance(answer, Rejected)
        assert isinstance(example, dict)
        kept = orjson.loads(journal_value(answer.body))
        assert {**kept, "occurred_at": example["occurred_at"]} == example, name


def test_the_example_of_an_activation_loads_with_its_zones_and_has_the_digest_it_says() -> None:
    answer = decode_notification(orjson.dumps(examples()["policy.activated"][0]), from_file=True)
    assert not isinstance(answer, Rejected)
    assert isinstance(answer.body, PolicyActivated)
    assert answer.body.zones
    assert answer.body.logic == 1
    assert load_policies(answer.body.toml, zone_names=answer.body.zones).digest == answer.body.digest


@pytest.mark.parametrize("path", sorted(FOLDER.joinpath("examples/events").iterdir()), ids=lambda path: path.stem)
def test_the_example_of_an_event_is_one_that_a_golden_case_emits(path: Path) -> None:
    line = path.read_bytes().removesuffix(b"\n")
    assert encode_event(decode_event(line)) == line
    event = orjson.loads(line)
    assert is_valid(f"events/{event['type']}.json", event)
    assert path.stem in (event["type"], f"{event['type']}.{event.get('reason')}")
    assert line in {golden for _, _, golden in golden_lines("expected.jsonl")}


def test_the_example_of_a_dead_letter_is_what_a_bad_line_leaves() -> None:
    example = orjson.loads(FOLDER.joinpath("examples/dead-letter.json").read_bytes())
    assert is_valid("dead-letter.json", example)
    original = base64.b64decode(example["original"])
    answer = decode_notification(original, from_file=True)
    assert isinstance(answer, Rejected)
    assert orjson.loads(dead_letter_line(answer, number=example["line"], original=original)) == example


def test_every_golden_event_is_valid_by_its_schema() -> None:
    for case, number, line in golden_lines("expected.jsonl"):
        event = orjson.loads(line)
        assert is_valid(f"events/{event['type']}.json", event), (case, number)


@pytest.mark.parametrize(
    "change", [{"order_id": None}, {"seq": 0}, {"collapsed": False}, {"at": "2026-02-11T08:00:00Z"}, {"output_id": "x"}]
)
def test_the_schema_of_an_event_is_exact_where_it_speaks(change: dict[str, object]) -> None:
    (event,) = examples()["clock.escalated"]
    assert isinstance(event, dict)
    assert is_valid("events/clock.escalated.json", {**event, "a_new_field": 1})
    assert not is_valid("events/clock.escalated.json", {**event, **change})


@unhurried
@given(st.one_of(notifications(), spoiled()))
def test_what_the_decoder_takes_its_schema_takes(said: dict[str, Any]) -> None:
    answer = decode_notification(bytes_of(said), from_file=True)
    if isinstance(answer, Rejected):
        return
    assert is_valid(f"notifications/{said['type']}.json", said)
    assert is_valid("journal.json", orjson.loads(journal_value(answer.body)))


def test_a_tick_needs_its_time_by_the_schema_too() -> None:
    assert is_valid("notifications/time.tick.json", {"type": "time.tick", "journaled_at": "2026-02-03T10:15:00Z"})
    assert not is_valid("notifications/time.tick.json", {"type": "time.tick"})
    assert not is_valid("notifications/time.tick.json", {"type": "time.tick", "journaled_at": None})


def test_an_activation_in_a_file_needs_its_time_and_sound_zones_by_the_schema_too() -> None:
    (example,) = examples()["policy.activated"]
    assert isinstance(example, dict)
    path = "notifications/policy.activated.json"
    assert is_valid(path, {**example, "zones": "", "logic": None})
    assert not is_valid(path, {**example, "arrived_at": ""})
    bad_zones: tuple[object, ...] = (
        {"A/B": []},
        {"A/B": [[0]]},
        {"A/B": [[0, 0, 0]]},
        {"A/B": [[0, 86_400]]},
        {"A/B": [["0", 0]]},
        [],
    )
    for zones in bad_zones:
        assert not is_valid(path, {**example, "zones": zones}), zones
    for logic in (0, "1", True):
        assert not is_valid(path, {**example, "logic": logic}), logic


def test_an_input_may_say_any_text_for_a_code_and_the_journal_keeps_codes_alone() -> None:
    (example,) = examples()["refund.issued"]
    assert isinstance(example, dict)
    free = {**example, "reason_code": "the box was open, sorry"}
    assert is_valid("notifications/refund.issued.json", free)
    assert not is_valid("notifications/refund.issued.json", {**example, "reason_code": 7})
    kept = {**example, "occurred_at": "2026-02-11T17:00:00.000Z"}
    assert is_valid("journal.json", kept)
    assert not is_valid("journal.json", {**kept, "reason_code": free["reason_code"]})
    assert not is_valid("journal.json", {**kept, "reason_code": ""})


@pytest.mark.parametrize("reason", REASONS)
def test_a_dead_letter_of_every_reason_is_valid(reason: Any) -> None:
    line = dead_letter_line(Rejected(reason, None), number=1, original=b"\xff")
    assert is_valid("dead-letter.json", orjson.loads(line))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    found = list(references(ASYNCAPI))
    assert found
    for reference in found:
        if reference.startswith("./"):
            assert FOLDER.joinpath(reference).is_file(), reference
            continue
        node = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_every_topic_but_the_state_s_own_is_a_channel_with_its_messages() -> None:
    assert set(ASYNCAPI["channels"]) == {topic.name for topic in TOPICS} - {"changelog"}
    breach = ASYNCAPI["channels"]["sla-breach"]
    assert set(breach["messages"]) == {"clock.breached", "clock.lapsed", "clock.retracted", "policy.violation"}
    assert set(ASYNCAPI["channels"]["sla-journal"]["messages"]) == {"journal-line"}
    assert set(ASYNCAPI["channels"]["dead-letter"]["messages"]) == {"dead-letter"}


def test_the_system_receives_notifications_and_sends_the_rest() -> None:
    received = {name for name, said in ASYNCAPI["operations"].items() if said["action"] == "receive"}
    inputs = {f"receive.{topic.name}" for topic in TOPICS if topic.kind in ("input", "repartition")}
    assert received == inputs
    assert "send.sla-repartition" in ASYNCAPI["operations"]


def test_the_headers_we_send_are_those_the_document_names() -> None:
    headers = event_headers(
        output_id="x",
        type="clock.breached",
        at="2026-02-11T08:00:00.000Z",
        subject="s",
        line=line_header(1),
        judged=judged_by("0a" * 32, 1),
    )
    schema = ASYNCAPI["components"]["messages"]["clock.breached"]["headers"]
    assert Draft202012Validator(schema).is_valid({name: value.decode() for name, value in headers})
    assert sorted(schema["required"]) == sorted(name for name, _ in headers)


def test_the_headers_of_a_letter_are_those_the_document_names() -> None:
    letter = letter_of(b"k" * 70_000, b"v" * 2_000_000)
    headers = [*dead_letter_headers(Rejected("too_large", None), topic="t", partition=0, offset=1), *letter.headers]
    schema = ASYNCAPI["components"]["messages"]["dead-letter"]["headers"]
    said = {name: value.decode() for name, value in headers}
    assert Draft202012Validator(schema).is_valid(said)
    assert set(said) <= set(schema["properties"])
    assert not Draft202012Validator(schema).is_valid({**said, "dl_sha256": "x"})
    assert not Draft202012Validator(schema).is_valid({**said, "dl_reason": "x"})
