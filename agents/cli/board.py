"""`dueclock board`: parse, call."""

import click

from agents.cli.options import with_settings
from agents.settings import Settings


@click.command(short_help="Show what is due in a browser.")
@with_settings("broker", "client_id", "topic_prefix", "state_dir", "snapshots", "archive", "log_level", "log_format")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8470, show_default=True, metavar="N", help="0 is any free port."
)
@click.option("--readers", default="", metavar="FILE", help="Who may look, and at whose clocks (TOML).")
@click.option("--stop-with-stdin", is_flag=True, hidden=True, help="Stop when standard input closes.")
def board(settings: Settings, host: str, port: int, readers: str, stop_with_stdin: bool) -> int:
    """Serve a web page of what is due: the queue, each clock's story, the day, the accounts' health.

    It reads the topics on the broker and asks no worker. On this machine alone whoever is here sees all; beyond it,
    or with --readers, whoever has a token, or whom a proxy names, sees the accounts that the file gives them. With the
    settings http_tls_cert and http_tls_key it speaks TLS.
    """
    from agents.board.serving import serve_board
    from agents.demo.process import stop_when_stdin_closes
    from agents.logs import set_up_logging

    if stop_with_stdin:
        stop_when_stdin_closes()
    set_up_logging(settings.log_level, settings.log_format)
    return serve_board(settings, host, port, readers, lambda words: click.echo(words, err=False))
