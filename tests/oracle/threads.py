"""Threads: who waits for whose answer, and who should not have written (rules.md; contract §3)."""

from .duties import Duty, End, Fact, Violation, of_type


def delivered(facts: list[Fact]) -> list[Fact]:
    """message.undelivered takes the message out of the facts."""
    lost = {f.get("message_id") for f in of_type(facts, "message.undelivered")}
    return [f for f in facts if f.type != "message.sent" or f.get("message_id") not in lost]


def replies(facts: list[Fact], message: Fact, role: str, to: str) -> list[Fact]:
    """By the obliged role, to that role, no auto-reply, not before the message; earliest first."""
    found = [
        f
        for f in of_type(facts, "message.sent")
        if (f.get("from_role") or "seller") == role
        and to in f.get("to_roles")
        and f.get("auto_reply") is not True
        and f.at >= message.at
    ]
    return sorted(found, key=lambda f: f.order)


def answer(facts: list[Fact], message: Fact, role: str, *to: str) -> list[End]:
    """The latest of the earliest replies to each, once every one has its own."""
    firsts = [replies(facts, message, role, each)[:1] for each in to]
    if not all(firsts):
        return []
    last = max((first[0] for first in firsts), key=lambda f: f.order)
    return [End(last.at, "met", last.event_id, role)]


def mark_of(facts: list[Fact], message_id: str) -> Fact | None:
    """The mark "no response needed", if the newest of marked and unmarked is one."""
    marks = [f for f in of_type(facts, "message.marked", "message.unmarked") if f.get("message_id") == message_id]
    newest = max(marks, key=lambda f: (f.at, f.event_id, f.type), default=None)
    return newest if newest is not None and newest.type == "message.marked" else None


def needs_seller(message: Fact) -> bool:
    """Program fba only with topic product."""
    return bool(message.get("program") != "fba" or message.get("topic") == "product")


def thread_duties(facts: list[Fact], switches_off: list[Fact]) -> list[Duty]:
    duties: list[Duty] = []
    facts = delivered(facts)

    def add(rule: str, message: Fact, start: int, ends: list[End]) -> None:
        message_id = message.get("message_id")
        subject = f"{message.get('thread_id')}/{message_id}"
        mark = mark_of(facts, message_id)
        duties.append(Duty(rule, subject, start, message.get("order_id"), tuple(ends), exempt=mark))

    messages = of_type(facts, "message.received", "message.sent")
    first = min(messages, key=lambda f: f.order, default=None)
    asked_csba = first is not None and is_question_to_csba(first)
    if first is not None and asked_csba:
        answers = [f for f in of_type(facts, "message.received") if f.get("from_role") == "csba" and f.at >= first.at]
        add("csba-answer", first, first.at, [End(f.at, "met", f.event_id, "csba") for f in answers])
    for message in of_type(facts, "message.received"):
        role = message.get("from_role")
        if role == "amazon_cs":
            add("cs-contact-reply", message, message.at, answer(facts, message, "seller", "amazon_cs", "buyer"))
        elif role == "csba" and not asked_csba:
            add("csba-inquiry-reply", message, message.at, answer(facts, message, "seller", "csba"))
        elif role == "buyer":
            from_seller = answer(facts, message, "seller", "buyer")
            if (message.get("routed_to") or "seller") == "seller":
                if needs_seller(message):
                    add("buyer-message-reply", message, message.at, from_seller)
                continue
            ends = answer(facts, message, "csba", "buyer")
            switch = switch_that_counts(message, ends, switches_off)
            if switch is not None:
                ends.append(End(switch.at, "superseded", switch.event_id, "program"))
                if needs_seller(message):
                    add("buyer-message-reply", message, switch.at, from_seller)
            add("csba-reply", message, message.at, ends)
    return duties


def is_question_to_csba(first: Fact) -> bool:
    return (
        first.type == "message.sent"
        and (first.get("from_role") or "seller") == "seller"
        and "csba" in first.get("to_roles")
        and first.get("auto_reply") is not True
    )


def switch_that_counts(message: Fact, csba_replies: list[End], switches_off: list[Fact]) -> Fact | None:
    """The first switch-off at or after the message; if csba had replied by then, nothing moves."""
    after = [s for s in switches_off if s.at >= message.at]
    switch = min(after, key=lambda s: s.order, default=None)
    if switch is None or any(reply.at <= switch.at for reply in csba_replies):
        return None
    return switch


def thread_violations(facts: list[Fact], switches_off: list[Fact]) -> list[Violation]:
    """csba_interference."""
    found = []
    facts = delivered(facts)
    for sent in of_type(facts, "message.sent"):
        if (sent.get("from_role") or "seller") != "seller" or sent.get("auto_reply") is True:
            continue
        if "buyer" not in sent.get("to_roles"):
            continue
        earlier = [f for f in of_type(facts, "message.received") if f.get("from_role") == "buyer" and f.at <= sent.at]
        newest = max(earlier, key=lambda f: f.order, default=None)
        if newest is None or newest.get("routed_to") != "csba":
            continue
        if any(newest.at <= s.at <= sent.at for s in switches_off):
            continue
        subject = f"{sent.get('thread_id')}/{sent.get('message_id')}"
        found.append(Violation("csba_interference", subject, sent.at, sent.get("order_id")))
    return found
