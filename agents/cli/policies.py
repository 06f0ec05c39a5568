"""What is in a policy file, in few words: for `dueclock policies check`."""

from collections.abc import Collection
from typing import TextIO

from agents.errors import UserError
from schemas.answers.operations import ListedVersion, PolicyFile
from schemas.codec import format_instant
from schemas.policies import load_policies
from schemas.policy_types import Policies, PolicyError, RuleVersion


def checked_policies(text: str, *, zone_names: Collection[str] | None = None) -> Policies:
    """The policies of a text; status 2 with the loader's sentence where it does not load.

    `zone_names` are those that its calendars may give their zones; None: those of the machine.
    """
    try:
        return load_policies(text, zone_names=zone_names)
    except PolicyError as error:
        raise UserError(str(error), 2) from None


def summary_of(policies: Policies) -> PolicyFile:
    """For scripts: the digest, and what is in the file by name."""
    return PolicyFile(
        digest=policies.digest,
        calendars=sorted(policies.calendars),
        marketplaces=dict(policies.marketplaces),
        accounts=dict(policies.accounts),
        rules={
            name: [ListedVersion(one.version, format_instant(one.effective_from_ms)) for one in versions]
            for name, versions in policies.rules.items()
        },
    )


def write_summary(policies: Policies, out: TextIO) -> None:
    """For people: one line for each rule's version, one for the rest."""
    for one in (one for versions in policies.rules.values() for one in versions):
        since = format_instant(one.effective_from_ms)[:10]
        print(f"{one.rule:<20} v{one.version}  from {since}  {_target(one)}", file=out)
    print(
        f"{len(policies.rules)} rules, {len(policies.calendars)} calendars, {len(policies.marketplaces)} marketplaces, "
        f"{len(policies.accounts)} accounts of their own; digest {policies.digest[:12]}",
        file=out,
    )


def _target(one: RuleVersion) -> str:
    where = "" if one.marketplaces is None else f" in {', '.join(sorted(one.marketplaces))}"
    return f"{one.target.in_words}, {one.obligor}, {one.on_due}{where}"
