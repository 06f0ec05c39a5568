"""The commands that read what a seller has: `dueclock ingest`. Parse, call, print."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agents.cli.options import with_settings
from agents.errors import UserError
from agents.settings import Settings

if TYPE_CHECKING:
    from agents.sources.harvest import Harvest
    from agents.sources.ingest import Wish
    from streams.sources.accounts import SourceAccount
    from streams.sources.findings import Mapped
    from streams.state import State

Command = TypeVar("Command", bound=Callable[..., Any])

_ID = re.compile(r"[A-Za-z0-9._:@=+-]{1,64}", re.ASCII)
_SETTINGS = ("broker", "client_id", "topic_prefix", "policies_path", "zoneinfo_dir", "state_dir")


@click.group(
    help="Files that a seller has, as notifications: to Kafka, or to a file of JSON lines for `dueclock replay`.",
    short_help="Files that a seller has, as notifications.",
)
def ingest() -> None:
    """The group has no options of its own."""


def for_account(command: Command) -> Command:
    """The flags that every kind of file has."""
    for option in (
        click.option("--strict", is_flag=True, help="Exit status 1 if something was not recognised."),
        click.option("--json", "as_json", is_flag=True, help="For scripts."),
        click.option("--explain", "explains", is_flag=True, help="Say of each entry what it became, or why nothing."),
        click.option("--dry-run", "is_dry", is_flag=True, help="Send and write nothing; say what would be new."),
        click.option(
            "--output", metavar="FILE", help="JSON lines into FILE, - is standard output (default: to Kafka)."
        ),
        click.option("--marketplace", required=True, metavar="ID", help="The marketplace, e.g. ATVPDKIKX0DER."),
        click.option("--seller", required=True, metavar="ID", help="The seller's id, e.g. A1SELLEREXAMPLE."),
    ):
        command = option(command)
    return command


def wish_of(flags: dict[str, Any], *, switches_refunds: bool = False) -> "Wish":
    """The `Wish` of these flags."""
    from agents.sources.ingest import Wish

    for flag in ("seller", "marketplace"):
        if not _ID.fullmatch(flags[flag]):
            raise UserError(f"{flags[flag]!r} is no id; give --{flag} as Seller Central shows it.", 2)
    return Wish(
        seller=flags["seller"],
        marketplace=flags["marketplace"],
        output=flags["output"],
        is_dry=flags["is_dry"],
        explains=flags["explains"],
        as_json=flags["as_json"],
        is_strict=flags["strict"],
        switches_refunds=switches_refunds,
    )


_files = click.argument("files", nargs=-1, required=True, metavar="FILE...")
_switch = click.option(
    "--switch-refunds", is_flag=True, help="From now on take the account's refunds from this kind of file."
)


@ingest.command("returns-report")
@with_settings(*_SETTINGS)
@_files
@for_account
@click.option("--refunds", metavar="FILE", help="The refunds beside it: a settlement, or finances transactions.")
@click.option("--refunds-known", is_flag=True, help="The account's refunds come in another way.")
@_switch
def returns_report(
    settings: Settings,
    files: tuple[str, ...],
    refunds: str | None,
    refunds_known: bool,
    switch_refunds: bool,
    **flags: Any,
) -> int:
    """Read returns reports of seller-fulfilled orders, tab-separated or XML, also packed (- is standard input).

    A report knows no refund's time. So a return that it shows as refunded starts no clock, unless --refunds holds a
    refund of its order, or --refunds-known says that Kafka has it from elsewhere.
    """
    from agents.sources.day_only import early_requests
    from agents.sources.ingest import Gathered, ingest
    from agents.sources.passing_on import takes_refunds
    from agents.sources.reports import orders_refunded, refunds_of, returns_reports

    if refunds is not None and refunds_known:
        raise UserError("Take --refunds or --refunds-known, not both.", 2)

    def gather(account: "SourceAccount", now_ms: int | None) -> Gathered:
        source, beside = ("", []) if refunds is None else refunds_of(refunds, account)
        is_taken = takes_refunds(settings, f"{account.seller_id}/{account.marketplace_id}", source)
        orders = None if refunds_known else orders_refunded(beside if is_taken else [])
        mapped = returns_reports(files, account, refunded_orders=orders, seen_ms=now_ms)

        def hints(found: "Harvest", state: "State") -> list[str]:
            return [*_held_back(found), *_early(early_requests(mapped, account, state))]

        return Gathered([*mapped, *beside], source, hints)

    return ingest(settings, wish_of(flags, switches_refunds=switch_refunds), gather)


def _early(count: int) -> list[str]:
    """The sentence on requests that a tab report dates by their day."""
    if not count:
        return []
    return [
        (
            f"{count:,} request{'s wait' if count > 1 else ' waits'} for the seller, and a tab report knows only the "
            'day: a breach may be declared up to a day early; give the XML report too, or set confirm_after = "24h" on '
            "return-response in the policies."
        )
    ]


def _held_back(found: "Harvest") -> list[str]:
    """The sentence that a report alone must say."""
    count = found.reasons["refunded_when_unknown"]
    if not count:
        return []
    returns = "1 return has" if count == 1 else f"{count:,} returns have"
    return [
        (
            f"{returns} been refunded at a time that a returns report does not know, and no clock was started for "
            f"{'it' if count == 1 else 'them'}; --refunds FILE takes a settlement or transactions that know it."
        )
    ]


@ingest.command("performance-report")
@with_settings(*_SETTINGS)
@_files
@for_account
def performance_report(settings: Settings, files: tuple[str, ...], **flags: Any) -> int:
    """Read seller performance reports (JSON): the order defect rate as Amazon reports it."""
    from agents.sources.ingest import Gathered, ingest
    from agents.sources.reports import performance_reports

    def gather(account: "SourceAccount", now_ms: int | None) -> Gathered:
        return Gathered(performance_reports(files, account, read_ms=now_ms))

    return ingest(settings, wish_of(flags), gather)


@ingest.command()
@with_settings(*_SETTINGS)
@_files
@for_account
@_switch
def settlement(settings: Settings, files: tuple[str, ...], switch_refunds: bool, **flags: Any) -> int:
    """Read settlements (flat file V2): the refunds in them, days after they were made."""
    from agents.sources.reports import SETTLEMENT, settlements

    return _refunds(settings, files, SETTLEMENT, settlements, switch_refunds, flags)


@ingest.command()
@with_settings(*_SETTINGS)
@_files
@for_account
@_switch
def transactions(settings: Settings, files: tuple[str, ...], switch_refunds: bool, **flags: Any) -> int:
    """Read finances transactions (JSON, API 2024-06-19; pages one a file or one a line): the refunds in them."""
    from agents.sources.reports import TRANSACTIONS
    from agents.sources.reports import transactions as read

    return _refunds(settings, files, TRANSACTIONS, read, switch_refunds, flags)


def _refunds(
    settings: Settings,
    files: Sequence[str],
    source: str,
    read: Callable[[Sequence[str], "SourceAccount"], "list[Mapped]"],
    switch_refunds: bool,
    flags: dict[str, Any],
) -> int:
    from agents.sources.delays import warning_of
    from agents.sources.ingest import Gathered, ingest

    def gather(account: "SourceAccount", now_ms: int | None) -> Gathered:
        def hints(_: "Harvest", state: "State") -> list[str]:
            """A file is judged as a whole, and late; what goes to Kafka is judged as it comes."""
            warning = None if now_ms is None else warning_of(source, account, state, now_ms)
            return [] if warning is None else [warning]

        return Gathered(read(files, account), source, hints)

    return ingest(settings, wish_of(flags, switches_refunds=switch_refunds), gather)


@ingest.command()
@with_settings(*_SETTINGS)
@_files
@for_account
@click.option(
    "--authserv-id", metavar="HOST", help="The name under which the mailbox's host says who sent a mail (see below)."
)
@click.option("--trust-all", is_flag=True, help="Believe mails of any sender: for a host that checks none.")
@click.option("--one-marketplace", is_flag=True, help="The mailbox gets mail of this marketplace alone.")
@click.option("--copies", is_flag=True, help="Amazon's copies of the seller's replies are among the mails.")
@click.option("--sent", multiple=True, metavar="FILE", help="Mails of the seller's Sent folder (repeatable).")
@click.option("--returns-program", type=click.Choice(["mfn", "sfp"]), help="Take returns too, all of this program.")
@click.option("--refunds-elsewhere", is_flag=True, help="Leave the refunds out: they come in another way.")
@_switch
def mail(
    settings: Settings,
    files: tuple[str, ...],
    authserv_id: str | None,
    trust_all: bool,
    sent: tuple[str, ...],
    switch_refunds: bool,
    **flags: Any,
) -> int:
    """Read Amazon's mails to the seller: .eml files, or an mbox.

    Anybody can write a mail that looks like Amazon's. So only those count that the mailbox's own host vouches for, in
    its header Authentication-Results: name it as that header does first, e.g. --authserv-id mx.google.com.

    Buyers' messages start clocks that only replies stop. They are taken where replies are known too: with --copies, or
    with --sent.
    """
    from agents.sources.ingest import Gathered, ingest
    from agents.sources.reports import MAIL, mails
    from streams.sources.mail_fields import MailWish

    if bool(authserv_id) == trust_all:
        raise UserError(
            "Name the mailbox's host with --authserv-id, as its header Authentication-Results begins, or say "
            "--trust-all and believe every sender.",
            2,
        )
    wish = MailWish(
        replies_watched=flags["copies"] or bool(sent),
        returns_program=flags["returns_program"],
        refunds_from_mail=not flags["refunds_elsewhere"],
        require_authentication=not trust_all,
        is_one_marketplaces=flags["one_marketplace"],
    )

    def gather(account: "SourceAccount", now_ms: int | None) -> Gathered:
        del now_ms  # each mail brings its own time
        return Gathered(mails(files, sent, account, wish, authserv_id=authserv_id or ""), MAIL, _unwatched)

    return ingest(settings, wish_of(flags, switches_refunds=switch_refunds), gather)


def _unwatched(found: "Harvest", _: "State") -> list[str]:
    """Why buyers' messages were not taken."""
    if not found.reasons["replies_unwatched"]:
        return []
    return [
        (
            "Messages were left out, since no reply would ever stop their clocks; have Amazon send copies of your "
            "replies and say --copies, or give the mails of your Sent folder with --sent."
        )
    ]
