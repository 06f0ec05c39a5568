"""Who plays which story: two sellers, three marketplaces."""

from dataclasses import dataclass

from agents.demo import case_stories as cases
from agents.demo import message_stories as messages
from agents.demo import return_stories as returns
from agents.demo.cast import DE, JP, US, Story


@dataclass(frozen=True)
class Role:
    """A story and the account that plays it."""

    seller_id: str
    marketplace_id: str
    story: Story


IN_AMERICA: tuple[Story, ...] = (
    returns.refunded_in_time,
    returns.refunded_late,
    returns.refund_known_late,
    returns.refund_of_nothing,
    returns.receipt_dated_back,
    returns.amazon_refunds_then_nothing,
    returns.amazon_refunds_then_safe_t,
    returns.amazon_refunds_a_seller_fulfilled_return,
    returns.replaced,
    returns.return_answered,
    returns.return_refused,
    messages.message_answered,
    messages.message_answered_late,
    messages.reply_never_arrives,
    messages.amazon_asks,
    messages.amazon_and_the_buyer_are_answered_apart,
    messages.amazon_asks_in_vain,
    cases.claim_defended,
    cases.claim_defended_late,
    cases.claim_appealed,
    cases.claim_lost,
    cases.chargeback_answered,
    cases.chargeback_answered_late,
    cases.urgent_case,
    cases.case_opened_again,
    cases.evidence_deleted,
    cases.metrics_reported,
)
IN_GERMANY: tuple[Story, ...] = (
    returns.amazon_refunds_a_seller_fulfilled_return,
    returns.refund_taken_back,
    returns.refund_with_deduction,
    returns.replaced,
    returns.refund_goes_to_the_earlier_receipt,
    returns.never_refunded,
    returns.return_answered_late,
    returns.return_cancelled,
    returns.return_authorized_by_amazon,
    messages.message_answered,
    messages.message_needs_no_response,
    messages.message_marked_by_mistake,
    messages.on_vacation,
    cases.claim_withdrawn,
    cases.chargeback_decided,
    cases.ordinary_case,
    cases.case_closed_twice,
)
IN_JAPAN: tuple[Story, ...] = (
    returns.csba_refunded,
    returns.csba_amazon_refunds_late,
    returns.never_refunded,
    messages.csba_asks,
    messages.csba_asks_in_vain,
    messages.csba_answers_the_buyer,
    messages.seller_interferes,
    messages.csba_is_asked,
    messages.message_answered,
)

# Their accounts lie in both of two partitions.
ONE, OTHER = "A2TOYSHOP", "A3TEASHOP"
ROLES: tuple[Role, ...] = (
    *(Role(ONE, US, story) for story in IN_AMERICA),
    *(Role(ONE, DE, story) for story in IN_GERMANY),
    *(Role(ONE, JP, story) for story in IN_JAPAN),
    Role(OTHER, JP, messages.csba_is_switched_off),
    Role(OTHER, US, messages.message_answered),
)
_OFTEN_IN_AMERICA: tuple[Story, ...] = (
    returns.refunded_in_time,
    messages.message_answered,
    messages.message_answered,
    returns.return_answered,
)
_OFTEN_AT_THE_OTHERS: tuple[Story, ...] = (returns.refunded_in_time, messages.message_answered, messages.amazon_asks)
_OFTEN_IN_GERMANY: tuple[Story, ...] = (
    messages.message_answered,
    returns.refund_with_deduction,
    returns.return_answered,
)
_OFTEN_IN_JAPAN: tuple[Story, ...] = (returns.csba_refunded, messages.csba_asks, messages.csba_answers_the_buyer)
# What fills the days in between: most of a seller's duties are done in time.
ORDINARY: tuple[Role, ...] = (
    *(Role(ONE, US, story) for story in _OFTEN_IN_AMERICA),
    *(Role(OTHER, US, story) for story in _OFTEN_AT_THE_OTHERS),
    *(Role(ONE, DE, story) for story in _OFTEN_IN_GERMANY),
    *(Role(ONE, JP, story) for story in _OFTEN_IN_JAPAN),
)
