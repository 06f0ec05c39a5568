"""The commands for what comes by HTTP, and for what only people know: `dueclock gateway`, `dueclock notify`."""

import re
import time
from typing import Any

import click

from agents.cli.options import Instant, with_settings
from agents.errors import UserError
from agents.settings import Settings
from schemas.notifications import NOTIFICATION_TYPES, type_name

_LISTEN = re.compile(r"(?P<host>[^\s:/]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")
_SETTINGS = ("broker", "client_id", "topic_prefix", "policies_path", "zoneinfo_dir", "state_dir")


@click.command(short_help="Take notifications and carriers' webhooks over HTTP.")
@with_settings(*_SETTINGS, "log_level", "log_format", "metrics_host", "metrics_port")
@click.option("--listen", default="127.0.0.1:8480", show_default=True, metavar="HOST:PORT", help="0 is any free port.")
@click.option("--clients", required=True, metavar="FILE", help="Who may send what (TOML; the secrets elsewhere).")
def gateway(settings: Settings, listen: str, clients: str) -> int:
    """Take notifications, as CloudEvents or plain JSON, and deliveries of EasyPost, AfterShip, Shippo, ShipStation.

    It answers when Kafka has acknowledged. It listens on this machine alone: encryption is the business of the proxy
    in front of it. /openapi.json describes it.
    """
    from agents.logs import set_up_logging
    from agents.sources.serving import serve

    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65_535:
        raise UserError(f"{listen!r} is no HOST:PORT; say e.g. --listen 127.0.0.1:8480.", 2)
    set_up_logging(settings.log_level, settings.log_format)
    return serve(settings, found["host"].strip("[]"), int(found["port"]), clients)


@click.command(
    short_help="Send one notification by hand.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@with_settings(*_SETTINGS)
@click.argument("kind", type=click.Choice(sorted(map(type_name, NOTIFICATION_TYPES))), metavar="TYPE")
@click.option("--seller", required=True, metavar="ID", help="The seller's id.")
@click.option("--marketplace", required=True, metavar="ID", help="The marketplace.")
@click.option("--at", "at_ms", type=Instant(), metavar="INSTANT", help="When it happened (default: now).")
@click.option("--dry-run", "is_dry", is_flag=True, help="Send nothing; write what would be sent.")
@click.pass_context
def notify(
    ctx: click.Context, settings: Settings, kind: str, seller: str, marketplace: str, at_ms: int | None, is_dry: bool
) -> None:
    """Tell what only people know: evidence submitted, no response needed, a case opened.

    Each field of the notification is a flag: dueclock notify message.marked --seller S --marketplace M --message-id X
    --thread-id Y. A list is given with commas.
    """
    from agents.sources.by_hand import notification_of, send_by_hand

    now_ms = int(time.time() * 1000)
    account = {"seller_id": seller, "marketplace_id": marketplace}
    notification = notification_of(kind, account, _fields(ctx.args), now_ms if at_ms is None else at_ms)
    click.echo(send_by_hand(settings, notification, now_ms, is_dry=is_dry))


def _fields(arguments: list[str]) -> dict[str, str]:
    """`--message-id X` and `--message-id=X` as fields."""
    fields: dict[str, Any] = {}
    left = list(arguments)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("--") or not (equals or left):
            raise UserError(f"{name!r} is no field; a field is said as --message-id VALUE.", 2)
        fields[name.removeprefix("--").replace("-", "_")] = value if equals else left.pop(0)
    return fields
