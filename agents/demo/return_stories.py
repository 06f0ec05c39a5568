"""Stories of returns: answered, received, refunded or replaced, by the seller or by Amazon (`cast.py`)."""

from collections.abc import Iterator

from agents.demo.cast import CURRENCIES, JP, Beat, Cast


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


def refund_of_nothing(cast: Cast) -> Iterator[Beat]:
    """sfp-refund met by the second refund only: one of 0.00 completes nothing."""
    yield cast.of_return(0, "return.received", program="sfp")
    yield cast.refund(3, refund_id=f"REF-{cast.tag}-0", amount="0.00")
    yield cast.refund(9)


def receipt_dated_back(cast: Cast) -> Iterator[Beat]:
    """sfp-refund met, retracted because it had started earlier, opened again and met."""
    received = cast.of_return(0, "return.received", program="sfp")
    yield received
    yield cast.refund(4)
    yield received._replace(sent_s=8, happened_s=-1)


def amazon_refunds_then_nothing(cast: Cast) -> Iterator[Beat]:
    """sfp-refund superseded by Amazon; safe-t-window opens and lapses."""
    yield cast.of_return(0, "return.received", program="sfp")
    yield cast.refund(5, issued_by="amazon_cs", program="sfp")


def amazon_refunds_then_safe_t(cast: Cast) -> Iterator[Beat]:
    """sfp-refund superseded by Amazon, safe-t-window met."""
    yield from amazon_refunds_then_nothing(cast)
    yield cast.claim(12, "safet.filed")


def amazon_refunds_a_seller_fulfilled_return(cast: Cast) -> Iterator[Beat]:
    """mfn-refund superseded by Amazon; safe-t-window opens and is met in America, whose version 2 takes mfn in too."""
    yield cast.of_return(0, "return.received", program="mfn")
    yield cast.refund(5, issued_by="amazon_cs", return_id=f"RET-{cast.tag}")
    yield cast.claim(13, "safet.filed", refund_id=f"REF-{cast.tag}")


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


def replaced(cast: Cast) -> Iterator[Beat]:
    """mfn-refund exempt: the item is replaced instead of refunded."""
    yield cast.of_return(0, "return.received", program="mfn")
    yield cast.of_return(7, "replacement.sent", replacement_id=f"NEW-{cast.tag}")


def refund_goes_to_the_earlier_receipt(cast: Cast) -> Iterator[Beat]:
    """mfn-refund met, retracted because the refund belongs to a return that had come before, met by another."""
    received = cast.of_return(0, "return.received", program="mfn")
    other = cast.of_return(8, "return.received", program="mfn", return_id=f"RET-{cast.tag}-2")
    yield received
    yield cast.refund(4)
    yield other._replace(happened_s=-1)
    yield cast.refund(11, refund_id=f"REF-{cast.tag}-2")


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


def return_authorized_by_amazon(cast: Cast) -> Iterator[Beat]:
    """return-response exempt: Amazon approves in the seller's place."""
    yield cast.of_return(0, "return.requested", program="mfn")
    yield cast.of_return(2, "return.approved", program="mfn", approved_by="auto_policy")


def return_refused(cast: Cast) -> Iterator[Beat]:
    """Violation refused_return: Amazon had approved it."""
    yield cast.of_return(0, "return.approved", program="sfp", approved_by="amazon_cs")
    yield cast.of_return(3, "return.refused")
