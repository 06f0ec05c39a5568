"""What a story is told with: the beats, and the ids of one telling.

A story is a list of beats: which notification is sent how many seconds after the story begins. Half a second is an
hour (`rules.toml`). A beat happens when it is sent, unless its `happened_s` says that the news is late. What comes of a
story is not said there: the rules say it. Each story's first line says what a watcher should see.
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
        return self(sent_s, of_type, **{"order_id": self.order_id, "return_id": f"RET-{self.tag}", **fields})

    def refund(self, sent_s: float, /, **fields: object) -> Beat:
        """The refund, the seller's unless said otherwise."""
        money = {"amount": self.amount, "currency": CURRENCIES[self.marketplace_id]}
        ids = {"order_id": self.order_id, "refund_id": f"REF-{self.tag}"}
        return self(sent_s, "refund.issued", **{**ids, **money, "issued_by": "seller", **fields})

    def message(self, sent_s: float, /, **fields: object) -> Beat:
        """A message to the seller, the buyer's unless said otherwise."""
        return self.of_message(sent_s, "message.received", **{"from_role": "buyer", **fields})

    def of_message(self, sent_s: float, of_type: str, /, **fields: object) -> Beat:
        """Something about this story's message."""
        return self(sent_s, of_type, message_id=f"MSG-{self.tag}", thread_id=f"T-{self.tag}", **fields)

    def reply(self, sent_s: float, /, *to_roles: str, number: int = 1, **fields: object) -> Beat:
        """A message of the seller's, unless said otherwise."""
        return self.of_reply(sent_s, "message.sent", number=number, to_roles=list(to_roles), **fields)

    def of_reply(self, sent_s: float, of_type: str, /, *, number: int = 1, **fields: object) -> Beat:
        """Something about a reply of this story's."""
        return self(sent_s, of_type, message_id=f"REP-{self.tag}-{number}", thread_id=f"T-{self.tag}", **fields)

    def claim(self, sent_s: float, of_type: str, /, **fields: object) -> Beat:
        """Something about this story's claim."""
        return self(sent_s, of_type, order_id=self.order_id, claim_id=f"CLM-{self.tag}", **fields)

    def chargeback(self, sent_s: float, of_type: str, /) -> Beat:
        """Something about this story's chargeback."""
        return self(sent_s, of_type, order_id=self.order_id, chargeback_id=f"CHB-{self.tag}")

    def case(self, sent_s: float, of_type: str, /, *, number: int = 1, **fields: object) -> Beat:
        """Something about a support case."""
        return self(sent_s, of_type, case_id=f"CASE-{self.tag}-{number}", **fields)


Story = Callable[[Cast], Iterator[Beat]]
