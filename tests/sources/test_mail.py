"""A mail at a time: what is believed, whose it is, of what kind, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import format_instant, parse_instant
from schemas.notifications import type_name
from streams.sources.findings import Mapped, Tracked
from streams.sources.mail import kind_of, map_mails
from streams.sources.mail_fields import Mail, MailWish
from streams.sources.mail_threads import ThreadBook, thread_of_relay, thread_token
from streams.sources.mail_trust import is_amazons, vouched_domains
from tests.sources.samples import SELLER, US, account, reasons_in, said_in

ORDER = "111-0000001-0000001"
AT_MS = parse_instant("2026-10-12T17:03:09Z")
HOST = "mx.seller.example"
WISH = MailWish(replies_watched=True, returns_program="mfn", refunds_from_mail=True)
RELAY = "abcd1234efgh567@marketplace.amazon.com"


def mail(kind: str = "", **fields: Any) -> Mail:
    said: dict[str, Any] = {
        "where": "x.eml",
        "message_id": "0100018f@us-east-1.amazonses.com",
        "sent_ms": AT_MS,
        "sender": "donotreply@amazon.com",
        "recipients": ("seller@example.com",),
        "references": (),
        "subject": f"About order {ORDER}",
        "notification_type": kind,
        "marketplace_id": US,
        "is_automatic": False,
        "vouched": frozenset({"amazon.com"}),
        "text": "",
        "links": (),
        "labelled": (),
    }
    return Mail(**{**said, **fields})


def message(**fields: Any) -> Mail:
    said = {"sender": RELAY, "subject": f"Return policy inquiry from Amazon customer Jo Example (Order: {ORDER})"}
    return mail("BBC_MESSAGE_SENT_TO_MERCHANT", **{**said, **fields})


def mapped(*mails: Mail, **wish: Any) -> list[Mapped]:
    return list(map_mails(mails, account(), WISH._replace(**wish)))


def one(*mails: Mail, **wish: Any) -> Any:
    (said,) = said_in(mapped(*mails, **wish))
    return said


# --- whom one believes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "domains"),
    [
        (f"{HOST}; dkim=pass header.i=@amazon.com header.s=x; dmarc=pass header.from=amazon.com", {"amazon.com"}),
        (
            f"{HOST} 1; dkim=pass (2048 (bits) key) header.d=amazonses.com; spf=pass smtp.mailfrom=amazon.com",
            {"amazonses.com"},
        ),
        (f'{HOST}; dkim=pass header.i=@amazon.it header.b="Ab+/1="', {"amazon.it"}),
        (f"{HOST.upper()}; DMARC = Pass action=none header.from=Amazon.Com", {"amazon.com"}),
        (f"{HOST}; dkim=fail header.d=amazon.com", set()),
        (f"{HOST}; dkim=pass header.d=amazon.com/evil", set()),
        (f"{HOST}; dkim=passed header.d=amazon.com", set()),
        (f'{HOST}; spf=pass smtp.mailfrom="x; dkim=pass header.d=amazon.com; y"@evil.example', set()),
        ("mx.evil.example; dkim=pass header.d=amazon.com", set()),
        (f"{HOST}.evil.example; dkim=pass header.d=amazon.com", set()),
        ("", set()),
        (f"{HOST}; none", set()),
    ],
)
def test_a_host_vouches_for_the_domains_that_passed(results: str, domains: set[str]) -> None:
    assert vouched_domains([results], HOST) == domains


def test_only_the_topmost_results_of_the_own_host_count() -> None:
    forged = f"{HOST}; dkim=pass header.d=amazon.com"
    assert vouched_domains([f"{HOST}; dkim=none", forged], HOST) == set()
    assert vouched_domains(["other.example; arc=pass", forged], HOST) == {"amazon.com"}


@pytest.mark.parametrize(
    ("sender", "vouched", "is_believed"),
    [
        ("donotreply@amazon.com", {"amazon.com"}, True),
        (RELAY, {"amazon.com"}, True),
        (RELAY, {"marketplace.amazon.com"}, True),
        ("a@marketplace.amazon.co.uk", {"amazon.co.uk", "amazonses.com"}, True),
        ("donotreply@amazon.com", {"amazonses.com"}, False),
        ("donotreply@amazon.com", {"amazon.de"}, False),
        ("donotreply@amazon.com.evil.example", {"amazon.com.evil.example"}, False),
        ("donotreply@evilamazon.com", {"evilamazon.com"}, False),
        ("donotreply@amazon.com", {"com"}, False),
        ("donotreply@amazon.com", {"bounces.amazon.com"}, False),
        ("", {"amazon.com"}, False),
    ],
)
def test_a_sender_is_amazons_where_his_own_domain_is_vouched_for(
    sender: str, vouched: set[str], is_believed: bool
) -> None:
    assert is_amazons(sender, vouched) is is_believed


def test_a_mail_nobody_vouches_for_changes_nothing_unless_all_are_trusted() -> None:
    forged = message(vouched=frozenset())
    assert reasons_in(mapped(forged)) == [("unauthenticated", "Authentication-Results")]
    assert one(forged, require_authentication=False).from_role == "buyer"


# --- whose, and of what kind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"message_id": ""}, ("no_id", "Message-ID")),
        ({"sent_ms": None}, ("no_date", "Date")),
        ({"marketplace_id": "A1F83G8C2ARO7P"}, ("other_marketplace", "X-Marketplace-ID")),
        (
            {"marketplace_id": "", "sender": "a@marketplace.amazon.co.uk", "vouched": frozenset({"amazon.co.uk"})},
            ("other_marketplace", "X-Marketplace-ID"),
        ),
    ],
)
def test_a_mail_needs_an_id_a_date_and_the_accounts_marketplace(
    fields: dict[str, Any], reason: tuple[str, str]
) -> None:
    assert reasons_in(mapped(message(**fields))) == [reason]


def test_a_mail_without_a_marketplace_is_the_mailboxs_where_that_has_one() -> None:
    bare = mail("REFUND_ISSUED", marketplace_id="", subject=f"refund 39.99 USD initiated – order {ORDER}")
    assert reasons_in(mapped(bare)) == [("marketplace_unknown", "X-Marketplace-ID")]
    assert one(bare, is_one_marketplaces=True).amount == "39.99"
    assert one(message(marketplace_id="")).order_id == ORDER


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"notification_type": "REFUND_ISSUED"}, "refund"),
        ({"notification_type": "SOMETHING_NEW"}, None),
        ({"links": ("https://sellercentral.amazon.it/nms/x?nt=RETURN_REQUEST&sk=1",)}, "return"),
        ({"links": ("https://x.example/?y=1", "https://x.example/?communicationName=REFUND_ISSUED")}, "refund"),
        ({"links": ("https://x.example/?customAttribute1Value=BBC_MESSAGE_SENT_TO_MERCHANT",)}, "message"),
        ({"subject": f"Return authorisation request for order {ORDER}"}, "return"),
        ({"subject": f"Refund initiated for order {ORDER}"}, "refund"),
        ({"subject": "Ihre E-Mail an Jo"}, "copy"),
        ({"sender": RELAY, "subject": "Hello"}, "message"),
        ({"subject": "Hello"}, None),
    ],
)
def test_a_mail_is_known_by_header_then_link_then_subject(fields: dict[str, Any], kind: str | None) -> None:
    assert kind_of(mail(**fields)) == kind


def test_a_kind_without_a_duty_is_ignored_and_an_unknown_one_is_counted() -> None:
    assert reasons_in(mapped(mail("BRC_SELLER_NOTIFICATION"))) == [("no_type_of_ours", "X-Space-Notification-Type")]
    assert reasons_in(mapped(mail("SOMETHING_NEW"))) == [("type_unknown", "X-Space-Notification-Type")]


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_buyers_message_is_named_without_a_name() -> None:
    said = one(message(text="Order ID\n-- Message: --\n111-9999999-9999999\n"))
    assert (said.from_role, said.order_id, said.topic) == ("buyer", ORDER, "return")
    assert format_instant(said.occurred_ms) == "2026-10-12T17:03:09.000Z"
    assert "@" not in f"{said.message_id}{said.thread_id}"
    assert one(message(subject="Messaggio dall'acquirente")).topic is None
    assert one(message(subject="Hi", text="Message\n-- Message: --\n111-9999999-9999999")).order_id is None


def test_no_message_is_taken_where_no_reply_would_be_seen() -> None:
    found = mapped(message(), mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT"), replies_watched=False)
    assert said_in(found) == []
    assert [reason for reason, _ in reasons_in(found)] == ["replies_unwatched", "replies_unwatched"]


def test_the_thread_is_the_last_token_of_the_surest_kind() -> None:
    footer = "https://sellercentral.amazon.co.uk/messaging/no-response-needed?mp=X&t=TRUE1&m=Y"
    written_by_the_buyer = "https://sellercentral.amazon.co.uk/messaging/x?t=FALSE"
    assert thread_token([written_by_the_buyer, footer]) == "TRUE1"
    assert thread_token(["[commMgrTok:AB12]"]) == "AB12"
    assert thread_token(["https://sellercentral-europe.amazon.com/messaging/inbox/1234567"]) == "1234567"
    assert thread_token(["https://evil.example/messaging/x?t=FALSE"]) is None
    assert thread_of_relay(RELAY, ORDER) == thread_of_relay(RELAY.replace("@", "+case@").upper(), ORDER)
    assert thread_of_relay(RELAY, None) != thread_of_relay(RELAY, ORDER)


def test_a_copy_finds_its_thread_by_token_or_order() -> None:
    link = "https://sellercentral.amazon.com/messaging/x?t=T1"
    asked = message(text=link)
    by_token = mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", subject="Your e-mail to Jo", links=(link,), message_id="2")
    by_order = mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", message_id="3")
    question, first, second = said_in(mapped(asked, by_token, by_order))
    assert question.thread_id == first.thread_id == second.thread_id == "T1"
    assert (first.to_roles, first.auto_reply, first.order_id) == (("buyer",), None, None)
    lost = mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", subject="Your e-mail to Jo", message_id="4")
    assert reasons_in(mapped(asked, lost)) == [("no_thread", "")]


def test_a_book_that_was_kept_finds_threads_of_earlier_mails_and_holds_no_address() -> None:
    asked, kept = message(text="[commMgrTok:A1]"), ThreadBook()
    list(map_mails([asked, asked], account(), WISH, kept))
    (entry,) = kept.entries
    assert "@" not in "".join(map(str, entry))
    (answered,) = said_in(map_mails([sent()], account(), WISH, ThreadBook(kept.entries)))
    assert answered.thread_id == "A1"
    nameless = ThreadBook()
    list(map_mails([message(subject="Hello", text="[commMgrTok:B2]")], account(), WISH, nameless))
    assert [one.order_id for one in nameless.entries] == [None]


def test_an_order_with_two_threads_names_neither() -> None:
    one_thread = message(text="[commMgrTok:A1]")
    other = message(text="[commMgrTok:B2]", message_id="2")
    copy = mail("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", message_id="3")
    assert ("no_thread", "") in reasons_in(mapped(one_thread, other, copy))


def sent(**fields: Any) -> Mail:
    said = {
        "sender": "seller@example.com",
        "recipients": ("boss@example.com", RELAY),
        "marketplace_id": "",
        "message_id": "9",
    }
    return mail(**{**said, "vouched": frozenset(), "is_sent": True, "subject": "Re:", **fields})


def test_a_reply_of_the_sent_folder_finds_its_thread() -> None:
    asked = message(text="[commMgrTok:A1]")
    for reply in (
        sent(references=("other", asked.message_id)),
        sent(subject=f"Re: {ORDER}"),
        sent(),
    ):
        assert said_in(mapped(asked, reply))[-1].thread_id == "A1"
    bare = message()
    answered = said_in(mapped(bare, sent(subject=f"Re: {ORDER}", is_automatic=True)))
    assert answered[-1].thread_id == answered[0].thread_id == thread_of_relay(RELAY, ORDER)
    assert answered[-1].auto_reply is True
    assert said_in(mapped(sent(subject=f"Re: {ORDER}")))[0].thread_id == thread_of_relay(RELAY, ORDER)
    assert reasons_in(mapped(sent())) == [("no_thread", "")]


def test_other_mail_of_the_sent_folder_is_nobodys_business() -> None:
    private = sent(recipients=("friend@example.com",))
    assert reasons_in(mapped(private)) == [("marketplace_unknown", "X-Marketplace-ID")]
    assert reasons_in(mapped(private, is_one_marketplaces=True)) == [("no_type_of_ours", "To")]


# --- returns, refunds, claims, chargebacks ----------------------------------------------------------------------------

LABELLED = (
    ("Order ID:", ORDER),
    ("Return request date:", "2026-10-09"),
    ("Return policy check:", "In policy"),
    ("Authorization:", "Automatically authorized by Amazon"),
)
PARCEL = "Return carrier: USPS\nTracking number: 9400000000000000000001\nTracking number: ask Jo\nno label"


def returned(**fields: Any) -> Mail:
    return mail("RETURN_REQUEST", **{"labelled": LABELLED, "text": PARCEL, **fields})


def kinds(found: list[Mapped]) -> list[str]:
    return [type_name(said) for said in said_in(found)]


def test_a_return_mail_brings_request_approval_and_parcel() -> None:
    (found,) = mapped(returned())
    requested, approved = found.notifications
    assert kinds([found]) == ["return.requested", "return.approved"]
    assert found.left_out == ()
    assert getattr(requested, "return_id", "") == f"{ORDER}.2026-10-09"
    assert requested.occurred_ms == AT_MS
    assert getattr(approved, "approved_by", "") == "auto_policy"
    assert found.tracked == (
        Tracked("9400000000000000000001", "USPS", SELLER, US, f"{ORDER}.2026-10-09", ORDER, "mfn"),
    )


def test_a_return_that_waits_for_the_seller_is_no_approval() -> None:
    asking = returned(subject=f"Return authorization request for order {ORDER}")
    assert kinds(mapped(asking)) == ["return.requested"]
    waiting = returned(labelled=(*LABELLED[:3], ("Autorizzazione:", "In attesa di autorizzazione")))
    assert kinds(mapped(waiting)) == ["return.requested"]
    assert reasons_in(mapped(waiting)) == []


def test_a_phrase_we_do_not_know_leaves_the_request_alone() -> None:
    odd = returned(labelled=(*LABELLED[:2], ("Check:", "Zzz"), ("Authorization:", "Zzz")))
    assert kinds(mapped(odd)) == ["return.requested"]
    assert reasons_in(mapped(odd)) == [("phrase_unknown", "Authorization"), ("phrase_unknown", "Return policy check")]
    short = returned(labelled=LABELLED[:2])
    assert kinds(mapped(short)) == ["return.requested"]


@pytest.mark.parametrize(
    ("fields", "wish", "reason"),
    [
        ({}, {"returns_program": None}, ("returns_from_report", "")),
        ({"subject": "Return", "text": ""}, {}, ("no_order", "")),
        ({"labelled": LABELLED[:1]}, {}, ("no_date", "Return request date")),
        ({"labelled": (LABELLED[0], ("Date:", "yesterday"))}, {}, ("no_date", "Return request date")),
        ({"labelled": (LABELLED[0], ("Date:", "2026-13-09"))}, {}, ("no_date", "Return request date")),
    ],
)
def test_a_return_mail_that_cannot_be_taken_is_counted(
    fields: dict[str, Any], wish: dict[str, Any], reason: tuple[str, str]
) -> None:
    assert reasons_in(mapped(returned(**fields), **wish)) == [reason]


@pytest.mark.parametrize(
    ("subject", "text", "amount"),
    [
        (f"refund 39.99 USD initiated – order {ORDER}", "", ("39.99", "USD")),
        (f"rimborso 39.9 EUR avviato - ordine {ORDER}", "", ("39.90", "EUR")),
        (f"Refund initiated for order {ORDER}", "a refund of USD 39.99 to Jo. VAT 12", ("39.99", "USD")),
        (f"refund 3999 JPY initiated - order {ORDER}", "", ("3999.00", "JPY")),
    ],
)
def test_a_refund_mail_says_its_amount(subject: str, text: str, amount: tuple[str, str]) -> None:
    said = one(mail("REFUND_ISSUED", subject=subject, text=text))
    assert (said.amount, said.currency) == amount
    assert (said.issued_by, said.program, said.order_id) == ("unknown", None, ORDER)


def test_a_refunds_network_is_the_program_where_it_is_said() -> None:
    def program(label: str, value: str) -> str | None:
        subject = f"refund 39.99 USD initiated – order {ORDER}"
        found: str | None = one(mail("REFUND_ISSUED", subject=subject, labelled=(("x", "y"), (label, value)))).program
        return found

    assert program("Fulfilment network:", "Seller") == "mfn"
    assert program("Rete logistica di Amazon:", "Amazon") == "fba"
    assert program("Fulfilment network:", "Zzz") is None


@pytest.mark.parametrize(
    ("fields", "wish", "reason"),
    [
        ({}, {"refunds_from_mail": False}, ("other_refund_source", "")),
        ({"subject": "refund 39.99 USD"}, {}, ("no_order", "")),
        ({"subject": f"refund {ORDER}"}, {}, ("amount_unknown", "Subject")),
        ({"subject": f"refund 1,039.99 USD initiated – order {ORDER}"}, {}, ("amount_unknown", "Subject")),
    ],
)
def test_a_refund_mail_that_cannot_be_taken_is_counted(
    fields: dict[str, Any], wish: dict[str, Any], reason: tuple[str, str]
) -> None:
    assert reasons_in(mapped(mail("REFUND_ISSUED", **fields), **wish)) == [reason]


def test_a_claim_that_asks_for_an_answer_is_opened() -> None:
    said = one(mail("A_Z_CLAIM_RESPONDENT_NOTIFY", subject=f"Action required: Claim received on order {ORDER}"))
    assert (said.claim_id, said.kind) == (f"az.{ORDER}", "a_to_z")


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (
            "A_Z_CLAIM_RESPONDENT_NOTIFY",
            {"text": "Al momento non è necessario intraprendere alcuna azione"},
            ("no_duty", ""),
        ),
        ("A_Z_CLAIM_RESPONDENT_NOTIFY", {"text": "Zzz"}, ("phrase_unknown", "Subject")),
        ("A_Z_CLAIM_RESPONDENT_NOTIFY", {"subject": "Action required"}, ("no_order", "")),
        ("A_Z_CLAIM_RESPONDENT_CLOSE", {"subject": "in your favor"}, ("no_order", "")),
        ("A_Z_CLAIM_RESPONDENT_CLOSE", {"text": "Zzz"}, ("phrase_unknown", "the decision")),
    ],
)
def test_a_claims_mail_that_cannot_be_taken_is_counted(
    kind: str, fields: dict[str, Any], reason: tuple[str, str]
) -> None:
    assert reasons_in(mapped(mail(kind, **fields))) == [reason]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("We have granted the customer’s claim.", "granted"),
        ("We have granted the customer's claim. You should not be held responsible.", "denied"),
        ("The claim was closed in your favor.", "denied"),
        ("Hemos concedido una reclamación", "granted"),
    ],
)
def test_a_decision_is_what_it_costs_the_seller(text: str, outcome: str) -> None:
    assert one(mail("A_Z_CLAIM_RESPONDENT_CLOSE", text=text)).outcome == outcome


def test_chargebacks_come_from_two_addresses() -> None:
    opened = mail(sender="cb-seller-notification@amazon.com", subject=f"Chargeback dispute for order {ORDER}")
    decided = mail(sender="cb-seller-query@amazon.com", subject=f"Funding decision for order {ORDER}")
    assert kinds(mapped(opened, decided)) == ["chargeback.opened", "chargeback.decided"]
    assert one(opened).chargeback_id == f"cb.{ORDER}"
    assert reasons_in(mapped(opened._replace(subject=f"Hello {ORDER}"))) == [("phrase_unknown", "Subject")]
    assert reasons_in(mapped(decided._replace(subject="Decision"))) == [("no_order", "")]
