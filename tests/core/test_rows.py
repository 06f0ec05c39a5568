"""Rows and their codec: equal rows have equal bytes, and a row of another version or form is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.engine import restore_state
from streams.facts import MessageReceived, ReturnReceived, cents
from streams.logic import OtherVersionError
from streams.row_codec import (
    account_of,
    apply_changes,
    decode_partition,
    decode_policies,
    decode_row,
    encode_row,
    kind_of,
)
from streams.rows import (
    PARTITION_KEY,
    POLICIES_KEY,
    ROW_TYPES,
    ROW_VERSION,
    AccountRow,
    DayCounts,
    Emitted,
    LastRead,
    OrderRow,
    PartitionRow,
    PoliciesRow,
    RowError,
    ShellNotes,
)

ORDER_ID = "SELLER/MARKET/order/111-0000001-0000001"


def test_a_row_says_by_its_id_what_it_is() -> None:
    ids = {kind: f"SELLER/MARKET/{kind}/name" for kind in ("order", "thread", "case", "evidence")}
    assert {kind: kind_of(row_id) for kind, row_id in ids.items()} == {kind: kind for kind in ids}
    assert kind_of("SELLER/MARKET") == "account"
    assert {account_of(row_id) for row_id in [*ids.values(), "SELLER/MARKET"]} == {"SELLER/MARKET"}


@pytest.mark.parametrize("kind", ROW_TYPES)
def test_a_new_row_of_each_kind_comes_back_as_it_went(kind: str) -> None:
    row_id = "SELLER/MARKET" if kind == "account" else f"SELLER/MARKET/{kind}/name"
    row = ROW_TYPES[kind]()
    assert row.version == ROW_VERSION
    assert decode_row(row_id, encode_row(row)) == row


def test_facts_keep_what_is_absent_apart_from_what_is_empty() -> None:
    row = OrderRow()
    row.facts = [
        ReturnReceived(1, "e", "R-1", "sfp", None, None, None),
        ReturnReceived(1, "e", "R-1", "sfp", "", 0, "USD"),
    ]
    decoded = decode_row(ORDER_ID, encode_row(row))
    assert isinstance(decoded, OrderRow)
    assert decoded.facts == row.facts
    assert row.facts[0] != row.facts[1]


def test_equal_rows_have_equal_bytes_in_whatever_order_they_were_filled() -> None:
    one, other = AccountRow(), AccountRow()
    one.days, other.days = {1: DayCounts(1), 2: DayCounts(2)}, {2: DayCounts(2), 1: DayCounts(1)}
    one.emitted, other.emitted = {"a": Emitted(), "b": Emitted(1)}, {"b": Emitted(1), "a": Emitted()}
    one.reports, other.reports = {30: (1, "e"), 60: (1, "f")}, {60: (1, "f"), 30: (1, "e")}
    assert one == other
    assert encode_row(one) == encode_row(other)
    orders = [OrderRow(programs={"R-1": "sfp", "R-2": "mfn"}), OrderRow(programs={"R-2": "mfn", "R-1": "sfp"})]
    assert encode_row(orders[0]) == encode_row(orders[1])
    said = [PoliciesRow(zones={"A": ((0, 1),), "B": ((0, 2),)}), PoliciesRow(zones={"B": ((0, 2),), "A": ((0, 1),)})]
    assert encode_row(said[0]) == encode_row(said[1])
    partitions = [PartitionRow(notes=ShellNotes({"a": 1, "b": 2})), PartitionRow(notes=ShellNotes({"b": 2, "a": 1}))]
    assert encode_row(partitions[0]) == encode_row(partitions[1])
    topics = [ShellNotes(topics={"a": b"1", "b": b"2"}), ShellNotes(topics={"b": b"2", "a": b"1"})]
    reads = {name: LastRead(1, 2, name.encode()) for name in "ab"}
    topics[0].last_read, topics[1].last_read = reads, dict(reversed(reads.items()))
    assert encode_row(PartitionRow(notes=topics[0])) == encode_row(PartitionRow(notes=topics[1]))


def test_a_changelog_read_to_its_end_has_the_last_word_on_each_row_and_none_of_what_is_gone() -> None:
    rows = {b"a": b"1", b"b": b"1"}
    apply_changes(rows, [(b"a", b"2"), (b"b", None), (b"c", b"1"), (b"c", None), (b"d", None), (b"e", b"1")])
    assert rows == {b"a": b"2", b"e": b"1"}


def test_two_new_rows_share_nothing() -> None:
    one, other = OrderRow(), OrderRow()
    one.programs["R-1"] = "sfp"
    one.violations.append("x")
    assert other == OrderRow()


def test_partition_and_policies_have_keys_that_no_account_or_matter_has() -> None:
    assert b"/" not in PARTITION_KEY + POLICIES_KEY
    row = PartitionRow(journal_ms=5, lines=2, digest="d", zones="z", logic=1, notes=ShellNotes({"returns": 7}))
    assert decode_partition(encode_row(row)) == row
    policies = PoliciesRow(toml="[x]", zones={"A": ((0, 1), (5, -2))}, left_policies=["p"], left_zones=["y", "z"])
    assert decode_policies(encode_row(policies)) == policies


@pytest.mark.parametrize("rest", [[[], [], [], {}], [["a fact that nobody knows yet"]], []])
def test_a_row_of_a_later_version_is_refused_by_name_whatever_its_form(rest: list[object]) -> None:
    newer = msgspec.msgpack.encode([ROW_VERSION + 1, *rest])
    with pytest.raises(OtherVersionError, match=f"{ORDER_ID} has version {ROW_VERSION + 1} .* use a newer dueclock"):
        decode_row(ORDER_ID, newer)


OF_0_1: dict[str, list[Any]] = {
    "a row that could be read": ["one", 1, []],
    "a row in another form": ["one", {}, 5],
    "an order with a claim that was decided": [[[12, 1, "e", "CL-1"]], [], [], {}],
}


@pytest.mark.parametrize("form", OF_0_1)
def test_a_row_of_0_1_is_refused_with_one_sentence_that_says_how_to_begin_anew(form: str) -> None:
    value = msgspec.msgpack.encode([1, *OF_0_1[form]])
    for name, decode in (("partition", decode_partition), ("policies", decode_policies)):
        with pytest.raises(OtherVersionError) as refused:
            decode(value)
        assert str(refused.value) == begin_anew(name)
    with pytest.raises(OtherVersionError) as refused:
        decode_row(ORDER_ID, value)
    assert str(refused.value) == begin_anew(ORDER_ID)


def begin_anew(name: str) -> str:
    return (
        f"Row {name} was written by dueclock 0.1, whose topics cannot be gone on with; begin anew with empty topics "
        "(another topic_prefix) and send the notifications again."
    )


def test_a_state_of_0_1_is_not_restored() -> None:
    rows = [(PARTITION_KEY, msgspec.msgpack.encode([1, 5, 2, {}, "d", b"", 0]))]
    with pytest.raises(OtherVersionError, match=r"written by dueclock 0\.1"):
        restore_state(0, rows)


@pytest.mark.parametrize(
    "value", [b"", b"\xc1", msgspec.msgpack.encode({"version": 2}), msgspec.msgpack.encode(["one"])]
)
def test_a_row_of_another_form_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(RowError, match=ORDER_ID):
        decode_row(ORDER_ID, value)
    with pytest.raises(RowError, match="partition"):
        decode_partition(value)
    with pytest.raises(RowError, match="policies"):
        decode_policies(value)


def test_a_fact_of_another_matter_is_no_fact_of_an_order() -> None:
    thread = ROW_TYPES["thread"]()
    thread.facts = [MessageReceived(1, "e", "M-1", "buyer", "seller", None, None, None)]
    with pytest.raises(RowError):
        decode_row(ORDER_ID, encode_row(thread))


@pytest.mark.parametrize(
    ("amount", "hundredths"),
    [("0", 0), ("0.5", 50), ("0.05", 5), ("12.34", 1234), ("999999999999.99", 99_999_999_999_999), ("007.10", 710)],
)
def test_amounts_are_whole_numbers_of_hundredths(amount: str, hundredths: int) -> None:
    assert cents(amount) == hundredths


def test_a_partition_row_from_before_notes_were_added_is_read() -> None:
    before = msgspec.msgpack.encode([ROW_VERSION, 5, 2, "d", "z", 1, [{"returns": 7}, b"j", 3]])
    notes = decode_partition(before).notes
    assert (notes.positions, notes.partitions, notes.topics, notes.lost) == ({"returns": 7}, 0, {}, [])
