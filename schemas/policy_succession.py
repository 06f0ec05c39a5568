"""Whether one set of policies may follow another that has been activated.

Promises: what was activated stays true. A version that clocks may be bound to neither changes nor disappears, and a
date that was covered for an account stays covered. Says nothing of the order of activations. Meaning: contract §5,
"a version once activated may not change, nor may coverage shrink".
"""

from schemas.policy_types import CalendarSpec, Policies, PolicyError


def check_successor(old: Policies, new: Policies) -> None:
    """PolicyError with one sentence if `new` may not be activated after `old`."""
    _check_versions(old, new)
    _check_calendars(old, new)
    for marketplace in old.marketplaces:
        _check_named(
            f"marketplace {marketplace}", old, old.marketplaces[marketplace], new, new.marketplaces.get(marketplace)
        )
    for account in sorted({*old.accounts, *new.accounts}):
        _check_named(f"account {account}", old, old.calendar_of(account), new, new.calendar_of(account))


def _check_versions(old: Policies, new: Policies) -> None:
    for rule, versions in old.rules.items():
        successors = {version.version: version for version in new.rules.get(rule, ())}
        for version in versions:
            successor = successors.get(version.version)
            if successor is None:
                raise PolicyError(
                    f"Version {version.version} of rule {rule} has been activated and is missing; put it back."
                )
            if successor != version:
                raise PolicyError(
                    f"Version {version.version} of rule {rule} has been activated and may not change; "
                    "put it back and write a new version."
                )


def _check_calendars(old: Policies, new: Policies) -> None:
    for name, calendar in old.calendars.items():
        if name not in new.calendars:
            raise PolicyError(f"Calendar {name} has been activated and is missing; put it back.")
        if not _spans(new.calendars[name], calendar):
            raise PolicyError(
                f"Calendar {name} has been activated with 'covers' from {calendar.covers[0]} to {calendar.covers[1]}, "
                "which may not shrink."
            )


def _check_named(who: str, old: Policies, before: str | None, new: Policies, after: str | None) -> None:
    if before is None:
        return
    if after is None:
        raise PolicyError(f"The {who} has had calendar {before} and may not lose it; name one for it.")
    if not _spans(new.calendars[after], old.calendars[before]):
        raise PolicyError(
            f"The {who} has had calendar {before}; calendar {after} covers less, which it may not: extend its 'covers'."
        )


def _spans(new: CalendarSpec, old: CalendarSpec) -> bool:
    return new.covers[0] <= old.covers[0] and old.covers[1] <= new.covers[1]
