"""The commands that go on by themselves: `dueclock source`. Parse, call, print."""

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.cli.options import Duration, with_settings
from agents.errors import UserError
from agents.files import read_text
from agents.settings import Settings

if TYPE_CHECKING:
    from agents.sources.sp_api import Keys
    from streams.sources.accounts import SourceAccount
    from streams.state import State

_SETTINGS = (
    "broker", "client_id", "topic_prefix", "policies_path", "zoneinfo_dir", "state_dir", "log_level", "log_format",
    "metrics_host", "metrics_port",
)  # fmt: skip
_LOCAL = ("localhost", "127.0.0.1", "::1")


@click.group(help="Sources that go on by themselves: each a process, each to Kafka.", short_help="Sources that go on.")
def source() -> None:
    """The group has no options of its own."""


@source.command()
@with_settings(*_SETTINGS)
@click.option("--seller", required=True, metavar="ID", help="The seller's id.")
@click.option("--marketplace", required=True, metavar="ID", help="The marketplace.")
@click.option("--host", required=True, metavar="HOST", help="The IMAP server.")
@click.option("--port", type=click.IntRange(1, 65535), default=993, show_default=True, metavar="N", help="Its port.")
@click.option("--user", required=True, metavar="NAME", help="Who reads.")
@click.option("--password-env", metavar="NAME", help="The variable that holds the password.")
@click.option("--password-file", metavar="FILE", help="The file that holds the password.")
@click.option("--token", "is_token", is_flag=True, help="It is a token (XOAUTH2): renew it in the file.")
@click.option("--no-tls", is_flag=True, help="Speak in the clear: to this machine alone.")
@click.option("--folder", default="INBOX", show_default=True, metavar="NAME", help="Where Amazon's mails come in.")
@click.option("--sent-folder", default="", metavar="NAME", help="The seller's Sent folder, for the replies.")
@click.option("--authserv-id", metavar="HOST", help="As in `dueclock ingest mail`.")
@click.option("--trust-all", is_flag=True, help="As in `dueclock ingest mail`.")
@click.option("--one-marketplace", is_flag=True, help="The mailbox gets mail of this marketplace alone.")
@click.option("--copies", is_flag=True, help="Amazon's copies of the seller's replies come in too.")
@click.option("--returns-program", type=click.Choice(["mfn", "sfp"]), help="Take returns too, all of this program.")
@click.option("--refunds-elsewhere", is_flag=True, help="Leave the refunds out: they come in another way.")
@click.option("--switch-refunds", is_flag=True, help="From now on take the account's refunds from the mail.")
@click.option("--poll", "poll_ms", type=Duration(), default="60s", show_default=True, metavar="DURATION", help="Look.")
@click.option("--once", is_flag=True, help="Read what is there, and end.")
def mailbox(settings: Settings, host: str, port: int, user: str, seller: str, marketplace: str, **flags: Any) -> int:
    """Read Amazon's mails as they come in. Nothing is marked as seen, moved or deleted.

    A mailbox of its own is best: Seller Central's notification preferences take more than one address. For messages the
    replies must be known too: --copies or --sent-folder. Mails count that --authserv-id vouches for.
    """
    from agents.logs import set_up_logging
    from agents.sources import imap
    from agents.sources.mailbox_source import MailboxSource, MailboxWish
    from agents.sources.passing_on import PassingOn, account_of, state_of, takes_refunds
    from streams.sources.mail_fields import MailWish

    if bool(flags["authserv_id"]) == flags["trust_all"]:
        raise UserError("Name the mailbox's host with --authserv-id, or say --trust-all and believe every sender.", 2)
    if flags["no_tls"] and host not in _LOCAL:
        raise UserError("--no-tls would send the password in the clear; it is for a server on this machine alone.", 2)
    password = _password(flags["password_env"], flags["password_file"])
    wish = MailboxWish(
        server=imap.Server(host, port, user, password, flags["is_token"], not flags["no_tls"]),
        folder=flags["folder"],
        sent_folder=flags["sent_folder"],
        authserv_id=flags["authserv_id"] or "",
        mail=MailWish(
            replies_watched=flags["copies"] or bool(flags["sent_folder"]),
            returns_program=flags["returns_program"],
            refunds_from_mail=not flags["refunds_elsewhere"]
            and takes_refunds(settings, f"{seller}/{marketplace}", "mail"),
            require_authentication=not flags["trust_all"],
            is_one_marketplaces=flags["one_marketplace"],
        ),
        poll_s=max(1.0, flags["poll_ms"] / 1000),
        is_once=flags["once"],
        switches_refunds=flags["switch_refunds"],
    )
    set_up_logging(settings.log_level, settings.log_format)
    state = state_of(settings)
    account = account_of(state, seller, marketplace)
    _warn("mailbox", account, state)
    MailboxSource(settings, account, PassingOn(settings, state, account), wish).run(_stopped_by_signal())
    return 0


def _warn(source_name: str, account: "SourceAccount", state: "State") -> None:
    """Say at the start where the policies do not wait for this source's news."""
    from agents.sources.delays import warning_of

    warning = warning_of(source_name, account, state, int(time.time() * 1000))
    if warning is not None:
        logging.getLogger("dueclock.sources").warning(warning)


def _password(variable: str | None, file: str | None) -> Callable[[], str]:
    """How the password is found out: anew each time, since a token is renewed."""
    if bool(variable) == bool(file):
        raise UserError("Say where the password is: --password-env NAME or --password-file FILE.", 2)

    def found() -> str:
        text = read_text(Path(file), "password file") if file else os.environ.get(variable or "", "")
        if not text.strip():
            raise UserError(f"There is no password in {file or variable}; put it there.", 2)
        return text.strip()

    found()
    return found


def _stopped_by_signal() -> Callable[[], bool]:
    """Whether SIGTERM or Ctrl-C has come: what is under way is finished first."""
    came: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: came.append(received))
    return lambda: bool(came)


@source.command("sp-api")
@with_settings(*_SETTINGS)
@click.option("--seller", required=True, metavar="ID", help="The seller's id.")
@click.option("--marketplace", required=True, metavar="ID", help="The marketplace.")
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), default="na", show_default=True, help="The endpoint.")
@click.option("--base", metavar="URL", hidden=True, help="Another endpoint.")
@click.option("--tokens-at", metavar="URL", hidden=True, help="Another place for tokens.")
@click.option("--keys-file", required=True, metavar="FILE", help="client_id, client_secret, refresh_token (TOML).")
@click.option("--refunds-elsewhere", is_flag=True, help="Leave the refunds out: they come in another way.")
@click.option("--switch-refunds", is_flag=True, help="From now on take the account's refunds from here.")
@click.option(
    "--every", "every_ms", type=Duration(), default="30m", show_default=True, metavar="DURATION", help="A pass."
)
@click.option(
    "--poll", "poll_ms", type=Duration(), default="30s", show_default=True, metavar="DURATION", help="A look."
)
@click.option("--once", is_flag=True, help="One pass, and end.")
def sp_api(settings: Settings, seller: str, marketplace: str, keys_file: str, **flags: Any) -> int:
    """Read returns, performance and refunds from the Selling Partner API, with the seller's own refresh token."""
    from agents.logs import set_up_logging
    from agents.sources.passing_on import PassingOn, account_of, state_of, takes_refunds
    from agents.sources.sp_api import REGIONS, TOKENS_AT
    from agents.sources.sp_api_source import SpApiWish, run_source

    wish = SpApiWish(
        base=flags["base"] or REGIONS[flags["region"]],
        tokens_at=flags["tokens_at"] or TOKENS_AT,
        keys=_keys(keys_file),
        every_s=flags["every_ms"] / 1000,
        poll_s=flags["poll_ms"] / 1000,
        is_once=flags["once"],
        takes_refunds=not flags["refunds_elsewhere"]
        and takes_refunds(settings, f"{seller}/{marketplace}", "transactions"),
        switches_refunds=flags["switch_refunds"],
    )
    set_up_logging(settings.log_level, settings.log_format)
    state = state_of(settings)
    account = account_of(state, seller, marketplace)
    _warn("sp-api", account, state)
    run_source(settings, account, PassingOn(settings, state, account), wish, _stopped_by_signal())
    return 0


@source.command()
@with_settings(*_SETTINGS)
@click.option("--seller", required=True, metavar="ID", help="The seller whose notifications come into the queue.")
@click.option("--marketplace", "marketplaces", required=True, multiple=True, metavar="ID", help="One (repeatable).")
@click.option("--queue", required=True, metavar="URL", help="The queue's address.")
@click.option("--aws-region", metavar="NAME", help="Its region, where its address does not say it.")
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), default="na", show_default=True, help="The endpoint.")
@click.option("--base", metavar="URL", hidden=True, help="Another endpoint.")
@click.option("--tokens-at", metavar="URL", hidden=True, help="Another place for tokens.")
@click.option("--keys-file", required=True, metavar="FILE", help="client_id, client_secret, refresh_token (TOML).")
@click.option("--refunds-elsewhere", is_flag=True, help="Leave the refunds out: they come in another way.")
@click.option("--switch-refunds", is_flag=True, help="From now on take the account's refunds from here.")
@click.option(
    "--hide-for",
    "hidden_ms",
    type=Duration(),
    default="15m",
    show_default=True,
    metavar="DURATION",
    help="How long a message that is being handled is kept from others; one that was not finished comes again.",
)
@click.option("--once", is_flag=True, help="Read what is there, and end.")
def sqs(settings: Settings, seller: str, marketplaces: tuple[str, ...], keys_file: str, **flags: Any) -> int:
    """Read what Amazon's notifications in a queue (SQS) tell to be ready: reports, and refunds of an order.

    They are triggers: nothing but `source sp-api` reads what nobody told of, so let that run too, every few hours.
    AWS's credentials are found as its own tools find them: a role, a file, variables.
    """
    from agents.logs import set_up_logging
    from agents.sources.passing_on import PassingOn, account_of, state_of, takes_refunds
    from agents.sources.sp_api import REGIONS, TOKENS_AT
    from agents.sources.sqs import region_of
    from agents.sources.sqs_source import Part, SqsSource, SqsWish

    wish = SqsWish(
        queue=flags["queue"],
        region=region_of(flags["queue"], flags["aws_region"]),
        hidden_s=max(1, flags["hidden_ms"] // 1000),
        base=flags["base"] or REGIONS[flags["region"]],
        tokens_at=flags["tokens_at"] or TOKENS_AT,
        keys=_keys(keys_file),
        is_once=flags["once"],
        switches_refunds=flags["switch_refunds"],
    )
    set_up_logging(settings.log_level, settings.log_format)
    state = state_of(settings)
    accounts = [account_of(state, seller, marketplace) for marketplace in dict.fromkeys(marketplaces)]
    for account in accounts:
        _warn("sqs", account, state)
    parts = [
        Part(
            account,
            PassingOn(settings, state, account),
            not flags["refunds_elsewhere"]
            and takes_refunds(settings, f"{seller}/{account.marketplace_id}", "transactions"),
        )
        for account in accounts
    ]
    SqsSource(settings, parts, wish).run(_stopped_by_signal())
    return 0


@source.command()
@with_settings()
@click.argument("name", metavar="NAME")
@click.option("--once", is_flag=True, help="Read what is there, and end.")
@click.pass_context
def run(ctx: click.Context, settings: Settings, name: str, once: bool) -> Any:
    """Run the source of this name: a table [[sources]] of the settings file, with the account that it names.

    Each is a process of its own. What a table says is what the flags of its kind say (`dueclock source KIND --help`).
    """
    from agents.cli.gateway import gateway
    from agents.source_tables import words_of

    found = {one.name: one for one in settings.sources}
    if name not in found:
        known = f"they are {', '.join(sorted(found))}" if found else "the settings file has no [[sources]]"
        raise UserError(f"There is no source {name!r}; {known}.", 2)
    kind, *words = words_of(found[name], settings.accounts)
    command = gateway if kind == "gateway" else source.commands[kind]
    if once and kind == "gateway":
        raise UserError("A gateway goes on until it is ended; leave --once out.", 2)
    with command.make_context(kind, [*words, *(["--once"] if once else [])], parent=ctx.parent) as inner:
        return command.invoke(inner)


def _keys(file: str) -> "Keys":
    """The application's keys, from a file that only its owner should read."""
    import tomllib

    from agents.sources.sp_api import Keys

    try:
        document = tomllib.loads(read_text(Path(file), "keys file"))
        return Keys(*(str(document[name]) for name in Keys._fields))
    except (tomllib.TOMLDecodeError, KeyError):
        raise UserError(
            f"The keys file {file} must say client_id, client_secret and refresh_token (TOML).", 2
        ) from None
