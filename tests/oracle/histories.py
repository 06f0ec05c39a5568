"""Random histories in which facts collide: few accounts, orders, threads and cases, late and repeated news, edges.

`random_case(seed, lines)` is fast and plain; `cases()` and `histories()` give the same kind of histories to Hypothesis,
which can shrink them. A line is a dict ready to be dumped as JSON, or bytes that no dict can say.
"""

import copy
import hashlib
import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from . import agreements, instants, made_up_zones
from .admission import FIELDS
from .agreements import JP, US, Agreement
from .bodies import ORDERS, Bodies
from .spoiling import Line, dump, spoil, spoil_activation
from .zones import said_zone

ACCOUNTS = [("S-1", US), ("S-1", JP), ("S-3", US)]

# Beyond what calendars cover and zones say: 1971, 2023, 2029, 2035. Only a line that was accepted before may be so.
FAR = [31_536_000_000, 1_703_000_000_000, 1_861_000_000_000, 2_051_000_000_000]

# What a history is mostly about; the numbers are weights.
THEMES: list[dict[str, int]] = [
    {"receipt": 6, "refund": 9, "cancel_refund": 3, "return": 4, "question": 2, "safet": 1, "replacement": 1},
    {"receipt": 5, "refund": 2, "replacement": 6, "return": 2},
    {"receipt": 2, "return": 9, "refund": 3, "claim": 2, "cancel_refund": 1},
    {"received": 8, "sent": 7, "mark": 4, "undelivered": 3},
    {"cs": 5, "cs_sent": 9, "undelivered": 2, "mark": 1},
    {"csba": 7, "csba_sent": 5, "sent": 3, "switch": 4, "mark": 2, "received": 2, "undelivered": 3},
    {"case": 7, "activity": 7, "close": 6},
    {"claim": 8, "evidence": 4, "report": 3, "vacation": 1, "safet": 3, "refund": 3},
    {"claim": 3, "appeal": 6, "chargeback": 8},
    {"refund": 9, "safet": 4, "cancel_refund": 2, "receipt": 2, "return": 1, "received": 1},
    {
        "receipt": 4, "refund": 5, "cancel_refund": 2, "return": 5, "question": 3, "safet": 2, "received": 5, "sent": 5,
        "mark": 3, "csba": 3, "csba_sent": 3, "switch": 2, "case": 3, "activity": 4, "close": 2, "claim": 4,
        "evidence": 2, "report": 2, "vacation": 1, "replacement": 2, "undelivered": 2, "appeal": 3, "chargeback": 4,
    },
]  # fmt: skip


@dataclass
class Case:
    """`policies` is None where the first line, an activation, says them."""

    policies: str | None
    lines: list[Line]
    until_ms: int | None = None

    def raw(self) -> list[bytes]:
        return [dump(line) for line in self.lines]


def random_case(seed: int, lines: int) -> Case:
    """The same seed gives the same policies and lines on every machine."""
    return Teller(random.Random(seed)).tell(lines)


def random_history(seed: int, lines: int) -> list[bytes]:
    """A history for `plain_policies()`; it may activate others."""
    return Teller(random.Random(seed), plain=True).tell(lines).raw()


def plain_policies() -> str:
    return agreements.plain().toml()


@st.composite
def cases(draw: st.DrawFn, max_lines: int = 40, plain: bool = False) -> Case:
    rng = draw(st.randoms(use_true_random=False))
    case = Teller(rng, plain=plain).tell(draw(st.integers(1, max_lines)))
    # Zero leaves a line out: so Hypothesis shrinks by leaving lines out.
    case.lines = [line for line in case.lines if draw(st.integers(0, 24)) > 0]
    return case


def histories(max_lines: int = 40) -> st.SearchStrategy[list[Line]]:
    """Histories for `plain_policies()`."""
    return cases(max_lines, plain=True).map(lambda case: case.lines)


class Teller(Bodies):
    """Tells one history, line by line."""

    def __init__(self, rng: random.Random, plain: bool = False) -> None:
        self.rng = rng
        self.now = instants.beginning(rng)
        self.agreement: Agreement = agreements.plain() if plain else agreements.random_agreement(rng, self.now)
        self.policies: str | None = self.agreement.toml()
        self.zones = {name: made_up_zones.real(name) for name in agreements.ZONES.values()}  # what is in force
        self.known: list[int] = []  # instants of facts told
        self.told: list[dict[str, Any]] = []
        self.count = 0
        theme = dict(rng.choice(THEMES))
        if rng.random() < 0.2:
            theme.update(rng.choice(THEMES))
        self.theme = theme
        self.accounts = ACCOUNTS if rng.random() < 0.25 else [rng.choice(ACCOUNTS)]
        self.orders = ORDERS[: rng.choice([1, 1, 2])]
        self.lateness = rng.choice([0.15, 0.5, 0.8])
        self.pace = rng.choice([0.02, 0.06, 0.15, 0.4])
        self.bad = rng.choice([0.0, 0.0, 0.05])
        self.activations = rng.choice([0.0, 0.02, 0.1])
        self.begins_itself = not plain and rng.random() < 0.3

    def tell(self, lines: int) -> Case:
        first = [self.first()] if self.begins_itself else []
        told = [*first, *(self.line() for _ in range(lines - len(first)))]
        until = self.now + self.rng.randrange(9 * instants.DAY_MS) if self.rng.random() < 0.5 else None
        return Case(self.policies, told, until)

    # ------------------------------------------------------------ lines

    def line(self) -> Line:
        roll = self.rng.random()
        if roll < self.bad:
            return self.spoilt(self.fact())
        if roll < self.bad + self.activations:
            return self.activation()
        if roll < self.bad + self.activations + 0.12:
            return self.tick()
        if self.told and roll < self.bad + self.activations + 0.24:
            return self.repeat()
        return self.fact()

    def later(self) -> int:
        return instants.later(self.rng, self.now, self.known, list(self.zones.values()), self.pace)

    def tick(self) -> dict[str, Any]:
        at = self.later()
        self.now = max(self.now, at)
        name = self.rng.choice(["arrived_at", "arrived_at", "journaled_at"])
        return {"type": "time.tick", name: instants.text(self.rng, at)}

    def first(self) -> dict[str, Any]:
        """The history begins with its policies."""
        self.policies = None
        return self.activated(self.agreement, self.rng.random() < 0.7)

    def activation(self) -> Line:
        """Other policies, or the same with other zones."""
        self.now = self.later()
        if self.rng.random() < 0.05:
            return spoil_activation(self.rng, self.activated(copy.deepcopy(self.agreement), True))
        if self.rng.random() < 0.6:
            self.agreement = agreements.successor(self.rng, self.agreement, self.now)
        return self.activated(self.agreement, self.rng.random() < 0.65)

    def activated(self, agreement: Agreement, says_zones: bool) -> dict[str, Any]:
        rng = self.rng
        agreement.zones = agreements.renamed(rng) if says_zones else dict(agreements.ZONES)
        toml = agreement.toml()
        line = {
            "type": "policy.activated",
            rng.choice(["arrived_at", "arrived_at", "journaled_at"]): instants.text(rng, self.now),
            "digest": hashlib.sha256(toml.encode()).hexdigest(),
            "toml": toml,
            **self._maybe(0.3, logic=1),
        }
        if says_zones:
            line["zones"] = {name: self.pairs(name) for name in agreement.zones.values()}
            line["zones"].update(self._maybe(0.1, Unnamed=[[0, 0]]))
            self.zones = {name: said_zone(pairs) for name, pairs in line["zones"].items()}
        else:
            line.update(self._maybe(0.1, zones=self._one("", None)))
            self.zones = {name: made_up_zones.real(name) for name in agreement.zones.values()}
        return line

    def pairs(self, name: str) -> made_up_zones.Pairs:
        if name in agreements.ZONES.values() and self.rng.random() < 0.3:
            return made_up_zones.machines(name)
        return made_up_zones.made_up(self.rng, self.now)

    def fact(self) -> dict[str, Any]:
        families = sorted(self.theme)
        family = self.rng.choices(families, [self.theme[name] for name in families])[0]
        body = getattr(self, "_" + family)()
        self.count += 1
        absent = [name for name, _, is_required in FIELDS[body["type"]] if not is_required and name not in body]
        if absent:
            body.update(self._maybe(0.15, **{self.rng.choice(absent): self._one("", None)}))
        seller, marketplace = self.rng.choice(self.accounts)
        line = {
            "event_id": f"{self.rng.choice('kmz')}{self.count:03d}",
            **body,
            "seller_id": seller,
            "marketplace_id": marketplace,
        }
        self.told.append(line)
        return self.timed(line)

    def timed(self, line: dict[str, Any]) -> dict[str, Any]:
        """When it happened, and when the news came."""
        rng = self.rng
        arrived = self.later()
        occurred = (
            instants.earlier(rng, arrived, self.known, list(self.zones.values()))
            if rng.random() < self.lateness
            else arrived
        )
        if rng.random() < 0.02:
            occurred = arrived + rng.choice([1, 300_000, 300_001])
        is_journaled = rng.random() < 0.03
        if is_journaled and rng.random() < 0.1:
            occurred = rng.choice(FAR) + rng.randrange(instants.DAY_MS)
        line["occurred_at"] = instants.text(rng, occurred)
        if arrived != occurred or rng.random() < 0.1:
            line["journaled_at" if is_journaled else "arrived_at"] = instants.text(rng, arrived)
            line.update(self._maybe(0.05, **{"arrived_at" if is_journaled else "journaled_at": ""}))
        self.known.append(occurred)
        self.now = max(self.now, arrived)
        return dict(line)

    def repeat(self) -> dict[str, Any]:
        """The same fact once more: the same line, or another time, id or content under the same business key."""
        rng = self.rng
        line = dict(rng.choice(self.told[-12:]))
        original = line["occurred_at"]
        line.pop("arrived_at", None)
        line.pop("journaled_at", None)
        line = self.timed(line)
        if rng.random() < 0.4:
            line["occurred_at"] = original
            line.setdefault("arrived_at", instants.text(rng, self.now))
        if rng.random() < 0.5 and line["type"] != "account.metrics_reported":
            self.count += 1
            line["event_id"] = f"{rng.choice('akmz')}{self.count:03d}"
        if rng.random() < 0.3:
            fresh = {"refund.issued": self._refund, "return.received": self._receipt, "claim.opened": self._claim}
            body = fresh[line["type"]]() if line["type"] in fresh else {}
            line.update({name: value for name, value in body.items() if not name.endswith("_id") and name != "type"})
        self.told.append(line)
        return line

    def spoilt(self, line: dict[str, Any]) -> Line:
        return spoil(self.rng, line)
