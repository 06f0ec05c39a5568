"""`dueclock ingest` as a person uses it: files in every form that was seen, JSON lines, tables, sentences."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.policies import shipped_policies
from tests.cli.command import Ended, sentence_of
from tests.schemas.answered import held, held_as_example
from tests.sources.here import dueclock_here as dueclock
from tests.sources.samples import (
    CHAIR,
    FEE,
    HEADER,
    JAPAN,
    LAMP,
    ROWS,
    RUG,
    SELLER,
    US,
    XML,
    changed,
    fulfilment,
    performance,
    refund_line,
    settlement_file,
    tab_file,
    transaction,
)

ACCOUNT = ("--seller", SELLER, "--marketplace", US)
# The report's columns in other months, spelled in other ways, fewer or more of them; always the same three returns.
FEW = [HEADER.index(name) for name in HEADER if not name.startswith(("Label cost", "Order Amount", "Invoice", "ASIN"))]
VARIANTS: dict[str, bytes] = {
    "byte order mark": b"\xef\xbb\xbf" + tab_file().encode(),
    "cp1252": tab_file((changed(LAMP, Item_Name="Lämpchen"), CHAIR, RUG)).encode("cp1252"),
    "utf-16": tab_file().encode("utf-16"),
    "CRLF and blank lines": ("\r\n" + tab_file(line_end="\r\n") + "\r\n \r\n").encode(),
    "extra columns": tab_file(((*row, "Home", "0") for row in ROWS), (*HEADER, "Category", "VAT")).encode(),
    "missing columns": tab_file(([row[i] for i in FEW] for row in ROWS), [HEADER[i] for i in FEW]).encode(),
    "header case": tab_file(header=[name.lower().replace(" ", "_") for name in HEADER]).encode(),
    "Portuguese months": tab_file().replace("-Oct-", "-out-").encode(),
    "decimal comma": tab_file().replace("39.99", "39,99").replace("120.00", "120,00").encode(),
    "quotation marks": tab_file((changed(LAMP, Item_Name='12" lamp, "nice'), CHAIR, RUG)).encode(),
    "short rows": tab_file((LAMP, CHAIR, RUG[:24])).encode(),
    "gzip": gzip.compress(tab_file().encode(), mtime=0),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "returns.txt").write_text(tab_file())
    (tmp_path / "returns.xml").write_text(XML)
    (tmp_path / "settlement.txt").write_text(settlement_file(refund_line("111-0000002-0000002"), FEE))
    (tmp_path / "transactions.json").write_text(json.dumps({"payload": {"transactions": [transaction()]}}))
    (tmp_path / "performance.json").write_text(json.dumps(performance(mfn=fulfilment())))
    return tmp_path


def lines_of(ended: Ended) -> list[dict[str, Any]]:
    assert ended.status == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def types_of(ended: Ended) -> list[str]:
    return sorted(said["type"] for said in lines_of(ended))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_report_says_the_same_in_every_form_that_was_seen(variant: str, folder: Path) -> None:
    (folder / "other.txt").write_bytes(VARIANTS[variant])
    plain = dueclock("ingest", "returns-report", "returns.txt", *ACCOUNT, "--output", "-", folder=folder)
    other = dueclock("ingest", "returns-report", "other.txt", *ACCOUNT, "--output", "-", folder=folder)
    assert len(lines_of(plain)) == 7
    assert other.out == plain.out


def test_a_japanese_report_is_read_in_its_old_code_page(folder: Path) -> None:
    (folder / "jp.txt").write_bytes(tab_file((changed(LAMP, Item_Name="ランプ"),)).encode("cp932"))
    ended = dueclock(
        "ingest", "returns-report", "jp.txt", "--seller", SELLER, "--marketplace", JAPAN, "--output", "-", folder=folder
    )
    assert [said["occurred_at"] for said in lines_of(ended)][-1] == "2026-10-15T15:00:00.000Z"


def test_lines_come_in_the_order_in_which_things_happened(folder: Path) -> None:
    said = lines_of(dueclock("ingest", "returns-report", "returns.txt", *ACCOUNT, "--output", "-", folder=folder))
    keys = [(one["occurred_at"], one["event_id"]) for one in said]
    assert keys == sorted(keys)


def test_standard_input_is_read_and_a_file_is_written(folder: Path) -> None:
    piped = dueclock(
        "ingest", "returns-report", "-", *ACCOUNT, "--output", "out.jsonl", folder=folder, stdin=tab_file().encode()
    )
    plain = dueclock("ingest", "returns-report", "returns.txt", *ACCOUNT, "--output", "-", folder=folder)
    assert (folder / "out.jsonl").read_text() == plain.out
    assert "3 entries read, 7 notifications written." in piped.out


def test_the_exact_time_of_the_xml_counts_where_both_are_given(folder: Path) -> None:
    ended = dueclock("ingest", "returns-report", "returns.txt", "returns.xml", *ACCOUNT, "--output", "-", folder=folder)
    (rug,) = [said for said in lines_of(ended) if said.get("order_id") == RUG[0]]
    assert rug["occurred_at"] == "2026-10-11T14:03:22.000Z"


def test_a_report_alone_makes_no_breach_of_a_refunded_return(folder: Path) -> None:
    row = changed(CHAIR, Return_delivery_date="12-Oct-2026")
    (folder / "refunded.txt").write_text(tab_file((row,)))
    alone = dueclock("ingest", "returns-report", "refunded.txt", *ACCOUNT, "--output", "a.jsonl", folder=folder)
    assert "1 return has been refunded at a time that a returns report does not know" in alone.err
    assert "refunded, when unknown" in alone.out
    events = dueclock("replay", "a.jsonl", "--until", "2026-11-30T00:00:00Z", folder=folder)
    assert '"clock.breached"' not in events.out
    beside = dueclock(
        "ingest", "returns-report", "refunded.txt", *ACCOUNT, "--refunds", "settlement.txt", "--output", "b.jsonl",
        folder=folder,
    )  # fmt: skip
    assert beside.err == ""
    judged = dueclock("replay", "b.jsonl", "--until", "2026-11-30T00:00:00Z", folder=folder).out.splitlines()
    (breach,) = [event for event in map(json.loads, judged) if event["type"] == "clock.breached"]
    # Sunday the 11th to Tuesday: Monday is Columbus Day. The settlement's refund of the 18th closed it late.
    assert (breach["rule"], breach["due_at"]) == ("sfp-refund", "2026-10-15T07:00:00.000Z")
    assert [event["type"] for event in map(json.loads, judged) if event["type"] == "clock.closed_late"] == [
        "clock.closed_late"
    ]


def test_a_request_known_by_its_day_alone_is_warned_of_where_the_policies_do_not_wait(folder: Path) -> None:
    def said(*more: str) -> str:
        return dueclock("ingest", "returns-report", *more, *ACCOUNT, "--output", "o.jsonl", folder=folder).err

    assert "1 request waits for the seller, and a tab report knows only the day" in said("returns.txt")
    assert said("returns.txt", "returns.xml") == ""
    rule = "[[rules.return-response]]\nversion = 1\n"
    patient = shipped_policies().replace(rule, f'{rule}confirm_after = "24h"\n')
    assert patient != shipped_policies()
    (folder / "patient.toml").write_text(patient)
    assert said("returns.txt", "--policies", "patient.toml") == ""


def test_refunds_may_come_as_transactions_beside_the_report(folder: Path) -> None:
    ended = dueclock(
        "ingest", "returns-report", "returns.txt", *ACCOUNT, "--refunds", "transactions.json", "--output", "-",
        folder=folder,
    )  # fmt: skip
    assert types_of(ended).count("refund.issued") == 1


def test_settlements_transactions_and_performance_have_commands_of_their_own(folder: Path) -> None:
    for command, file, kind in (
        ("settlement", "settlement.txt", "refund.issued"),
        ("transactions", "transactions.json", "refund.issued"),
        ("performance-report", "performance.json", "account.metrics_reported"),
    ):
        ended = dueclock("ingest", command, file, *ACCOUNT, "--json", "--output", "-", folder=folder)
        assert types_of(ended) == [kind]
        assert held("ingest", ended.err)["written"] == 1


def test_pages_of_transactions_may_stand_one_a_line(folder: Path) -> None:
    other = transaction(relatedIdentifiers=[transaction()["relatedIdentifiers"][0]])
    (folder / "pages.jsonl").write_text(
        "\n".join(json.dumps({"transactions": [one]}) for one in (transaction(), other))
    )
    ended = dueclock("ingest", "transactions", "pages.jsonl", *ACCOUNT, "--output", "-", folder=folder)
    assert len(lines_of(ended)) == 2


def test_each_row_says_what_it_became_or_why_nothing(folder: Path) -> None:
    (folder / "odd.txt").write_text(tab_file((LAMP, changed(CHAIR, Is_prime="Oui"), changed(RUG, Order_ID=" "))))
    ended = dueclock(
        "ingest", "returns-report", "odd.txt", *ACCOUNT, "--explain", "--json", "--output", "out.jsonl", folder=folder
    )
    documents = ended.out.splitlines()
    told = {one["where"][0]: one for one in (held("ingest --explain", line) for line in documents[:3])}
    assert told["odd.txt:2"]["became"] == ["return.requested", "return.approved", "return.received"]
    assert told["odd.txt:3"]["left_out"] == [{"field": "Is prime", "reason": "flag_unknown"}]
    assert told["odd.txt:4"]["left_out"] == [{"field": "Order ID", "reason": "no_order"}]
    held_as_example("ingest --explain", documents[1])
    held_as_example("ingest", "\n".join(documents[3:]))
    summary = json.loads("\n".join(documents[3:]))
    assert summary["unrecognised"] == 2
    assert summary["notifications"]["return.received"] == {"made": 1, "written": 1}
    people = dueclock("ingest", "returns-report", "odd.txt", *ACCOUNT, "--explain", "--dry-run", folder=folder)
    assert "odd.txt:4" in people.out
    assert "no order id (Order ID)" in people.out


def test_what_was_not_recognised_fails_a_strict_run_only(folder: Path) -> None:
    (folder / "odd.txt").write_text(tab_file((changed(LAMP, Is_prime="Oui"),)))
    for flags, status in (((), 0), (("--strict",), 1)):
        ended = dueclock("ingest", "returns-report", "odd.txt", *ACCOUNT, "--output", "o.jsonl", *flags, folder=folder)
        assert ended.status == status


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    ended = dueclock(
        "ingest", "returns-report", "returns.txt", *ACCOUNT, "--dry-run", "--output", "o.jsonl", folder=folder
    )
    assert "7 notifications new." in ended.out
    dry = dueclock(
        "ingest", "returns-report", "returns.txt", *ACCOUNT, "--dry-run", "--json", "--output", "o", folder=folder
    )
    assert held("ingest", dry.out)["new"] == 7
    assert not (folder / "o.jsonl").exists()


EVIL = XML.replace("<AmazonEnvelope", '<!DOCTYPE a [<!ENTITY b "bbbb">]><AmazonEnvelope', 1)


@pytest.mark.parametrize(
    ("command", "content", "sentence"),
    [
        ("returns-report", b"SKU\tASIN\n1\t2\n", "bad is no returns report: its first line has no columns"),
        ("returns-report", b"", "bad is no returns report"),
        ("returns-report", gzip.compress(b"x" * 1000, mtime=0)[:-9], "begins as gzip and is none, or is cut"),
        ("returns-report", XML.encode()[:-100], "bad is no well-formed XML (line"),
        ("returns-report", EVIL.encode(), "bad has a document type"),
        (
            "returns-report",
            XML.replace("Returns-Report", "OrderReport").encode(),
            "bad is a OrderReport, not a returns",
        ),
        ("settlement", b"Order ID\n", "bad is no settlement"),
        ("transactions", b"Order ID\n", "bad is no JSON"),
        ("transactions", b'{"a": NaN}', "bad is no JSON"),
        ("transactions", b'{"payload": {}}', "bad holds no transactions"),
        ("performance-report", b"[" * 100_000, "bad is no JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_sentence(
    command: str, content: bytes, sentence: str, folder: Path
) -> None:
    (folder / "bad").write_bytes(content)
    ended = dueclock("ingest", command, "bad", *ACCOUNT, "--output", "o.jsonl", folder=folder)
    assert sentence in sentence_of(ended)
    assert ended.status == 2
    assert not (folder / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", *ACCOUNT), "Cannot read nowhere (No such file or directory)"),
        (("returns.txt", "--seller", "A 1", "--marketplace", US), "'A 1' is no id; give --seller"),
        (("returns.txt", "--seller", SELLER, "--marketplace", "ATLANTIS"), "name no calendar for"),
        (("returns.txt", *ACCOUNT, "--refunds", "-"), "The refunds are read from a file of their own"),
        (("returns.txt", *ACCOUNT, "--refunds", "x", "--refunds-known"), "not both"),
        (("returns.txt", *ACCOUNT, "--policies", "returns.txt"), "TOML"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(arguments: tuple[str, ...], sentence: str, folder: Path) -> None:
    ended = dueclock("ingest", "returns-report", *arguments, folder=folder)
    assert sentence in sentence_of(ended)
    assert ended.status == 2


def test_without_a_broker_it_says_so_and_notes_nothing(folder: Path) -> None:
    ended = dueclock("ingest", "returns-report", "returns.txt", *ACCOUNT, "--broker", "localhost:1", folder=folder)
    if "No Kafka answers" not in ended.err:  # by and by the invented days are too old, and there is nothing to send
        assert "0 notifications sent." in ended.out
    assert not (folder / ".dueclock" / "sources").exists()
