"""Lines that only a file or a journal holds, and the value that the journal keeps of each (contract §2, §5, §7)."""

import orjson
import pytest

from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_journal_value, journal_value
from schemas.notifications import Body, PolicyActivated, RefundIssued, StateSealed, TimeTick, Zones
from tests.schemas.plain_validator import judge
from tests.schemas.samples import (
    ACTIVATION,
    RECEIVED,
    RECEIVED_BODY,
    SEAL,
    SENT,
    TICK,
    TICK_MS,
    blamed,
    in_file,
    kept,
    live,
)


def test_a_journaled_line_of_a_file_and_an_activation_are_never_too_large() -> None:
    pad = "x" * MAX_NOTIFICATION_BYTES
    journaled = {**RECEIVED, "pad": pad, "journaled_at": "2026-02-03T10:15:00Z"}
    assert isinstance(in_file(journaled), Decoded)
    assert live(journaled) == Rejected("too_large", None)
    arrived = {**RECEIVED, "pad": pad, "arrived_at": "2026-02-03T10:15:00Z"}
    assert in_file(arrived) == Rejected("too_large", None)
    assert isinstance(in_file({**ACTIVATION, "toml": pad}), Decoded)
    assert live({**ACTIVATION, "toml": pad}) == Rejected("too_large", None)


@pytest.mark.parametrize("value", [-1, 2**53, 1.0, True, "1", None, ""])
def test_the_numbers_of_a_seal_are_integers_that_every_reader_can_hold(value: object) -> None:
    for field in ("line", "offset"):
        assert blamed(in_file({**SEAL, field: value})) == field
        assert isinstance(in_file({**SEAL, field: 2**53 - 1}), Decoded)


def test_a_seal_names_the_logic_that_was_in_force() -> None:
    assert in_file(SEAL) == Decoded(
        StateSealed(line=7, offset=0, state="0a" * 32, journal="0b" * 32, logic=1), None, TICK_MS
    )
    for logic in (0, -1, 1.0, True, "1", None, ""):
        assert blamed(in_file({**SEAL, "logic": logic})) == "logic"
    assert kept(in_file({**SEAL, "logic": 12}))["logic"] == 12


def test_in_a_file_a_line_brings_its_journal_time() -> None:
    times = {"arrived_at": "2026-02-03T10:15:00Z", "journaled_at": "2026-02-03T10:15:00.001Z"}
    assert in_file({**RECEIVED, **times}) == Decoded(RECEIVED_BODY, TICK_MS, TICK_MS + 1)
    assert in_file(RECEIVED) == Decoded(RECEIVED_BODY, None, None)
    assert in_file({**RECEIVED, "arrived_at": None}) == Decoded(RECEIVED_BODY, None, None)


def test_live_the_journal_times_of_a_file_are_unknown_fields() -> None:
    assert live({**RECEIVED, "arrived_at": "x", "journaled_at": 7}) == live(RECEIVED)


def test_a_tick_is_its_journal_time_and_nothing_else() -> None:
    assert in_file(TICK) == Decoded(TimeTick(), TICK_MS, None)
    assert in_file({"type": "time.tick", "journaled_at": TICK["arrived_at"], "junk": 1}) == Decoded(
        TimeTick(), None, TICK_MS
    )
    assert blamed(in_file({"type": "time.tick"})) == "arrived_at"
    assert blamed(in_file({**TICK, "journaled_at": "x"})) == "journaled_at"


def test_an_activation_needs_its_digest_its_text_and_its_journal_time() -> None:
    answer = in_file(ACTIVATION)
    assert answer == Decoded(PolicyActivated(digest="0a" * 32, toml="x = 1\n"), None, TICK_MS)
    assert blamed(in_file({**ACTIVATION, "journaled_at": None})) == "arrived_at"
    assert blamed(in_file({**ACTIVATION, "digest": "0a"})) == "digest"
    assert blamed(in_file({**ACTIVATION, "digest": None})) == "digest"
    assert blamed(in_file({**ACTIVATION, "toml": 7})) == "toml"
    assert isinstance(in_file({**ACTIVATION, "digest": "0A" * 32}), Decoded)


def test_an_activation_may_say_its_zones_and_its_logic() -> None:
    zones = {"Pacific/Apia": [[0, -39_600], [1_325_239_200_000, 50_400]], "Etc/UTC": [[-1, 0]]}
    answer = in_file({**ACTIVATION, "zones": zones, "logic": 3})
    assert isinstance(answer, Decoded)
    assert isinstance(answer.body, PolicyActivated)
    said: Zones | None = answer.body.zones
    assert said == {"Pacific/Apia": ((0, -39_600), (1_325_239_200_000, 50_400)), "Etc/UTC": ((-1, 0),)}
    assert answer.body.logic == 3
    assert journal_value(answer.body) == (
        b'{"digest":"' + b"0a" * 32 + b'","logic":3,"toml":"x = 1\\n","type":"policy.activated",'
        b'"zones":{"Etc/UTC":[[-1,0]],"Pacific/Apia":[[0,-39600],[1325239200000,50400]]}}'
    )
    assert decode_journal_value(journal_value(answer.body)) == answer.body


def test_an_activation_that_says_no_zones_and_no_logic_has_none() -> None:
    answer = in_file(ACTIVATION)
    assert isinstance(answer, Decoded)
    assert isinstance(answer.body, PolicyActivated)
    assert answer.body.zones is None
    assert answer.body.logic is None
    assert kept(answer) == {key: ACTIVATION[key] for key in ("type", "digest", "toml")}
    assert kept(in_file({**ACTIVATION, "zones": {}}))["zones"] == {}


EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("zone", "is_good"),
    [
        ([[0, 0]], True),
        ([[0, 86_399], [1, -86_399], [2, 0]], True),
        ([[EARLIEST, 0], [LATEST, 0]], True),
        ([[0, 3_600], [1, 3_600]], True),
        ([], False),
        ([[]], False),
        ([[0]], False),
        ([[0, 0, 0]], False),
        ([[0, 0], [0, 3_600]], False),
        ([[1, 0], [0, 3_600]], False),
        ([[0, 0], [2, 0], [1, 0]], False),
        ([[0, 86_400]], False),
        ([[0, -86_400]], False),
        ([[EARLIEST - 1, 0]], False),
        ([[LATEST + 1, 0]], False),
        ([[0.0, 0]], False),
        ([[0, 0.0]], False),
        ([["0", 0]], False),
        ([[0, None]], False),
        ([[True, 0]], False),
        ([[0, False]], False),
        ({"0": 0}, False),
        ("UTC", False),
        ("", False),
        (0, False),
        (None, False),
    ],
)
def test_a_zone_is_pairs_of_an_instant_and_an_offset_of_less_than_a_day_in_ascending_order(
    zone: object, is_good: bool
) -> None:
    said = {**ACTIVATION, "zones": {"Etc/UTC": [[0, 0]], "A/B": zone}}
    assert judge(orjson.dumps(said), from_file=True).field == (None if is_good else "zones")
    if is_good:
        assert kept(in_file(said))["zones"] == said["zones"]
    else:
        assert blamed(in_file(said)) == "zones"


@pytest.mark.parametrize("zones", [[], [["A/B", [[0, 0]]]], "A/B", 1, True])
def test_zones_are_an_object(zones: object) -> None:
    assert blamed(in_file({**ACTIVATION, "zones": zones})) == "zones"


@pytest.mark.parametrize("logic", [0, -1, 1.0, True, "1", [1], 2**53])
def test_logic_is_an_integer_from_1(logic: object) -> None:
    assert blamed(in_file({**ACTIVATION, "logic": logic})) == "logic"
    assert isinstance(in_file({**ACTIVATION, "logic": 2**53 - 1}), Decoded)


def test_of_an_activation_the_first_bad_field_is_blamed() -> None:
    bad = {**ACTIVATION, "digest": "x", "toml": 7, "zones": {"A/B": [[1, 0], [0, 0]]}, "logic": 0}
    for field, good in (("digest", "0a" * 32), ("toml", ""), ("zones", {}), ("logic", 1)):
        assert blamed(in_file(bad)) == field
        bad[field] = good
    assert isinstance(in_file(bad), Decoded)


@pytest.mark.parametrize("said", [TICK, ACTIVATION, SEAL], ids=["tick", "activation", "seal"])
def test_no_producer_may_move_time_or_policies_or_seal(said: dict[str, object]) -> None:
    assert live(said) == Rejected("unknown_type", "type")


def test_the_journal_keeps_known_present_fields_with_the_instant_in_output_form() -> None:
    said = {**RECEIVED, "arrived_at": TICK["arrived_at"], "journaled_at": TICK["arrived_at"], "currency": None, "x": 1}
    answer = in_file(said)
    assert isinstance(answer, Decoded)
    assert journal_value(answer.body) == (
        b'{"event_id":"n001","marketplace_id":"ATVPDKIKX0DER","occurred_at":"2026-02-03T18:15:00.123Z",'
        b'"order_id":"111-0000001-0000001","program":"sfp","return_id":"RET-1","seller_id":"A3GOLDEN",'
        b'"type":"return.received"}'
    )
    assert journal_value(TimeTick()) == b'{"type":"time.tick"}'
    assert (
        journal_value(PolicyActivated(digest="d", toml="t")) == b'{"digest":"d","toml":"t","type":"policy.activated"}'
    )


def test_a_default_that_was_not_said_does_not_reach_the_journal_and_one_that_was_does() -> None:
    for said, is_said in ((SENT, False), ({**SENT, "from_role": "seller", "auto_reply": False}, True)):
        answer = live(said)
        assert isinstance(answer, Decoded)
        value = journal_value(answer.body)
        assert (b'"from_role":"seller"' in value) == is_said
        assert (b'"auto_reply":false' in value) == is_said


@pytest.mark.parametrize(
    "body",
    [
        RECEIVED_BODY,
        TimeTick(),
        PolicyActivated(digest="0a" * 32, toml="é\n"),
        PolicyActivated(digest="0a" * 32, toml="", zones={}, logic=1),
        PolicyActivated(digest="0a" * 32, toml="", zones={"b": ((0, 1),), "a": ((-5, 0), (7, -1))}),
        StateSealed(line=1, offset=2, state="0a" * 32, journal="0b" * 32, logic=1),
    ],
)
def test_a_journal_value_is_read_back(body: Body) -> None:
    assert decode_journal_value(journal_value(body)) == body


WITH_CODES = journal_value(
    RefundIssued(
        event_id="n002",
        seller_id="A3GOLDEN",
        marketplace_id="ATVPDKIKX0DER",
        occurred_ms=0,
        refund_id="REF-1",
        order_id="111-0000001-0000001",
        issued_by="seller",
        amount="1.00",
        currency="USD",
        deduction_reason="DAMAGED",
    )
)
ACTIVATED = journal_value(PolicyActivated(digest="0a" * 32, toml="", zones={"a": ((-5, 0), (7, -1))}, logic=1))


def test_the_values_that_are_spoiled_below_are_sound_themselves() -> None:
    for value in (WITH_CODES, ACTIVATED):
        assert journal_value(decode_journal_value(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type":"no.such.type"}',
        b'{"type":5}',
        b'{"type":"time.tick" }',
        b'{"arrived_at":"2026-02-03T10:15:00.000Z","type":"time.tick"}',
        b'{"type":"return.received"}',
        journal_value(RECEIVED_BODY).replace(b".123Z", b".123+00:00"),
        journal_value(RECEIVED_BODY).replace(b'"sfp"', b'"SFP"'),
        journal_value(RECEIVED_BODY).replace(b'"program"', b'"programme":"x","program"'),
        journal_value(RECEIVED_BODY).replace(b'"return_id"', b'"receipt_id":"","return_id"'),
        WITH_CODES.replace(b'"DAMAGED"', b'"was damaged"'),
        WITH_CODES.replace(b'"DAMAGED"', b'""'),
        ACTIVATED.replace(b"[7,", b"[-9,"),
        ACTIVATED.replace(b'"logic":1', b'"logic":null'),
        ACTIVATED.replace(b'"logic":1,', b'"logic":1,"logic":1,'),
        ACTIVATED.replace(b'"logic":1,', b'"logic":0,'),
    ],
    ids=lambda value: value.decode()[-40:],
)
def test_what_we_would_not_have_written_is_no_journal_value(value: bytes) -> None:
    with pytest.raises(ValueError, match="not the value of a journal line"):
        decode_journal_value(value)
