"""Policy files for tests, written from a few pieces; what a test does not name is valid and plain."""

CALENDAR = """
[calendars.us]
timezone = "America/Los_Angeles"
weekend = ["sat", "sun"]
closed = [2026-01-01]
open = [2026-01-03]
covers = [2025-01-01, 2027-12-31]
"""

MARKETPLACE = """
[marketplaces.ATVPDKIKX0DER]
calendar = "us"
"""


def version_table(rule: str = "sfp-refund", **keys: str) -> str:
    """One `[[rules.…]]` table; a key given as the empty string is left out, underscores in names stay."""
    values = {
        "version": "1",
        "effective_from": "2015-01-01T00:00:00Z",
        "target": "{ business_days = 2 }",
        "obligor": '"seller"',
        **keys,
    }
    return "\n".join([f"[[rules.{rule}]]", *(f"{key} = {value}" for key, value in values.items() if value), ""])


def policy_text(*tables: str, calendar: str = CALENDAR, marketplace: str = MARKETPLACE) -> str:
    """A whole file: one calendar, one marketplace, and the tables given."""
    return "\n".join([calendar, marketplace, *tables])
