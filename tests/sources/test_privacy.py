"""No personal field of any source is in any output byte, and no source can make a mapping raise: laws over all of them.

A secret is a text that Hypothesis draws and that is put into every place of a source where a person may be named:
names, addresses, comments, texts, relay addresses, free columns. Then each byte that comes out is searched for it.
"""

from __future__ import annotations

import ast
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import journal_value
from streams import sources
from streams.sources import returns_report, settlement
from streams.sources.deliveries import FORMS, Delivery, map_delivery, read_delivery
from streams.sources.findings import Mapped
from streams.sources.mail import map_mails
from streams.sources.mail_fields import MailWish
from streams.sources.performance_report import map_performance
from streams.sources.returns_report import map_returns
from streams.sources.settlement import map_settlement
from streams.sources.transactions import map_transactions, transactions_of
from streams.sources.triggers import Trigger, read_trigger
from tests.sources.fake_api import RETURNS
from tests.sources.queue_messages import refund_posted, report_ready
from tests.sources.samples import (
    HEADER,
    LAMP,
    SELLER,
    SETTLEMENT_HEADER,
    SETTLEMENT_SUMMARY,
    account,
    changed,
    fulfilment,
    pairs,
    performance,
    refund_line,
    said_in,
    transaction,
)
from tests.sources.test_deliveries import DELIVERED, TRACKED
from tests.sources.test_mail import LABELLED, ORDER, PARCEL, mail, message, sent

# Long enough not to be in an id by chance, and of what people are called and write.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), min_size=8, max_size=40).map(
    lambda text: f"{text}§{text}"
) | st.emails().map(lambda address: f"zq{address}")
# Columns of the returns report that hold what a person wrote, or could.
FREE_COLUMNS = (
    "Item_Name",
    "Merchant_SKU",
    "Merchant_RMA_ID",
    "SafeT_Action_reason",
    "Invoice_number",
    "Return_Reason",
)
WISH = MailWish(replies_watched=True, returns_program="mfn", refunds_from_mail=True)


def holds(secret: str, mapped: list[Mapped]) -> bool:
    return any(
        secret in journal_value(said).decode() or secret.encode() in journal_value(said) for said in said_in(mapped)
    )


@given(SECRETS)
def test_no_report_tells_a_secret(secret: str) -> None:
    row = changed(LAMP, **dict.fromkeys(FREE_COLUMNS, secret))
    more = [*pairs(row), ("Customer comments", secret), ("Buyer name", secret)]
    returns = list(map_returns([returns_report.row_of(secret, more)], account(), refunded_orders=None))
    assert said_in(returns)
    assert not holds(secret, returns)
    lines = [SETTLEMENT_SUMMARY, refund_line(sku=secret, amount_description=secret, merchant_order_id=secret)]
    rows = [settlement.row_of(secret, pairs(line, SETTLEMENT_HEADER)) for line in lines]
    settled = list(map_settlement(rows, account()))
    assert said_in(settled)
    assert not holds(secret, settled)
    posted = list(map_transactions([transaction(description=secret, buyer={"name": secret})], account(), where=secret))
    assert said_in(posted)
    assert not holds(secret, posted)
    reported = list(map_performance({**performance(mfn=fulfilment()), "note": secret}, account(), where=secret))
    assert said_in(reported)
    assert not holds(secret, reported)


@given(SECRETS, st.emails())
def test_no_mail_tells_a_secret(secret: str, address: str) -> None:
    relay = f"{address.partition('@')[0]}zq@marketplace.amazon.com"
    order = f"(Order: {ORDER})"
    mails = [
        message(sender=relay, subject=f"Return {secret} {order}", text=f"{secret}\n{PARCEL}"),
        message(sender=relay, subject=secret, message_id=f"{secret}@x", text=f"--- Message: ---\n{secret}"),
        mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", subject=f"Your e-mail to {secret} {order}", text=secret),
        sent(recipients=(address, relay), subject=f"{secret} {order}", text=secret, references=(f"{secret}@x",)),
        mail("RETURN_REQUEST", labelled=(*LABELLED, (secret, secret)), text=f"Comment: {secret}\n{PARCEL}"),
        mail("REFUND_ISSUED", subject=f"refund 5 USD {order}", text=f"to {secret}", labelled=((secret, secret),)),
        mail("A_Z_CLAIM_RESPONDENT_NOTIFY", subject=f"Action required {order}", text=secret),
        mail("A_Z_CLAIM_RESPONDENT_CLOSE", text=f"in your favor {secret}"),
        mail(sender="cb-seller-notification@amazon.com", subject=f"Chargeback of {secret} {order}", text=secret),
    ]
    found = list(map_mails(mails, account(), WISH))
    assert len(said_in(found)) == len(mails) + 1  # each became something, the return two things
    for private in (secret, relay, relay.partition("@")[0], address):
        assert len(private) < 6 or not holds(private, found)


@given(SECRETS, st.sampled_from(sorted(FORMS)))
def test_no_webhook_tells_a_secret(secret: str, provider: str) -> None:
    named = {"name": secret, "street": secret, "signed_by": secret}
    document = {
        name: {**value, "customer": named, "address_to": named} if isinstance(value, dict) else value
        for name, value in {**DELIVERED[provider], "user": named, "metadata": secret}.items()
    }
    delivery = read_delivery(provider, document)
    assert isinstance(delivery, Delivery)
    found = [map_delivery(delivery, TRACKED, account(), where=secret)]
    assert said_in(found)
    assert not holds(secret, found)


@given(SECRETS)
def test_no_message_of_the_queue_tells_a_secret(secret: str) -> None:
    for told in (report_ready(RETURNS, buyer=secret), refund_posted(Buyer={"Name": secret}, TotalAmount=secret)):
        found = read_trigger({**told, "note": secret, "Buyer": {"name": secret}}, SELLER)
        assert isinstance(found, Trigger)
        assert not any(secret in str(part) for part in found)


def mappings() -> dict[str, set[str]]:
    """The mappings of the room by their modules: what makes notifications, or says what to read."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(sources.__path__):
        tree = ast.parse(Path(sources.__path__[0], f"{module.name}.py").read_text())
        named = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
        own = {name for name in named if re.match(r"map_|read_(delivery|trigger)", name)}
        if own:
            found[module.name] = own
    return found


def test_every_mapping_is_held_to_these_laws() -> None:
    """A new way in has to be looked at here."""
    here = {node.id for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.Name)}
    by_mail = mappings().pop("mail_mappers", set())  # reached by map_mails alone
    assert set().union(*mappings().values()) - by_mail - here == set()
    assert {"returns_report", "settlement", "transactions", "mail", "deliveries", "triggers"} <= set(mappings())


def test_a_mapping_that_leaked_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "JoExampleOfNowhere"
    cells = pairs(changed(LAMP, Item_Name=secret, Amazon_RMA_ID=" "))

    def is_told() -> bool:
        return holds(secret, list(map_returns([returns_report.row_of("x", cells)], account(), refunded_orders=None)))

    assert not is_told()
    monkeypatch.setitem(returns_report._FIELD_OF, "itemname", "rma_id")  # a column taken for another
    assert is_told()


CELLS = st.dictionaries(st.sampled_from(HEADER), st.text(max_size=12) | st.sampled_from(LAMP), max_size=32)


@given(st.lists(CELLS, max_size=4))
def test_whatever_stands_in_a_report_its_mapping_answers(rows: list[dict[str, str]]) -> None:
    read = [returns_report.row_of("x", row.items()) for row in rows]
    for orders in (None, frozenset[str]()):
        for found in map_returns(read, account(), refunded_orders=orders, seen_ms=0):
            assert found.notifications or found.left_out or found.tracked or "SafeT" not in found.about


LINES = st.dictionaries(
    st.sampled_from(SETTLEMENT_HEADER), st.text(max_size=12) | st.sampled_from(refund_line()), max_size=24
)


@given(st.lists(LINES, max_size=4))
def test_whatever_stands_in_a_settlement_its_mapping_answers(rows: list[dict[str, str]]) -> None:
    for found in map_settlement([settlement.row_of("x", row.items()) for row in rows], account()):
        assert found.notifications or found.left_out


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*transaction(), "payload"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(sorted(transaction())))
def test_whatever_stands_in_a_document_its_mapping_answers(document: Any, name: str) -> None:
    page = transactions_of(document) or [document, {**transaction(), name: document}]
    for found in map_transactions(page, account()):
        assert found.notifications or found.left_out
    for provider in FORMS:
        assert read_delivery(provider, dict.fromkeys(("result", "msg", "data"), document))
    for report in (document, {"performanceMetrics": document}, performance(mfn=document)):
        for found in map_performance(report, account()):
            assert found.notifications or found.left_out


TEXT = st.text(st.characters(), max_size=60)  # lone surrogates too


@given(
    st.sampled_from(["RETURN_REQUEST", "REFUND_ISSUED", "BBC_MESSAGE_SENT_TO_MERCHANT", ""]), TEXT, TEXT, st.integers()
)
def test_whatever_stands_in_a_mail_its_mapping_answers(kind: str, subject: str, text: str, at_ms: int) -> None:
    odd = mail(
        kind,
        subject=f"{ORDER} {subject}",
        text=text,
        sent_ms=at_ms,
        labelled=((text, subject),) * 4,
        message_id=text or "1",
    )
    for found in map_mails([odd], account(), WISH):
        assert found.notifications or found.left_out


def test_the_secrets_are_looked_for_where_they_would_be() -> None:
    leaky = [Mapped((), "", tuple(said_in(map_mails([message()], account(), WISH))), ())]
    assert holds(ORDER, leaky)
    assert json.loads(journal_value(said_in(leaky)[0]))["order_id"] == ORDER
