"""What Amazon's mails to sellers say, as tables: each phrase with its language and how certain it is.

[1] stands in fixtures or code of one public tool; [I] is our own translation of such a phrase, to be corrected by the
first real mail. A phrase that is in no table is counted, never guessed. Compared in small letters, blanks as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from schemas.fields import ClaimOutcome, MessageTopic, Program

Kind: TypeAlias = Literal["message", "copy", "return", "refund", "claim", "decision", "ignored"]

# `X-Space-Notification-Type`, the same in every language [T].
KINDS: Final[Mapping[str, Kind]] = {
    "BBC_MESSAGE_SENT_TO_MERCHANT": "message",
    "BBC_MESSAGE_CONFIRMATION_TO_MERCHANT": "copy",
    "RETURN_REQUEST": "return",
    "REFUND_ISSUED": "refund",
    "A_Z_CLAIM_RESPONDENT_NOTIFY": "claim",
    "A_Z_CLAIM_RESPONDENT_CLOSE": "decision",
    "BRC_SELLER_NOTIFICATION": "ignored",  # the buyer asks to cancel before shipping
    "BUYER_OPTED_OUT_BSM_MESSAGES": "ignored",
}

# Where a forwarding rule has removed the header: how the subject begins (en, de) [T for en, 1 for de].
SUBJECTS: Final[Mapping[str, Kind]] = {
    "return authorization request for order": "return",
    "return authorization notification for order": "return",
    "return authorisation request for order": "return",
    "return authorisation notification for order": "return",
    "refund initiated for order": "refund",
    "action required: claim received on order": "claim",
    "claim decision on order": "decision",
    "your e-mail to ": "copy",
    "ihre e-mail an ": "copy",
}

# The head of a buyer's subject (en [T], de [I]).
TOPICS: Final[Mapping[str, MessageTopic]] = {
    "return": "return",
    "rücksendung": "return",
    "order delivery": "delivery",
    "ship": "delivery",
    "lieferung": "delivery",
    "product": "product",
    "produkt": "product",
    "refund": "refund",
    "erstattung": "refund",
    "order": "order",
    "bestellung": "order",
}

IN_POLICY: Final[Mapping[str, bool]] = {
    "in policy": True,  # en [T]
    "out of policy": False,  # en [I]
    "reso previsto dalle politiche": True,  # it [1]
    "reso non previsto dalle politiche": False,  # it [I]
    "entspricht den richtlinien": True,  # de [I]
    "entspricht nicht den richtlinien": False,  # de [I]
    "conforme à la politique": True,  # fr [I]
    "non conforme à la politique": False,  # fr [I]
    "cumple la política": True,  # es [I]
    "no cumple la política": False,  # es [I]
}
AUTHORISED: Final = frozenset(
    {
        "automatically authorized by amazon",  # en [T]
        "automatically authorised by amazon",  # en-GB [I]
        "autorizzato automaticamente da amazon",  # it [1]
        "automatisch von amazon genehmigt",  # de [I]
        "autorisé automatiquement par amazon",  # fr [I]
        "autorizado automáticamente por amazon",  # es [I]
    }
)
TO_BE_AUTHORISED: Final = frozenset(
    {
        "requires your authorization",  # en [I]
        "in attesa di autorizzazione",  # it [I]
        "erfordert ihre genehmigung",  # de [I]
        "nécessite votre autorisation",  # fr [I]
        "requiere su autorización",  # es [I]
    }
)
ASKS_SUBJECT: Final = ("return authorization request", "return authorisation request")  # en [T]
NOTIFIES_SUBJECT: Final = ("return authorization notification", "return authorisation notification")  # en [T]

CARRIER_LABELS: Final = frozenset({"return carrier", "corriere spedizione di reso"})  # en [T], it [1]
TRACKING_LABELS: Final = frozenset({"tracking number", "numero di tracciamento"})  # en [T], it [1]

NETWORK_LABELS: Final = (
    "fulfilment network",  # en-GB [T]
    "fulfillment network",  # en [T]
    "rete logistica",  # it [1]
    "versandnetzwerk",  # de [I]
)
NETWORKS: Final[Mapping[str, Program]] = {
    "seller": "mfn",  # en [T]
    "merchant": "mfn",  # en [I]
    "amazon": "fba",  # en, it, de [T]
    "venditore": "mfn",  # it [I]
    "verkäufer": "mfn",  # de [I]
}
CURRENCIES: Final = (
    "USD", "CAD", "MXN", "BRL", "EUR", "GBP", "PLN", "SEK", "TRY", "JPY", "AUD", "SGD", "AED", "SAR", "EGP", "INR",
)  # fmt: skip

# Of a claim's first mail: one of these in subject or body asks nothing yet, one of the next asks for an answer.
NO_ACTION: Final = (
    "no action is needed",  # en [T]
    "no action is required",  # en [I]
    "non è necessario intraprendere alcuna azione",  # it [1]
    "keine maßnahmen erforderlich",  # de [I]
    "aucune action n'est requise",  # fr [I]
    "no es necesario que realice ninguna acción",  # es [I]
)
ACTION: Final = (
    "action required",  # en [T]
    "azione richiesta",  # it [I]
    "handlungsbedarf",  # de [I]
    "action requise",  # fr [I]
    "acción requerida",  # es [I]
)

# Of a claim's last mail. Amazon's money is a claim that the seller did not lose: these come first.
DECISIONS: Final[tuple[tuple[str, ClaimOutcome], ...]] = (
    ("in your favor", "denied"),  # en [T]
    ("in your favour", "denied"),  # en-GB [I]
    ("covered the cost", "denied"),  # en [T]
    ("should not be held responsible", "denied"),  # en [T]
    ("a suo favore", "denied"),  # it [I]
    ("zu ihren gunsten", "denied"),  # de [I]
    ("en votre faveur", "denied"),  # fr [I]
    ("a su favor", "denied"),  # es [I]
    ("we have granted the customer's claim", "granted"),  # en [T]
    ("hemos concedido una reclamación", "granted"),  # es [1]
    ("hemos concedido una reclamacion", "granted"),  # es, without accents [1]
    ("abbiamo accolto il reclamo", "granted"),  # it [I]
    ("dem antrag stattgegeben", "granted"),  # de [I]
    ("nous avons accepté la réclamation", "granted"),  # fr [I]
)

CHARGEBACK_OPENED: Final = "cb-seller-notification@amazon.com"  # [T]
CHARGEBACK_DECIDED: Final = "cb-seller-query@amazon.com"  # [T]; that its subject names a decision [I]
CHARGEBACK_WORD, DECISION_WORD = "chargeback", "decision"


def plain(text: str) -> str:
    """A text in small letters, its blanks as one, its apostrophes straight, its ends without colons and points."""
    return " ".join(text.lower().replace("\u2019", "'").split()).strip(" :.")


def is_in(phrases: Iterable[str], text: str) -> bool:
    """Whether one of the phrases stands in a plain text."""
    return any(phrase in text for phrase in phrases)
