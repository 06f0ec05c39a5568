"""Who plays which story: two sellers, three marketplaces."""

from dataclasses import dataclass

from agents.demo.stories import (
    DE,
    JP,
    US,
    Story,
    amazon_asks,
    amazon_asks_in_vain,
    amazon_refunds_then_nothing,
    amazon_refunds_then_safe_t,
    case_opened_again,
    claim_defended,
    claim_defended_late,
    claim_withdrawn,
    csba_amazon_refunds_late,
    csba_answers_the_buyer,
    csba_asks,
    csba_asks_in_vain,
    csba_is_asked,
    csba_is_switched_off,
    csba_refunded,
    evidence_deleted,
    message_answered,
    message_answered_late,
    message_needs_no_response,
    metrics_reported,
    never_refunded,
    on_vacation,
    ordinary_case,
    refund_known_late,
    refund_taken_back,
    refund_with_deduction,
    refunded_in_time,
    refunded_late,
    return_answered,
    return_answered_late,
    return_cancelled,
    return_refused,
    seller_interferes,
    urgent_case,
)


@dataclass(frozen=True)
class Role:
    """A story and the account that plays it."""

    seller_id: str
    marketplace_id: str
    story: Story


IN_AMERICA: tuple[Story, ...] = (
    refunded_in_time, refunded_late, refund_known_late, amazon_refunds_then_nothing, amazon_refunds_then_safe_t,
    return_answered, return_refused, message_answered, message_answered_late, amazon_asks, amazon_asks_in_vain,
    claim_defended, claim_defended_late, urgent_case, case_opened_again, evidence_deleted, metrics_reported,
)  # fmt: skip
IN_GERMANY: tuple[Story, ...] = (
    refund_taken_back, refund_with_deduction, never_refunded, return_answered_late, return_cancelled, message_answered,
    message_needs_no_response, claim_withdrawn, ordinary_case, on_vacation,
)  # fmt: skip
IN_JAPAN: tuple[Story, ...] = (
    csba_refunded, csba_amazon_refunds_late, never_refunded, csba_asks, csba_asks_in_vain, csba_answers_the_buyer,
    seller_interferes, csba_is_asked, message_answered,
)  # fmt: skip

# Their accounts lie in both of two partitions.
ONE, OTHER = "A2TOYSHOP", "A3TEASHOP"
ROLES: tuple[Role, ...] = (
    *(Role(ONE, US, story) for story in IN_AMERICA),
    *(Role(ONE, DE, story) for story in IN_GERMANY),
    *(Role(ONE, JP, story) for story in IN_JAPAN),
    Role(OTHER, JP, csba_is_switched_off),
    Role(OTHER, US, message_answered),
)
# What fills the days in between: most of a seller's duties are done in time.
ORDINARY: tuple[Role, ...] = (
    *(Role(ONE, US, story) for story in (refunded_in_time, message_answered, message_answered, return_answered)),
    *(Role(OTHER, US, story) for story in (refunded_in_time, message_answered, amazon_asks)),
    *(Role(ONE, DE, story) for story in (message_answered, refund_with_deduction, return_answered)),
    *(Role(ONE, JP, story) for story in (csba_refunded, csba_asks, csba_answers_the_buyer)),
)
