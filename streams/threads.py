"""Threads: who owes whom an answer, derived from scratch from the messages of one thread (contract §3, rules.md).

Rules here: buyer-message-reply, cs-contact-reply, csba-inquiry-reply, csba-reply, csba-answer. Functions of the
thread's facts and the account's program changes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from streams.duties import ENDS_MET, ENDS_SUPERSEDED, Duty, End, Violation
from streams.facts import (
    MessageMarked,
    MessageReceived,
    MessageSent,
    MessageUndelivered,
    MessageUnmarked,
    ProgramChanged,
    ThreadFact,
)

Switches = Sequence[tuple[int, str]]
"""Instants (and event ids) at which CSBA was switched off for an account, ascending."""


class ThreadView:
    """The facts of one thread, sorted into what the rules ask for. Built for one line and dropped.

    What never reached its readers is out of the facts (contract §3): `sent` does not hold it.
    """

    __slots__ = ("marks", "received", "sent", "switch_offs", "thread_id")

    def __init__(self, thread_id: str, facts: list[ThreadFact], switch_offs: Switches) -> None:
        self.thread_id = thread_id
        self.switch_offs = switch_offs
        self.received: list[MessageReceived] = []
        self.sent = _delivered(facts)
        self.marks: dict[str, MessageMarked | MessageUnmarked] = {}
        for fact in facts:
            if type(fact) is MessageReceived:
                self.received.append(fact)
            elif type(fact) is MessageMarked or type(fact) is MessageUnmarked:
                newest = self.marks.get(fact.message_id)
                if newest is None or fact.when > newest.when:
                    self.marks[fact.message_id] = fact
        if len(self.received) > 1:
            self.received.sort(key=_when)

    def marked_ms(self, message_id: str) -> int | None:
        """When the mark "no response needed" that holds for a message was set, if one holds (BSM)."""
        mark = self.marks.get(message_id)
        return mark.at_ms if type(mark) is MessageMarked else None


def _delivered(facts: list[ThreadFact]) -> list[MessageSent]:
    """The messages sent that reached their readers, by (instant, event id)."""
    sent: list[MessageSent] = []
    undelivered: list[str] = []
    for fact in facts:
        if type(fact) is MessageSent:
            sent.append(fact)
        elif type(fact) is MessageUndelivered:
            undelivered.append(fact.message_id)
    if undelivered:
        sent = [fact for fact in sent if fact.message_id not in undelivered]
    if len(sent) > 1:
        sent.sort(key=_when)
    return sent


def _when(fact: ThreadFact) -> tuple[int, str]:
    return (fact.at_ms, fact.event_id)


def switched_off(changes: Sequence[ProgramChanged]) -> list[tuple[int, str]]:
    """Instants (and event ids) at which Customer Service by Amazon was switched off, ascending."""
    return sorted(fact.when for fact in changes if fact.program == "csba_jp" and not fact.is_active)


def thread_duties(view: ThreadView) -> list[Duty]:
    """Every clock that the facts of a thread call for."""
    answer = _csba_answer(view) if view.sent else None
    duties = [] if answer is None else [answer]
    for message in view.received:
        if message.from_role == "buyer":
            if message.routed_to == "csba":
                duties.extend(_csba_reply(view, message))
            elif _is_sellers_question(message):
                duties.append(_duty(view, "buyer-message-reply", message, _reply(view, message, "seller", ("buyer",))))
        elif message.from_role == "amazon_cs":
            reply = _reply(view, message, "seller", ("amazon_cs", "buyer"))
            duties.append(_duty(view, "cs-contact-reply", message, reply))
        elif answer is None:
            duties.append(_duty(view, "csba-inquiry-reply", message, _reply(view, message, "seller", ("csba",))))
    return duties


QUESTIONS_RULES: Final = frozenset({"csba-reply", "buyer-message-reply"})
"""Rules whose clocks the buyer's questions to csba call for."""


def switched_duties(
    thread_id: str, facts: list[ThreadFact], were: Switches, are: Switches
) -> tuple[list[Duty], list[Duty]]:
    """What the buyer's questions to csba call for under the switches that were and under those that are.

    No other clock is changed by a switch of CSBA, and a full thread may have a single such question.
    """
    bearing = [
        fact
        for fact in facts
        if type(fact) is not MessageReceived or (fact.routed_to == "csba" and fact.from_role == "buyer")
    ]
    view = ThreadView(thread_id, bearing, were)
    stood = [duty for message in view.received for duty in _csba_reply(view, message)]
    view.switch_offs = are
    return stood, [duty for message in view.received for duty in _csba_reply(view, message)]


def _duty(view: ThreadView, rule: str, message: MessageReceived, end: End | None, start_ms: int | None = None) -> Duty:
    return Duty(
        rule,
        f"{view.thread_id}/{message.message_id}",
        message.at_ms if start_ms is None else start_ms,
        end,
        message.order_id,
        marked_ms=view.marked_ms(message.message_id) if view.marks else None,
    )


def _is_sellers_question(message: MessageReceived) -> bool:
    """FBA buyers ask the seller only about the product (rules.md, buyer-message-reply)."""
    return message.program != "fba" or message.topic == "product"


def _reply(view: ThreadView, message: MessageReceived, obliged: str, reply_to: tuple[str, ...]) -> End | None:
    """The reply that leaves nobody of `reply_to` without one: of the earliest to each of them, the latest.

    A reply is not automatic, not before the message, and by the obliged role. SFP 2: "Respond to CS and the customer":
    by one message to both, or by one to each.
    """
    stop: MessageSent | None = None
    for role in reply_to:
        for sent in view.sent:
            if sent.at_ms >= message.at_ms and _answers(sent, obliged, role):
                break
        else:
            return None
        if stop is None or sent.when > stop.when:
            stop = sent
    return None if stop is None else End(stop.at_ms, ENDS_MET, stop.event_id, obliged)


def _answers(sent: MessageSent, obliged: str, role: str) -> bool:
    """An auto-reply is no reply (rules.md)."""
    return not sent.is_auto_reply and sent.from_role == obliged and role in sent.to_roles


def _csba_reply(view: ThreadView, message: MessageReceived) -> Iterator[Duty]:
    """CSBA: Amazon answers the buyer within 6 hours; switched off meanwhile, the seller has to answer himself.

    The first switch at or after the message counts; if csba had replied by then, nothing moves.
    """
    reply = _reply(view, message, "csba", ("buyer",))
    switch = next((off for off in view.switch_offs if off[0] >= message.at_ms), None)
    if switch is None or (reply is not None and reply.at_ms <= switch[0]):
        yield _duty(view, "csba-reply", message, reply)
        return
    yield _duty(view, "csba-reply", message, End(switch[0], ENDS_SUPERSEDED, switch[1], "program"))
    if _is_sellers_question(message):
        own = _reply(view, message, "seller", ("buyer",))
        yield _duty(view, "buyer-message-reply", message, own, start_ms=switch[0])


def _csba_answer(view: ThreadView) -> Duty | None:
    """CSBA: an answer within 48 hours to the seller's own question, which is the first message of its thread.

    Asked of a thread in which something was sent.
    """
    first = view.sent[0]
    if view.received and view.received[0].when < first.when:
        return None
    if first.from_role != "seller" or first.is_auto_reply or "csba" not in first.to_roles:
        return None
    answer = next((f for f in view.received if f.from_role == "csba" and f.at_ms >= first.at_ms), None)
    return Duty(
        "csba-answer",
        f"{view.thread_id}/{first.message_id}",
        first.at_ms,
        None if answer is None else End(answer.at_ms, ENDS_MET, answer.event_id, "csba"),
        first.order_id,
        marked_ms=view.marked_ms(first.message_id),
    )


def thread_violations(view: ThreadView) -> list[Violation]:
    """`csba_interference` (CSBA: the seller need not reply): the seller writes the buyer where csba was asked."""
    if not asks_csba(view.received):
        return []
    violations = []
    buyers = [fact for fact in view.received if fact.from_role == "buyer"]
    for sent in view.sent:
        if sent.from_role != "seller" or sent.is_auto_reply or "buyer" not in sent.to_roles:
            continue
        newest = None
        for fact in buyers:
            if fact.at_ms <= sent.at_ms:
                newest = fact
        if newest is None or newest.routed_to != "csba":
            continue
        if not any(newest.at_ms <= off_ms <= sent.at_ms for off_ms, _ in view.switch_offs):
            subject = f"{view.thread_id}/{sent.message_id}"
            violations.append(Violation("csba_interference", subject, sent.at_ms, sent.order_id))
    return violations


NEVER_MS: Final = 1 << 62
"""Later than any instant."""


def questions_to_csba(facts: list[ThreadFact]) -> list[tuple[int, int]]:
    """For each question that a buyer asked csba when it was asked, and when csba had answered it, if ever.

    A switch of CSBA after the answer changes no duty of the question.
    """
    asked = [
        fact.at_ms
        for fact in facts
        if type(fact) is MessageReceived and fact.routed_to == "csba" and fact.from_role == "buyer"
    ]
    if not asked:
        return []
    replies = [fact.at_ms for fact in _delivered(facts) if _answers(fact, "csba", "buyer")]
    return [(at_ms, next((ms for ms in replies if ms >= at_ms), NEVER_MS)) for at_ms in asked]


def asks_csba(facts: Sequence[ThreadFact]) -> bool:
    """Whether a switch of CSBA can matter to this thread."""
    for fact in facts:
        if type(fact) is MessageReceived and fact.routed_to == "csba" and fact.from_role == "buyer":
            return True
    return False
