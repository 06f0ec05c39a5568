"""Stories of messages: of the buyer, of Amazon, of CSBA, and what comes of the replies (`cast.py`)."""

from collections.abc import Iterator

from agents.demo.cast import Beat, Cast


def message_answered(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply met."""
    yield cast.message(0, topic="product")
    yield cast.reply(4, "buyer")


def message_answered_late(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply breached (an auto-reply is none, a field left empty is no field), closed late."""
    yield cast.message(0, topic="delivery", order_id="", program="")
    yield cast.reply(1, "buyer", auto_reply=True)
    yield cast.reply(16, "buyer", number=2)


def message_needs_no_response(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply breached, retracted and exempt: marked after the breach."""
    yield cast.message(0, topic="other")
    yield cast.of_message(15, "message.marked")


def message_marked_by_mistake(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply exempt, retracted because the mark was taken back, met."""
    yield cast.message(0, topic="return")
    yield cast.of_message(2, "message.marked")
    yield cast.of_message(5, "message.unmarked")
    yield cast.reply(9, "buyer")


def reply_never_arrives(cast: Cast) -> Iterator[Beat]:
    """buyer-message-reply met, retracted because the reply was not delivered, breached, closed late by another."""
    yield cast.message(0, topic="product")
    yield cast.reply(4, "buyer")
    yield cast.of_reply(8, "message.undelivered")
    yield cast.reply(15, "buyer", number=2)


def amazon_asks(cast: Cast) -> Iterator[Beat]:
    """cs-contact-reply met by one message to both Amazon and the buyer."""
    yield cast.message(0, from_role="amazon_cs", order_id=cast.order_id)
    yield cast.reply(9, "amazon_cs", "buyer")


def amazon_and_the_buyer_are_answered_apart(cast: Cast) -> Iterator[Beat]:
    """cs-contact-reply escalated, met by the second of two replies: one to Amazon, one to the buyer."""
    yield cast.message(0, from_role="amazon_cs", order_id=cast.order_id)
    yield cast.reply(5, "amazon_cs")
    yield cast.reply(14, "buyer", number=2)


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


def on_vacation(cast: Cast) -> Iterator[Beat]:
    """Journaled, decides nothing: 24 hours are 24 hours on vacation too. buyer-message-reply breached."""
    yield cast(0, "seller.vacation_set", on=True)
    yield cast.message(1, topic="product", program="fba")
