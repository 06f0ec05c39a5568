"""What is made from the code in deploy/overlays: Strimzi's topics and users, as `dueclock` prints them."""

from __future__ import annotations

from collections.abc import Mapping

from agents.kafka.rights import Role, rights_of
from agents.kafka.strimzi import topics_text, user_text
from agents.settings import Settings
from tests.repository.tree import ROOT

OVERLAYS = ROOT / "deploy" / "overlays"
SETTINGS = Settings(partitions=12, replication=3)
USERS: Mapping[str, tuple[Role, str | None]] = {
    "dueclock-worker": ("worker", None),
    "dueclock-canary": ("producer", "buyer-message"),
    "dueclock-subscriber": ("subscriber", None),
    "dueclock-auditor": ("auditor", None),
    "dueclock-operator": ("operator", None),
}
_MADE = "# Made from the {what} by `python -m tests.docs.regenerate`: change the code, not this file.\n"


def manifests() -> dict[str, str]:
    """Each generated file below deploy/overlays, with its text."""
    users = "\n---\n".join(user_text(rights_of(role, SETTINGS, topic), name) for name, (role, topic) in USERS.items())
    return {
        "strimzi/topics.yaml": _MADE.format(what="registry") + topics_text(SETTINGS) + "\n",
        "strimzi/users.yaml": _MADE.format(what="roles") + users + "\n",
    }
