"""Laws of decoding: it never raises, and agrees with the slow plain reading of contract §2: reason, field and bytes."""

import json
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.dead_letters import Rejected
from schemas.decoding import decode_journal_value, decode_notification, journal_value
from tests.schemas.plain_validator import (
    ENVELOPE,
    FILE_TIMES,
    FILE_TYPES,
    ID_CHARACTERS,
    INTEGERS,
    KNOWN_TOPICS,
    TYPES,
    judge,
)

# A busy machine is no failure of a law.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ids = st.text(sorted(ID_CHARACTERS), min_size=1, max_size=32)
digits = st.text(string.digits, min_size=1, max_size=12)
instants = st.builds(
    lambda moment, fraction, zone: f"{moment.isoformat(timespec='seconds')}{fraction}{zone}",
    st.datetimes(),
    st.one_of(st.just(""), st.text(string.digits, min_size=1, max_size=9).map(lambda text: f".{text}")),
    st.sampled_from(["Z", "z", "+00:00", "-00:00", "-08:00", "+09:00", "+05:45", "+23:59", "-23:59"]),
)
zones = st.lists(
    st.tuples(st.integers(*INTEGERS["instant"]), st.integers(*INTEGERS["offset"])).map(list),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: pair[0],
).map(sorted)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": ids,
    "id64": ids,
    "id32": ids,
    "order": st.from_regex(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}", fullmatch=True),
    "amount": st.one_of(digits, st.builds("{}.{}".format, digits, st.from_regex(r"[0-9]{1,2}", fullmatch=True))),
    "currency": st.text(string.ascii_uppercase, min_size=3, max_size=3),
    "digest": st.text(string.hexdigits, min_size=64, max_size=64),
    "time": instants,
    "text": st.text(max_size=40),
    "bool": st.booleans(),
    "code": st.one_of(ids, st.text(min_size=1, max_size=140)),
    "hash": st.one_of(ids, st.text(max_size=140)),
    "topic": st.one_of(st.sampled_from(KNOWN_TOPICS), st.text(min_size=1, max_size=20)),
    "zones": st.dictionaries(st.text(max_size=8), zones, max_size=3),
    **{kind: st.integers(low, high) for kind, (low, high) in INTEGERS.items()},
}
# What is nearly right: bad in one place or another, or right elsewhere.
NEARLY: list[Any] = [
    None, "", " ", "\n", "x" * 33, "x" * 65, "x" * 129, "a/b", "é", "id\n",
    "111-0000001-0000001\n", "١١١-0000001-0000001", "111-1-1", "111-0000001-0000001-1",
    "D01-0000001-0000001", "d01-0000001-0000001", "Ａ01-0000001-0000001", "free text", "other", "REFUND",
    "1.234", "1e3", "01.5", "1.", ".5", "1234567890123", "USD\n", "usd", "ＵＳＤ", "SFP", "sfp", "seller", "buyer",
    {"A/B": []}, {"A/B": [[0, 0]]}, {"A/B": [[1, 0], [0, 0]]}, {"A/B": [[0, 0], [0, 1]]}, {"A/B": [[0, 86_400]]},
    {"A/B": [[0, -86_399], [1, 86_399]]}, {"A/B": [[0, -86_400]]}, {"A/B": [[0]]}, {"A/B": [[0, 0, 0]]},
    {"A/B": [[0.0, 0]]}, {"A/B": [[True, 0]]}, {"A/B": [{}]}, {"A/B": "x"}, {"A/B": [[10**15, 0]]}, {"A/B": None},
    0, 1, -1, 366, 367, 10**9, 10**9 + 1, 2**53, 2**53 - 1, 2**64, 1.0, 0.5, True, False,
    [], ["buyer"], ["buyer", "no"], ["buyer", 1], [None], {}, {"type": "x"},
    "2026-02-30T10:15:00Z", "2026-02-03T10:15:00", "2026-02-03T10:15:60Z", "2026-02-03 10:15:00Z",
    "2026-02-03T24:00:00Z", "2026-02-03T10:15:00.1234567891Z", "2026-02-03T10:15:00,5Z", "2026-02-03T10:15:00.Z",
    "2026-02-03T10:15:00+24:00", "2026-02-03T10:15:00+0800", "2026-02-03T10:15:00+08:60", "2026-02-03t10:15:00z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-02-03T10:15Z",
    "2026-W06-2T10:15:00Z", "2026-02-03T10:15:00Z\n", "٢٠٢٦-02-03T10:15:00Z", "2026-02-03T10:15:00.1+08:00:00",
]  # fmt: skip
DAMAGE = [
    b'"', b"}", b",", b"\\ud800", b"NaN", b"1e400", b"-1e400", b"0e400", b"9" * 309, b"17976931348623158" + b"0" * 292,
    b"[" * 1_024 + b"]" * 1_024, b"[" * 1_022 + b"]" * 1_022,
    b"\xef\xbb\xbf", b"\x00", b"\xff", b"\xed\xa0\x80",
]  # fmt: skip


def value_of(kind: str) -> st.SearchStrategy[Any]:
    if kind.startswith("["):
        return st.lists(value_of(kind.strip("[]")), max_size=4)
    return VALUES[kind] if kind in VALUES else st.sampled_from(kind.split())


@st.composite
def notifications(draw: st.DrawFn) -> dict[str, Any]:
    """Something valid: a notification, or what only a file holds."""
    name = draw(st.sampled_from(sorted({**TYPES, **FILE_TYPES})))
    form = {**ENVELOPE, **FILE_TIMES, **TYPES[name]} if name in TYPES else {**FILE_TIMES, **FILE_TYPES[name]}
    said: dict[str, Any] = {"type": name}
    if name in FILE_TYPES:
        said["journaled_at"] = draw(instants)
    for key, kind in form.items():
        if not key.endswith("?") or draw(st.booleans()):
            said[key.rstrip("?")] = draw(value_of(kind))
        elif draw(st.booleans()):
            said[key.rstrip("?")] = draw(st.sampled_from([None, ""]))
    if not said.get("journaled_at") and not said.get("arrived_at") and name in FILE_TYPES:
        said["arrived_at"] = draw(instants)
    if "orders_with_defects" in said:
        said["orders_with_defects"] = draw(st.integers(0, said["order_count"]))
    said.update(draw(st.dictionaries(st.text(max_size=8), st.sampled_from([None, 1, "x", [1.5]]), max_size=2)))
    names = draw(st.permutations(list(said)))
    return {key: said[key] for key in names}


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """A notification with up to three fields made nearly right, missing, or another's."""
    said = draw(notifications())
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(said) or ["type"]))
        if draw(st.booleans()):
            said[name] = draw(st.sampled_from(NEARLY))
        elif name in said:
            del said[name]
    return said


def bytes_of(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()


def agrees(raw: bytes, *, from_file: bool) -> None:
    verdict = judge(raw, from_file=from_file)
    answer = decode_notification(raw, from_file=from_file)
    if isinstance(answer, Rejected):
        assert (answer.reason, answer.field) == (verdict.reason, verdict.field)
    else:
        assert (None, journal_value(answer.body)) == (verdict.reason, verdict.journal)
        assert answer.value in (None, verdict.journal)


@unhurried
@given(notifications(), st.booleans())
def test_what_is_valid_is_taken_as_the_plain_reading_takes_it(said: dict[str, Any], from_file: bool) -> None:
    agrees(bytes_of(said), from_file=from_file)


@unhurried
@given(notifications())
def test_in_a_file_each_valid_line_is_accepted(said: dict[str, Any]) -> None:
    answer = decode_notification(bytes_of(said), from_file=True)
    assert not isinstance(answer, Rejected) or (
        # years that are out of range in UTC only
        answer.reason == "bad_field" and answer.field in ("occurred_at", "arrived_at", "journaled_at")
    )


@unhurried
@given(spoiled(), st.booleans())
def test_what_is_nearly_valid_is_blamed_as_the_plain_reading_blames_it(said: dict[str, Any], from_file: bool) -> None:
    agrees(bytes_of(said), from_file=from_file)


@unhurried
@given(notifications(), st.data(), st.booleans())
def test_damaged_bytes_are_judged_as_the_plain_reading_judges_them(
    said: dict[str, Any], data: st.DataObject, from_file: bool
) -> None:
    raw = bytes_of(said)
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 8)))
    junk = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from(DAMAGE)))
    agrees(raw[:start] + junk + raw[end:], from_file=from_file)


@unhurried
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_get_an_answer(raw: bytes, from_file: bool) -> None:
    agrees(raw, from_file=from_file)


@unhurried
@given(notifications())
def test_a_journal_value_comes_back_as_the_same_fact(said: dict[str, Any]) -> None:
    answer = decode_notification(bytes_of(said), from_file=True)
    if isinstance(answer, Rejected):
        return
    assert decode_journal_value(journal_value(answer.body)) == answer.body
