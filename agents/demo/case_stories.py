"""Stories of claims, chargebacks, support cases, evidence and reports (`cast.py`)."""

from collections.abc import Iterator

from agents.demo.cast import Beat, Cast


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


def claim_appealed(cast: Cast) -> Iterator[Beat]:
    """a-to-z-evidence exempt by the decision; a-to-z-appeal opens with it and is met."""
    yield cast.claim(0, "claim.opened", kind="a_to_z")
    yield cast.claim(4, "claim.decided", outcome="granted")
    yield cast.claim(15, "claim.appealed")


def claim_lost(cast: Cast) -> Iterator[Beat]:
    """a-to-z-evidence met in vain; a-to-z-appeal escalated and lapsed."""
    yield cast.claim(0, "claim.opened", kind="a_to_z")
    yield cast.claim(3, "claim.evidence_submitted")
    yield cast.claim(6, "claim.decided", outcome="granted")


def chargeback_answered(cast: Cast) -> Iterator[Beat]:
    """chargeback-answer escalated and met."""
    yield cast.chargeback(0, "chargeback.opened")
    yield cast.chargeback(18, "chargeback.answered")


def chargeback_answered_late(cast: Cast) -> Iterator[Beat]:
    """chargeback-answer escalated twice, breached, closed late."""
    yield cast.chargeback(0, "chargeback.opened")
    yield cast.chargeback(31, "chargeback.answered")


def chargeback_decided(cast: Cast) -> Iterator[Beat]:
    """chargeback-answer exempt: the bank has decided before the seller answered."""
    yield cast.chargeback(0, "chargeback.opened")
    yield cast.chargeback(8, "chargeback.decided")


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


def case_closed_twice(cast: Cast) -> Iterator[Beat]:
    """case-stalled exempt, once for each closing: a closed case that moves is open again. Violation case_duplicate."""
    subject_hash = f"h-{cast.tag}"
    yield cast.case(0, "case.opened", priority="normal", subject_hash=subject_hash)
    yield cast.case(3, "case.activity", actor="amazon")
    yield cast.case(6, "case.closed")
    yield cast.case(9, "case.activity", actor="seller")
    yield cast.case(12, "case.opened", number=2, priority="normal", subject_hash=subject_hash)
    yield cast.case(15, "case.closed")
    yield cast.case(16, "case.closed", number=2)


def evidence_deleted(cast: Cast) -> Iterator[Beat]:
    """Violation evidence_deleted_early."""
    stored = cast(0, "evidence.stored", evidence_id=f"EV-{cast.tag}", kind="delivery_proof", order_id=cast.order_id)
    yield stored
    yield cast(6, "evidence.deleted", **stored.fields)


def metrics_reported(cast: Cast) -> Iterator[Beat]:
    """account.health: order_defect_rate good, then bad. The other metrics come at midnight UTC only."""
    yield cast(0, "account.metrics_reported", order_count=1000, orders_with_defects=7, window_days=60)
    yield cast(12, "account.metrics_reported", order_count=1010, orders_with_defects=12, window_days=60)
