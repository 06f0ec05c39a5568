"""A month of a seller's mail and his returns reports, made up from a seed, and the ledger of what must come of them.

Four marketplaces, four languages, in Amazon's forms; every name, address, order and amount is invented. The ledger is
kept by the stories themselves, in words (`met`, `breached`), with no help from the code that is being proved: a story
answers within a day or after days, so that no calendar is needed to know which it is. One mail in twenty is forged, and
would change an outcome if it were believed; one in twenty is of no form that is known.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.sources.samples import HEADER, tab_file

HOST = "mx.seller.example"
SELLER = "A1SELLEREXAMPLE"


class Language(NamedTuple):
    """How Amazon speaks in one marketplace."""

    marketplace: str
    ending: str
    zone: str
    currency: str
    question: str
    copy: str
    refund: str
    refund_body: str
    network: str
    claim: str
    claim_body: str
    granted: str
    denied: str


LANGUAGES = (
    Language(
        "ATVPDKIKX0DER", "com", "America/Los_Angeles", "USD",
        "Return policy inquiry from Amazon customer {name} (Order: {order})", "Your e-mail to {name}",
        "refund {amount} {currency} initiated – order {order}", "We have sent {currency} {amount} to {name}.",
        "Fulfilment network", "Action required: Claim received on order {order}",
        "We received an A-to-z Guarantee claim of $39.99. You must respond within 3 calendar days.",
        "We have granted the customer's claim.", "We have closed the claim in your favor.",
    ),
    Language(
        "A1PA6795UKMFR9", "de", "Europe/Berlin", "EUR",
        "Frage von Amazon-Kunde {name} (Bestellung: {order})", "Ihre E-Mail an {name}",
        "Erstattung {amount} {currency} veranlasst – Bestellung {order}", "Wir haben {currency} {amount} erstattet.",
        "Versandnetzwerk", "Handlungsbedarf: Antrag zu Bestellung {order}",
        "Wir haben einen A-bis-z-Antrag erhalten. Antworten Sie innerhalb von 3 Kalendertagen.",
        "Wir haben dem Antrag stattgegeben.", "Wir haben zu Ihren Gunsten entschieden.",
    ),
    Language(
        "APJ6JRA9NG5V4", "it", "Europe/Rome", "EUR",
        "Messaggio dall'acquirente", "Il tuo messaggio per {name}",
        "rimborso {amount} {currency} avviato - ordine {order}", "Abbiamo rimborsato {currency} {amount}.",
        "Rete logistica di Amazon", "Azione richiesta: reclamo ricevuto per l’ordine {order}",
        "Abbiamo ricevuto un reclamo dalla A alla Z. Deve rispondere entro 3 giorni di calendario.",
        "Abbiamo accolto il reclamo.", "Abbiamo deciso a suo favore.",
    ),
    Language(
        "A1RKKUPIHCS9HS", "es", "Europe/Madrid", "EUR",
        "Consulta del cliente de Amazon {name} (Pedido: {order})", "Su correo para {name}",
        "reembolso {amount} {currency} iniciado – pedido {order}", "Hemos reembolsado {currency} {amount} a {name}.",
        "Red logística", "Acción requerida: reclamación del pedido {order}",
        "Hemos recibido una reclamación de la A a la Z. Responda en 3 días naturales.",
        "Hemos concedido una reclamación.", "Hemos decidido a su favor.",
    ),
)  # fmt: skip
NAMES = ("Jo Example", "Ana Muster", "Kim Invented", "Max Fictional", "Pia Nobody")


class Key(NamedTuple):
    """What a clock is known by here: its rule, and when and about what it started."""

    rule: str
    marketplace: str
    started_at: str
    order_id: str | None


def outcomes(events: Iterable[Mapping[str, Any]]) -> dict[Key, str]:
    """How each clock stands after all these events, told in the ledger's words."""
    clocks: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if event["type"].startswith("clock.") and event["type"] != "clock.escalated":
            clocks.setdefault(event["clock_id"], []).append(event)
    found: dict[Key, str] = {}
    for told in clocks.values():
        standing: list[Mapping[str, Any]] = []
        for event in sorted(told, key=lambda one: int(one["seq"])):
            if event["type"] == "clock.retracted":
                standing = [one for one in standing if one["output_id"] != event["retracts"]]
            else:
                standing.append(event)
        last = standing[-1]
        key = Key(last["rule"], last["marketplace_id"], last["started_at"], last.get("order_id"))
        found[key] = last["type"].removeprefix("clock.").replace("opened", "open")
    return found


class Mailbox(NamedTuple):
    """The made-up month. `sent` is the Sent folder; both are mboxes. `counts` says how many mails are of each sort."""

    received: bytes
    sent: bytes
    reports: dict[str, str]
    ledger: dict[Key, str]
    counts: Counter[str]
    personal: frozenset[str]


STORIES = int(os.environ.get("DUECLOCK_TEST_STORIES", "60"))
"""In each marketplace: about seven mails a story. `make sources` tells 300, two thousand mails; `make test` fewer."""


class Month:
    """Tells stories from a seed; the last of them begins five weeks before `today`."""

    def __init__(self, today: date, seed: int = 1, stories: int = STORIES) -> None:
        self._chance = random.Random(seed)
        self._first = datetime.combine(today - timedelta(days=66), datetime.min.time(), UTC)
        self._stories = stories
        self._received: list[EmailMessage] = []
        self._sent: list[EmailMessage] = []
        self._rows: dict[str, list[tuple[str, ...]]] = {language.marketplace: [] for language in LANGUAGES}
        self._ledger: dict[Key, str] = {}
        self._counts: Counter[str] = Counter()
        self._numbers = 0
        self._personal: set[str] = set(NAMES)

    def told(self) -> Mailbox:
        """All of it."""
        tellers: tuple[Callable[[Language], None], ...] = (
            self._question, self._question, self._question, self._return, self._return, self._claim, self._chargeback,
            self._other,
        )  # fmt: skip
        for language in LANGUAGES:
            for number in range(self._stories):
                tellers[number % len(tellers)](language)
        true = len(self._received) + len(self._sent)
        for _ in range(round(true / 18)):
            self._forged(self._chance.choice(LANGUAGES))
            self._unknown(self._chance.choice(LANGUAGES))
        self._chance.shuffle(self._received)
        reports = {name: tab_file(self._chance.sample(rows, len(rows))) for name, rows in self._rows.items()}
        return Mailbox(
            _mbox(self._received), _mbox(self._sent), reports, self._ledger, self._counts, frozenset(self._personal)
        )

    # --- stories -----------------------------------------------------------------------------------------------------

    def _question(self, language: Language) -> None:
        """A buyer asks; the seller answers in time, late or never."""
        order, at, name = self._order(), self._instant(), self._chance.choice(NAMES)
        has_token = self._chance.random() < 0.7
        asked = self._ask(language, order, at, name, has_token=has_token)
        named = order if "{order}" in language.question or not has_token else None
        outcome = self._chance.choice(("met", "met", "closed_late", "breached"))
        self._expect("buyer-message-reply", language, at, named, outcome)
        if outcome == "breached":
            return
        answered = at + timedelta(hours=self._chance.uniform(1, 20) if outcome == "met" else 60)
        if language.ending == "es":
            self._answer_from_the_sent_folder(language, asked, order, answered)
        else:
            self._copy(language, asked, order, answered, name, has_token=has_token)

    def _return(self, language: Language) -> None:
        """A return is asked for, arrives, and is refunded in time, late or never, or is only asked for."""
        order, is_prime = self._order(), self._chance.random() < 0.5
        zone = ZoneInfo(language.zone)
        asked_on = (self._instant() + timedelta(hours=12)).date()
        arrived_on = asked_on + timedelta(days=4)
        outcome = self._chance.choice(("met", "closed_late", "breached", "asked"))
        cells = {
            "Order ID": order,
            "Return request date": _report_date(asked_on),
            "Return request status": "Pending" if outcome == "asked" else "Approved",
            "Amazon RMA ID": f"D{self._number()}RRMA",
            "Label type": "AmazonPrePaidLabel",
            "Currency code": language.currency,
            "Is prime": "Y" if is_prime else "N",
            "Item Name": f"{self._chance.choice(NAMES)}'s lamp",
            "In policy": "Y",
            "Return Reason": "CR-DEFECTIVE",
            "Return quantity": "1",
            "Order Amount": "39.99",
            "Return delivery date": " " if outcome == "asked" else _report_date(arrived_on),
            "Refunded Amount": "39.99" if outcome in ("met", "closed_late") else " ",
        }
        self._rows[language.marketplace].append(tuple(cells.get(name, " ") for name in HEADER))
        asked_at = datetime.combine(asked_on, datetime.min.time(), zone)
        if not is_prime:
            ends = "breached" if outcome == "asked" else "exempt"
            self._expect("return-response", language, asked_at, order, ends)
        self._return_mail(language, order, asked_on)
        if outcome == "asked":
            return
        arrived_at = datetime.combine(arrived_on, datetime.min.time(), zone)
        self._expect("sfp-refund" if is_prime else "mfn-refund", language, arrived_at, order, outcome)
        if outcome != "breached":
            hours = self._chance.uniform(10, 22) if outcome == "met" else 24 * 15
            self._refund(language, order, arrived_at + timedelta(hours=hours))

    def _claim(self, language: Language) -> None:
        """A claim that needs an answer: decided in time, late or never. Lost, it may be appealed, and is not."""
        order, at = self._order(), self._instant()
        outcome = self._chance.choice(("exempt", "closed_late", "breached"))
        self._claim_mail(language, order, at)
        self._expect("a-to-z-evidence", language, at, order, outcome)
        if outcome == "breached":
            return
        decided = at + timedelta(hours=48 if outcome == "exempt" else 100)
        is_granted = self._chance.random() < 0.5
        body = language.granted if is_granted else language.denied
        mail = self._amazons(
            language, "A_Z_CLAIM_RESPONDENT_CLOSE", f"Claim decision on order {order}", decided, "atoz"
        )
        self._take(_with_html(mail, f"<p>{body}</p><p>{order}</p>"), "claim")
        if is_granted:
            self._expect("a-to-z-appeal", language, decided, order, "lapsed" if decided < self._lapsed_by else "open")

    def _chargeback(self, language: Language) -> None:
        """Only Amazon.com says from whom; a chargeback is decided in time or never."""
        if language.ending != "com":
            self._other(language)
            return
        order, at = self._order(), self._instant()
        outcome = self._chance.choice(("exempt", "breached"))
        mail = self._amazons(language, "", f"Chargeback dispute for order {order}", at, "cb-seller-notification")
        self._take(_with_html(mail, "<p>Please answer within 7 days.</p>"), "chargeback")
        self._expect("chargeback-answer", language, at, order, outcome)
        if outcome == "exempt":
            later = at + timedelta(days=3)
            decided = self._amazons(language, "", f"Funding decision for order {order}", later, "cb-seller-query")
            self._take(_with_html(decided, "<p>Decided.</p>"), "chargeback")

    def _other(self, language: Language) -> None:
        """Mails from which no duty follows."""
        order, at = self._order(), self._instant()
        kind = self._chance.choice(("BRC_SELLER_NOTIFICATION", "BUYER_OPTED_OUT_BSM_MESSAGES", "refund"))
        if kind == "refund":
            self._refund(language, order, at)
        else:
            mail = self._amazons(language, kind, f"About order {order}", at)
            self._take(_with_html(mail, f"<p>{order}</p>"), "ignored")

    def _forged(self, language: Language) -> None:
        """What would end a clock of the ledger, or start one, if anybody believed it."""
        open_ones = [key for key, outcome in self._ledger.items() if outcome == "breached" and key.order_id]
        key = self._chance.choice(open_ones)
        at = datetime.fromisoformat(key.started_at) + timedelta(hours=3)
        whose = next(one for one in LANGUAGES if one.marketplace == key.marketplace)
        assert key.order_id is not None
        before, counts = len(self._received), Counter(self._counts)
        if key.rule == "buyer-message-reply":
            self._answer_of_amazon(whose, key.order_id, at)
        elif key.rule in ("sfp-refund", "mfn-refund"):
            self._refund(whose, key.order_id, at)
        else:
            self._claim_mail(whose, self._order(), at)
        (mail,) = self._received[before:]
        _forge(mail, self._chance.choice(FORGERIES))
        self._counts = counts + Counter(forged=1)  # it is what it is, not what it looks like

    def _unknown(self, language: Language) -> None:
        """Forms that nobody has seen."""
        order, at = self._order(), self._instant()
        kind, subject, body = self._chance.choice(
            (
                ("SOMETHING_NEW_FOR_MERCHANT", f"About order {order}", "<p>Something new.</p>"),
                ("A_Z_CLAIM_RESPONDENT_NOTIFY", f"Reclamação do pedido {order}", "<p>Responda.</p>"),
                ("A_Z_CLAIM_RESPONDENT_CLOSE", f"Decisão do pedido {order}", "<p>Decidimos.</p>"),
                ("REFUND_ISSUED", f"estorno iniciado - pedido {order}", "<p>39,99</p>"),
                ("REFUND_ISSUED", "refund 39.99 USD initiated", "<p>no order</p>"),
                ("BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", "Seu e-mail", "<p>nothing to know it by</p>"),
            )
        )
        self._take(_with_html(self._amazons(language, kind, subject, at), body), "unknown")

    # --- mails -------------------------------------------------------------------------------------------------------

    def _ask(self, language: Language, order: str, at: datetime, name: str, *, has_token: bool) -> EmailMessage:
        relay = f"buyer{self._number()}@marketplace.amazon.{language.ending}"
        self._personal.add(relay.partition("@")[0])
        subject = language.question.format(name=name, order=order)
        mail = self._amazons(language, "BBC_MESSAGE_SENT_TO_MERCHANT", subject, at, f"{name} - Amazon <{relay}>")
        named = order if "{order}" in language.question or not has_token else "(before an order)"
        token = f"THREAD{self._number()}"
        link = f"https://sellercentral.amazon.{language.ending}/messaging/no-response-needed?t={token}&m=X"
        mail["X-Test-Token"] = token if has_token else ""
        mail.set_content(
            f"You have received a message.\nOrder ID {named}:\n1 of Example lamp\n"
            f"------------- Message: -------------\nWhere is it? Yours, {name}, 12 Example Road, 111-9999999-9999999\n"
            f"------------- End message -------------\n{link if has_token else ''}\n"
        )
        self._take(mail, "message")
        return mail

    def _copy(
        self, language: Language, asked: EmailMessage, order: str, at: datetime, name: str, *, has_token: bool
    ) -> None:
        mail = self._amazons(language, "BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", language.copy.format(name=name), at)
        link = f"https://sellercentral.amazon.{language.ending}/messaging/inbox?t={asked['X-Test-Token']}"
        body = f'<p>Hello {name}, it is on its way.</p><a href="{link}">x</a>' if has_token else f"<p>{order}</p>"
        self._take(_with_html(mail, body), "copy")

    def _answer_of_amazon(self, language: Language, order: str, at: datetime) -> None:
        mail = self._amazons(language, "BBC_MESSAGE_CONFIRMATION_TO_MERCHANT", language.copy.format(name="Jo"), at)
        self._take(_with_html(mail, f"<p>{order}</p>"), "")

    def _answer_from_the_sent_folder(self, language: Language, asked: EmailMessage, order: str, at: datetime) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"] = "Seller <seller@example.com>", str(asked["From"])
        mail["Subject"], mail["Date"] = f"Re: {order}", format_datetime(at)
        mail["Message-ID"] = f"<{self._number()}@example.com>"
        mail["In-Reply-To"] = str(asked["Message-ID"])
        mail.set_content("It is on its way.")
        self._sent.append(mail)
        self._counts["sent"] += 1

    def _return_mail(self, language: Language, order: str, asked_on: date) -> None:
        at = datetime.combine(asked_on, datetime.min.time(), UTC) + timedelta(hours=15)
        mail = self._amazons(language, "RETURN_REQUEST", f"Return authorization notification for order {order}", at)
        body = (
            f"<ul><li><b>Order ID:</b> {order}</li><li><b>Return request date:</b> {asked_on}</li>"
            "<li><b>Return policy check:</b> In policy</li><li><b>Authorization:</b> Automatically authorized by Amazon"
            "</li></ul><ul><li>Return carrier: USPS</li><li>Tracking number: 94000000001</li></ul>"
        )
        self._take(_with_html(mail, body), "return")

    def _refund(self, language: Language, order: str, at: datetime) -> None:
        said = {"amount": "39.99", "currency": language.currency, "order": order, "name": self._chance.choice(NAMES)}
        mail = self._amazons(language, "REFUND_ISSUED", language.refund.format(**said), at)
        body = f"<p>{language.refund_body.format(**said)}</p><p><b>{language.network}:</b> Seller</p>"
        self._take(_with_html(mail, body), "refund")

    def _claim_mail(self, language: Language, order: str, at: datetime) -> None:
        subject = language.claim.format(order=order)
        mail = self._amazons(language, "A_Z_CLAIM_RESPONDENT_NOTIFY", subject, at, "atoz")
        self._take(_with_html(mail, f"<p>{language.claim_body}</p>"), "claim")

    def _amazons(
        self, language: Language, kind: str, subject: str, at: datetime, sender: str = "donotreply"
    ) -> EmailMessage:
        senders = {
            "donotreply": "Amazon <donotreply@amazon.com>",
            "atoz": f"Amazon <atoz-guarantee-no-reply@amazon.{language.ending}>",
        }
        from_field = senders.get(sender, sender if "@" in sender else f"{sender}@amazon.com")
        domain = from_field.rpartition("@")[2].rstrip(">")
        mail = EmailMessage()
        mail["Authentication-Results"] = (
            f'{HOST}; dkim=pass (2048-bit key) header.i=@{domain} header.s=x header.b="aB+/1="; '
            "dkim=pass header.d=amazonses.com; spf=pass (ok) smtp.mailfrom=x.amazonses.com; "
            f"dmarc=pass header.from={domain}"
        )
        mail["From"], mail["To"], mail["Subject"] = from_field, "seller@example.com", subject
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{self._number():030}@us-east-1.amazonses.com>"
        mail["X-Marketplace-ID"] = language.marketplace
        if kind:
            mail["X-Space-Notification-Type"] = kind
        return mail

    def _take(self, mail: EmailMessage, sort: str) -> None:
        self._received.append(mail)
        if sort:
            self._counts[sort] += 1

    # --- what stories are made of ------------------------------------------------------------------------------------

    @property
    def _lapsed_by(self) -> datetime:
        return self._first + timedelta(days=30)

    def _expect(self, rule: str, language: Language, at: datetime, order: str | None, outcome: str) -> None:
        started_at = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        key = Key(rule, language.marketplace, started_at, order)
        assert key not in self._ledger, key
        self._ledger[key] = outcome

    def _instant(self) -> datetime:
        """A second of the month that no other story has."""
        return self._first + timedelta(seconds=self._number() * 1_000 % (25 * 86_400) + self._number() % 997)

    def _order(self) -> str:
        return f"111-{self._number():07}-{self._chance.randrange(10**7):07}"

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers


FORGERIES = ("other domain", "bad signature", "another host", "no results", "results in a quotation", "lookalike")


def _forge(mail: EmailMessage, how: str) -> None:
    results = str(mail["Authentication-Results"])
    del mail["Authentication-Results"]
    if how == "other domain":
        mail["Authentication-Results"] = f"{HOST}; dkim=pass header.d=evil.example; dmarc=fail header.from=amazon.com"
    elif how == "bad signature":
        mail["Authentication-Results"] = results.replace("=pass", "=fail")
    elif how == "another host":
        mail["Authentication-Results"] = f"{HOST}; dkim=none"
        mail["Authentication-Results"] = results.replace(HOST, "mx.evil.example")
    elif how == "results in a quotation":
        trick = '"x; dkim=pass header.d=amazon.com; y"@evil.example'
        mail["Authentication-Results"] = f"{HOST}; spf=pass smtp.mailfrom={trick}"
    elif how == "lookalike":
        sender = str(mail["From"]).replace("amazon.", "amazon.com.evil.example.", 1).rstrip(">") + ">"
        del mail["From"]
        mail["From"] = "Amazon <donotreply@amazon.com.evil.example>" if "<" not in sender else sender
        mail["Authentication-Results"] = f"{HOST}; dkim=pass header.d=amazon.com.evil.example"


def _with_html(mail: EmailMessage, body: str) -> EmailMessage:
    mail.set_content(
        f"<html><head><style>p{{}}</style></head><body>{body}</body></html>", subtype="html", cte="quoted-printable"
    )
    return mail


def _mbox(mails: list[EmailMessage]) -> bytes:
    return b"".join(
        b"From MAILER Thu Jan  1 00:00:00 1970\n" + one.as_bytes().replace(b"\nFrom ", b"\n>From ") + b"\n"
        for one in mails
    )


def _report_date(day: date) -> str:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day:02}-{months[day.month - 1]}-{day.year}"
