"""The command for who hears of what: `dueclock deliver`."""

import click

from agents.cli.options import with_settings
from agents.settings import Settings


@click.command(short_help="Send events to webhooks, mail, chat and PagerDuty.")
@with_settings(
    "broker",
    "group",
    "client_id",
    "topic_prefix",
    "state_dir",
    "metrics_host",
    "metrics_port",
    "log_level",
    "log_format",
)
@click.option("--only", "names", multiple=True, metavar="NAME", help="This delivery alone (repeatable; default: all).")
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    metavar="OUTPUT_ID",
    help="Pass this event over (repeatable): for one that its target will never take.",
)
def deliver(settings: Settings, names: tuple[str, ...], skipped: tuple[str, ...]) -> int:
    """Send events where the tables [[deliveries]] of the settings file say, each at least once.

    Events of a clock go in their order; what a target does not take is tried again until it does, and the deliveries
    to other targets go on. It runs until it is stopped; several may run at once and share the partitions.
    """
    from agents.delivering.life import deliver as run
    from agents.logs import set_up_logging

    set_up_logging(settings.log_level, settings.log_format)
    return run(settings, names, frozenset(skipped))
