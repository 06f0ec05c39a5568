"""The stories that the demonstration plays: what happens to one return, one message, one claim, one case.

A story is a list of beats: which notification is sent how many seconds after the story begins. Half a second is an
hour (`rules.toml`). A beat happens when it is sent, unless its `happened_s` says that the news is late. What comes of a
story is not said here: the rules say it. Each story's first line says what a watcher should see.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

US, DE, JP = "ATVPDKIKX0DER", "A1PA6795UKMFR9", "A1VC38T7YXB528"
CURRENCIES = {US: "USD", DE: "EUR", JP: "JPY"}


class Beat(NamedTuple):
    """One notification of a story; times in seconds after its beginning."""

    sent_s: float
    happened_s: float
    type: str
    fields: dict[str, object]


@dataclass(frozen=True)
class Cast:
    """What one telling of a story is about: the account's marketplace and ids that no other telling has."""

    marketplace_id: str
    tag: str
    order_id: str
    amount: str

    def __call__(self, sent_s: float, of_type: str, /, **fields: object) -> Beat:
        """A notification of any type, which happens when it is sent."""
        return Beat(sent_s, sent_s, of_type, fields)

    def of_return(self, sent_s: float, of_type: str, /, **fields: object) -> Beat:
        """Something about this story's return."""
        return self(sent_s, of_type, order_id=self.order_id, return_id=f"RET-{self.tag}", **fields)

    def refund(self, sent_s: float, /, **fields: object) -> Beat:
        """The refund, the seller's unless said otherwise."""
        money = {"amount": self.amount, "currency": CURRENCIES[self.marketplace_id]}
        ids = {"order_id": self.order_id, "refund_id": f"REF-{self.tag}"}
        return self(sent_s, "refund.issued", **{**ids, **money, "issued_by": "seller", **fields})

    def message(self, sent_s: float, /, **fields: object) -> Beat:
        """A message to the seller, the buyer's unless said otherwise."""
        ids = {"message_id": f"MSG-{self.tag}", "thread_id": f"T-{self.tag}", "from_role": "buyer"}
        return self(sent_s, "message.received", **{**ids, **fields})

    def reply(self, sent_s: float, /, *to_roles: str, number: int = 1, **fields: object) -> Beat:
        """A message of the seller's, unless said otherwise."""
        ids = {"message_id": f"REP-{self.tag}-{number}", "thread_id": f"T-{self.tag}"}
        return self(sent_s, "message.sent", **{**ids, "to_roles": list(to_roles), **fields})

    def claim(self, sent_s: float, of_type: str, /, **fields: object) -> Beat:
        """Something about this story's claim."""
        return self(sent_s, of_type, order_id=self.order_id, claim_id=f"CLM-{self.tag}", **fields)

    def case(self, sent_s: float, of_type: str, /, *, number: int = 1, **fields: object) -> Beat:
        """Something about a support case."""
        return self(sent_s, of_type, case_id=f"CASE-{self.tag}-{number}", **fields)


Story = Callable[[Cast], Iterator[Beat]]


def refunded_in_time(cast: Cast) -> Iterator[Beat]:
    """sfp-refund met; a return that Amazon approved asks for nothing before it arrives."""
    yield cast.of_return(0, "return.approved", program="sfp", approved_by="auto_policy", in_policy=True)
    yield cast.of_return(1, "return.received", program="sfp")
    yield cast.refund(7)


def refunded_late(cast: Cast) -> Iterator[Beat]:
    """sfp-refund escalated twice and urgently, breached, closed late."""
    yield cast.of_return(0, "return.received", program="sfp")
    yield cast.message(5, order_id=cast.order_id, topic="refund", program="sfp")
    yield cast.reply(7, "buyer")
    yield cast.refund(30)


def refund_known_late(cast: Cast) -> Iterator[Beat]:
    """sfp-refund breached, then retracted and met: the refund had been issued in time, the news of it came late."""
    yield cast.of_return(0, "return.received", program="sfp")
    yield cast.refund(28)._replace(happened_s=20)


def amazon_refunds_then_nothing(cast: Cast) -> Iterator[Beat]:
    """sfp-refund superseded by Amazon; safe-t-window opens and lapses."""
    yield cast.of_return(0, "return.received", program="sfp")
    yield cast.refund(5, issued_by="amazon_cs", program="sfp")


def amazon_refunds_then_safe_t(cast: Cast) -> Iterator[Beat]:
    """sfp-refund superseded by Amazon, safe-t-window met."""
    yield from amazon_refunds_then_nothing(cast)
    yield cast.claim(12, "safet.filed")


def refund_taken_back(cast: Cast) -> Iterator[Beat]:
    """mfn-refund met, retracted because the refund was cancelled, breached."""
    yield cast.of_return(0, "return.received", program="mfn")
    yield cast.refund(4)
    yield cast(10, "refund.cancelled", order_id=cast.order_id, refund_id=f"REF-{cast.tag}")


def refund_with_deduction(cast: Cast) -> Iterator[Beat]:
    """mfn-refund escalated and met: a deduction needs a reason."""
    amount = {"refundable_amount": "900.00", "currency": CURRENCIES[cast.marketplace_id]}
    yield cast.of_return(0, "return.received", program="mfn", **amount)
    yield cast.refund(21, return_id=f"RET-{cast.tag}", deduction_reason="item damaged by the buyer", program="mfn")


def never_refunded(cast: Cast) -> Iterator[Beat]:
    """mfn-refund (csba-jp-refund in Japan) escalated and breached."""
    yield cast.of_return(0, "return.received", program="csba_jp" if cast.marketplace_id == JP else "mfn")


def csba_amazon_refunds_late(cast: Cast) -> Iterator[Beat]:
    """csba-jp-refund breached, closed late by Amazon."""
    yield cast.of_return(0, "return.received", program="csba_jp")
    yield cast.refund(27, issued_by="amazon_auto", program="csba_jp")


def csba_refunded(cast: Cast) -> Iterator[Beat]:
    """csba-jp-refund met."""
    yield cast.of_return(0, "return.received", program="csba_jp")
    yield cast.refund(9, program="csba_jp")


def return_answered(cast: Cast) -> Iterator[Beat]:
    """return-response met by a label."""
    yield cast.of_return(0, "return.requested", program="mfn", reason="too small")
    yield cast.of_return(6, "return.responded", response="label")


def return_answered_late(cast: Cast) -> Iterator[Beat]:
    """return-response breached and closed late."""
    yield cast.of_return(0, "return.requested", program="mfn")
    yield cast.of_return(27, "return.responded", response="offer")


def return_cancelled(cast: Cast) -> Iterator[Beat]:
    """return-response exempt: the buyer keeps the item."""
    yield cast.of_return(0, "return.requested", program="mfn")
    yield cast.of_return(4, "return.cancelled")


def return_refused(cast: Cast) -> Iterator[Beat]:
    """Violation refused_return: Amazon had approved it."""
    yield cast.of_return(0, "return.approved", program="sfp", approved_by="amazon_cs")
    yield cast.of_return(3, "return.refused")


def message_answered(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply met."""
    yield cast.message(0, topic="product")
    yield cast.reply(4, "buyer")


def message_answered_late(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply breached (an auto-reply is none), closed late."""
    yield cast.message(0, topic="delivery")
    yield cast.reply(1, "buyer", auto_reply=True)
    yield cast.reply(16, "buyer", number=2)


def message_needs_no_response(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply breached, retracted and exempt: marked after the breach."""
    yield cast.message(0, topic="other")
    yield cast(15, "message.marked", message_id=f"MSG-{cast.tag}", thread_id=f"T-{cast.tag}")


def amazon_asks(cast: Cast) -> Iterator[Beat]:
    """cs-contact-reply met only when both Amazon and the buyer have an answer."""
    yield cast.message(0, from_role="amazon_cs", order_id=cast.order_id)
    yield cast.reply(5, "amazon_cs")
    yield cast.reply(14, "amazon_cs", "buyer", number=2)


def amazon_asks_in_vain(cast: Cast) -> Iterator[Beat]:
    """cs-contact-reply breached."""
    yield cast.message(0, from_role="amazon_cs", order_id=cast.order_id)


def csba_asks(cast: Cast) -> Iterator[Beat]:
    """csba-inquiry-reply met."""
    yield cast.message(0, from_role="csba", topic="product")
    yield cast.reply(8, "csba")


def csba_asks_in_vain(cast: Cast) -> Iterator[Beat]:
    """csba-inquiry-reply breached, closed late."""
    yield cast.message(0, from_role="csba")
    yield cast.reply(18, "csba")


def csba_answers_the_buyer(cast: Cast) -> Iterator[Beat]:
    """csba-reply escalated and met."""
    yield cast.message(0, routed_to="csba")
    yield cast.reply(4, "buyer", from_role="csba")


def seller_interferes(cast: Cast) -> Iterator[Beat]:
    """csba-reply breached, obligor csba; violation csba_interference."""
    yield cast.message(0, routed_to="csba")
    yield cast.reply(2, "buyer")


def csba_is_switched_off(cast: Cast) -> Iterator[Beat]:
    """csba-reply superseded by the program; buyer-message-reply opens in its place and is met."""
    yield cast.message(0, routed_to="csba")
    yield cast(3, "program.changed", program="csba_jp", active=False)
    yield cast.reply(8, "buyer")
    yield cast(9, "program.changed", program="csba_jp", active=True)


def csba_is_asked(cast: Cast) -> Iterator[Beat]:
    """csba-answer reminds when it is due, then closes late."""
    yield cast.reply(0, "csba")
    yield cast.message(29, from_role="csba")


def claim_defended(cast: Cast) -> Iterator[Beat]:
    """a-to-z-evidence escalated urgently (not received) and met."""
    yield cast.claim(0, "claim.opened", kind="not_received")
    yield cast.claim(9, "claim.evidence_submitted")


def claim_defended_late(cast: Cast) -> Iterator[Beat]:
    """a-to-z-evidence breached and closed late."""
    yield cast.claim(0, "claim.opened", kind="a_to_z")
    yield cast.claim(39, "claim.evidence_submitted")


def claim_withdrawn(cast: Cast) -> Iterator[Beat]:
    """a-to-z-evidence exempt."""
    yield cast.claim(0, "claim.opened", kind="a_to_z")
    yield cast.claim(8, "claim.withdrawn")


def urgent_case(cast: Cast) -> Iterator[Beat]:
    """case-first-response reminds, closes late; case-stalled reminds."""
    yield cast.case(0, "case.opened", priority="high", subject_hash=f"h-{cast.tag}")
    yield cast.case(8, "case.activity", actor="amazon")


def ordinary_case(cast: Cast) -> Iterator[Beat]:
    """case-resolution met, case-stalled met and exempt."""
    yield cast.case(0, "case.opened", priority="normal", subject_hash=f"h-{cast.tag}")
    yield cast.case(6, "case.activity", actor="amazon")
    yield cast.case(13, "case.closed")


def case_opened_again(cast: Cast) -> Iterator[Beat]:
    """Violations case_duplicate and case_close_reopen; case-resolution reminds."""
    for number, sent_s in ((1, 0), (2, 3), (3, 9)):
        yield cast.case(sent_s, "case.opened", number=number, priority="normal", subject_hash=f"h-{cast.tag}")
        if number < 3:
            yield cast.case(5 + number, "case.closed", number=number)


def evidence_deleted(cast: Cast) -> Iterator[Beat]:
    """Violation evidence_deleted_early."""
    stored = cast(0, "evidence.stored", evidence_id=f"EV-{cast.tag}", kind="delivery_proof", order_id=cast.order_id)
    yield stored
    yield cast(6, "evidence.deleted", **stored.fields)


def metrics_reported(cast: Cast) -> Iterator[Beat]:
    """account.health: order_defect_rate good, then bad. The other metrics come at midnight UTC only."""
    yield cast(0, "account.metrics_reported", order_count=1000, orders_with_defects=7, window_days=60)
    yield cast(12, "account.metrics_reported", order_count=1010, orders_with_defects=12, window_days=60)


def on_vacation(cast: Cast) -> Iterator[Beat]:
    """Journaled, decides nothing: 24 hours are 24 hours on vacation too. buyer-message-reply breached."""
    yield cast(0, "seller.vacation_set", on=True)
    yield cast.message(1, topic="product", program="fba")
