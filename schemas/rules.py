"""The rules there are, one row for each: whose facts call for its clocks, what they are on, what they count for.

A policy file can name no other (rules.md): what opens and stops a rule is code, in the module of its matter under
`streams`; everything else that the program has to know of a rule stands here. How to add one: CONTRIBUTING.md.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

MatterKind: TypeAlias = Literal["order", "thread", "case", "evidence"]
Counted: TypeAlias = Literal["replies", "refunds"]


class Rule(NamedTuple):
    """What is known of a rule before any policy.

    `subject` is the form of its clocks' subjects (contract §3), which names the matter first; what stands in brackets
    is there where a receipt has an id. `counts_for`: whose counters of account health its clocks move (contract §6).
    `receipt_of`: the program whose receipts open it. `has_programs`: its versions name programs.
    """

    matter: MatterKind
    subject: str
    counts_for: Counted | None = None
    receipt_of: str | None = None
    has_programs: bool = False

    @property
    def subject_lengths(self) -> tuple[int, ...]:
        """How many ids a subject of this rule may have."""
        longest = self.subject.count("/") + 1
        return (longest - 1, longest) if "[" in self.subject else (longest,)


_RETURN: Final = "<order_id>/<return_id>[/<receipt_id>]"
_CLAIM: Final = "<order_id>/<claim_id>"
_MESSAGE: Final = "<thread_id>/<message_id>"

RULES: Final[dict[str, Rule]] = {
    "sfp-refund": Rule("order", _RETURN, "refunds", "sfp"),
    "csba-jp-refund": Rule("order", _RETURN, "refunds", "csba_jp"),
    "mfn-refund": Rule("order", _RETURN, "refunds", "mfn"),
    "buyer-message-reply": Rule("thread", _MESSAGE, "replies"),
    "cs-contact-reply": Rule("thread", _MESSAGE),
    "csba-inquiry-reply": Rule("thread", _MESSAGE),
    "csba-reply": Rule("thread", _MESSAGE),
    "csba-answer": Rule("thread", _MESSAGE),
    "return-response": Rule("order", "<order_id>/<return_id>"),
    "a-to-z-evidence": Rule("order", _CLAIM),
    "a-to-z-appeal": Rule("order", _CLAIM),
    "chargeback-answer": Rule("order", "<order_id>/<chargeback_id>"),
    "case-stalled": Rule("case", "<case_id>/<event_id of the step's first fact>"),
    "case-first-response": Rule("case", "<case_id>"),
    "case-resolution": Rule("case", "<case_id>"),
    "safe-t-window": Rule("order", "<order_id>/<refund_id>", has_programs=True),
}
"""In the order of rules.md."""

REFUND_RULES: Final = {rule.receipt_of: name for name, rule in RULES.items() if rule.receipt_of is not None}
"""Program of a return -> the rule that its receipt opens; `fba` owes nothing."""
