"""A command leaves no core from before it reads its first file: every place that may name a secret is tried.

The file is a pipe here. A command that opens it waits for somebody to write, and meanwhile the system is asked what it
would leave behind. A setting, a member of a table or a flag that is new and names a secret's file is found, and has to
be tried too. Three are tried; with DUECLOCK_TEST_SECURED=all (`make secured`) all, and every command's settings file.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import psutil
import pytest

from agents import source_tables, subscriptions
from agents.board import readers
from agents.cli.options import Day, Duration, Instant
from agents.settings import Settings
from agents.sources import clients
from tests.broker.harness import wait_until
from tests.cli.command import environment
from tests.docs.command_pages import commands

IS_ALL = os.environ.get("DUECLOCK_TEST_SECURED") == "all"
_NAMES_A_SECRET = re.compile(r".*(?<!_ca)_(file|location)|.*_keytab|http_tls_\w+")
_FLAG_NAMES_A_SECRET = re.compile(r".*(password|secret|token|keys|clients|readers).*")
_PASSWORD = 'security_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "PLAIN"\nsasl_username = "x"\n'
_SHOP = ("--seller", "A1", "--marketplace", "ATVPDKIKX0DER")
_QUEUE = "https://sqs.eu-west-1.amazonaws.com/1/q"


class Reads(NamedTuple):
    """A command that reads a secret from PIPE: its words, its settings, and a file `beside`."""

    words: tuple[str, ...]
    settings: str = ""
    beside: str = ""


def _tls(more: str, words: tuple[str, ...] = ("topics", "check")) -> Reads:
    return Reads(words, f'security_protocol = "SSL"\n{more}\n')


def _delivery(kind: str, more: str) -> Reads:
    return Reads(("deliver",), f'[[deliveries]]\nname = "x"\nto = "{kind}"\n{more}\n')


def _client(more: str) -> Reads:
    return Reads(("gateway", "--clients", "beside"), beside=f"{more}\naccounts = ['A1/ATVPDKIKX0DER']\n")


_MAILBOX = ("source", "mailbox", *_SHOP, "--host", "localhost", "--user", "x", "--trust-all")
_SP_API = ("source", "sp-api", *_SHOP, "--keys-file", "PIPE")
_SQS = ("source", "sqs", *_SHOP, "--queue", _QUEUE, "--keys-file", "PIPE")
_TABLES = '[[accounts]]\nseller_id = "A1"\nmarketplace_id = "ATVPDKIKX0DER"\n[[sources]]\nname = "x"\n'
_ONE = 'account = "A1/ATVPDKIKX0DER"\nkeys_file = "PIPE"\n'

READS = {
    "ssl_certificate_location": _tls('ssl_certificate_location = "PIPE"'),
    "ssl_key_location": _tls('ssl_certificate_location = "beside"\nssl_key_location = "PIPE"'),
    "ssl_key_password_file": _tls('ssl_certificate_location = "beside"\nssl_key_password_file = "PIPE"'),
    "sasl_password_file": Reads(("topics", "check"), f'{_PASSWORD}sasl_password_file = "PIPE"\n'),
    "http_token_file": Reads(("clocks", "--worker", "http://127.0.0.1:1"), 'http_token_file = "PIPE"\n'),
    "http_tls_cert": Reads(("board", "--port", "0"), 'http_tls_cert = "PIPE"\nhttp_tls_key = "beside"\n'),
    "http_tls_key": Reads(("board", "--port", "0"), 'http_tls_cert = "CERTIFICATE"\nhttp_tls_key = "PIPE"\n'),
    "Webhook.url_file": _delivery("webhook", 'url_file = "PIPE"'),
    "Webhook.secret_file": _delivery("webhook", 'url = "https://a.example/"\nsecret_file = "PIPE"'),
    "Slack.url_file": _delivery("slack", 'url_file = "PIPE"'),
    "Teams.url_file": _delivery("teams", 'url_file = "PIPE"'),
    "PagerDuty.routing_key_file": _delivery("pagerduty", 'routing_key_file = "PIPE"'),
    "Mail.password_file": _delivery(
        "mail",
        'smtp = "a.example:587"\nusername = "x"\npassword_file = "PIPE"\nsender = "a@a.example"\n'
        'recipients = ["b@a.example"]',
    ),
    "Reader.token_file": Reads(
        ("board", "--port", "0", "--readers", "beside"),
        beside='[[readers]]\nname = "x"\naccounts = ["*"]\ntoken_file = "PIPE"\n',
    ),
    "board --readers": Reads(("board", "--port", "0", "--readers", "PIPE")),
    "Client.token_file": _client('[[clients]]\nname = "x"\ntoken_file = "PIPE"'),
    "Client.secret_file": _client('[[clients]]\nname = "x"\nsecret_file = "PIPE"'),
    "Hook.path_file": _client('[[hooks]]\nprovider = "shippo"\npath_file = "PIPE"'),
    "Hook.secret_file": _client('[[hooks]]\nprovider = "easypost"\npath_env = "HOOK_PATH"\nsecret_file = "PIPE"'),
    "Hook.keys_file": _client('[[hooks]]\nprovider = "shipstation"\npath_env = "HOOK_PATH"\nkeys_file = "PIPE"'),
    "gateway --clients": Reads(("gateway", "--clients", "PIPE")),
    "source mailbox --password-file": Reads((*_MAILBOX, "--password-file", "PIPE")),
    "source sp-api --keys-file": Reads(_SP_API),
    "source sqs --keys-file": Reads(_SQS),
    "MailboxTable.password_file": Reads(
        ("source", "run", "x"),
        _TABLES + 'kind = "mailbox"\naccount = "A1/ATVPDKIKX0DER"\nhost = "localhost"\nuser = "x"\ntrust_all = true\n'
        'password_file = "PIPE"\n',
    ),
    "SpApiTable.keys_file": Reads(("source", "run", "x"), f'{_TABLES}kind = "sp-api"\n{_ONE}'),
    "SqsTable.keys_file": Reads(
        ("source", "run", "x"),
        f'{_TABLES}kind = "sqs"\n{_ONE}queue = "{_QUEUE}"\n'.replace(
            'account = "A1/ATVPDKIKX0DER"', 'accounts = ["A1/ATVPDKIKX0DER"]'
        ),
    ),
}
ONLY_AT_THE_BROKER = {
    "sasl_oauthbearer_client_secret_file",
    "sasl_oauthbearer_token_file",
    "sasl_kerberos_keytab",
}
"""Read when a broker asks for a login (test_ways_in.py, test_kerberos.py), by any command that has settings."""
SOME = ("sasl_password_file", "Reader.token_file", "source sp-api --keys-file")


def places() -> set[str]:
    """All that may name the file of a secret: settings, members of tables, flags."""
    found = {name for name in Settings.__struct_fields__ if _NAMES_A_SECRET.fullmatch(name)}
    for module in (subscriptions, source_tables, readers, clients):
        for kind in vars(module).values():
            is_struct = (
                isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
            )
            if is_struct and not kind.__subclasses__():
                found |= {f"{kind.__name__}.{name}" for name in kind.__struct_fields__ if name.endswith("_file")}
    for typed, command in commands():
        for option in command.params:
            if (
                isinstance(option, click.Option)
                and option.metavar == "FILE"
                and _FLAG_NAMES_A_SECRET.fullmatch(option.name or "")
            ):
                found.add(f"{typed.removeprefix('dueclock ')} {option.opts[0]}")
    return found


def with_settings() -> Iterator[tuple[str, ...]]:
    """The words of each command that has settings, with something for what it demands."""
    for typed, command in commands():
        if typed == "dueclock source run" or any(option.name in ("broker", "state_dir") for option in command.params):
            words = typed.split()[1:]
            for option in command.params:
                if option.required:
                    words += [option.opts[0], _any(option)] if isinstance(option, click.Option) else [_any(option)]
            yield tuple(words)


def _any(option: click.Parameter) -> str:
    kind = option.type
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, Day | Instant):
        return "2026-02-03T00:00:00Z"
    return "1h" if isinstance(kind, Duration) else "1"


@contextmanager
def stopped_at(pipe: Path, words: tuple[str, ...], folder: Path) -> Iterator[psutil.Process]:
    """The command while it waits to read the pipe. It began where cores are left."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)

    def leave_cores() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))

    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "agents", *words],
            cwd=folder,
            env=environment(HOOK_PATH="a-path-that-nobody-guesses"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=leave_cores,  # noqa: PLW1509 - nothing else of this process runs while it starts
        )
    opened: list[int] = []

    def is_read() -> bool:
        assert process.poll() is None, f"it has ended and never read it: {said.read_text()}"
        try:
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False  # nobody reads it yet
        return True

    try:
        wait_until(is_read, lambda: f"{words} to read {pipe}: {said.read_text()}", within_s=30)
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait(10)
        for one in opened:
            os.close(one)


def leaves_no_core_at(pipe: Path, words: tuple[str, ...], folder: Path) -> None:
    with stopped_at(pipe, words, folder) as process:
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_each_place_that_may_name_a_secrets_file_is_tried() -> None:
    assert places() == READS.keys() | ONLY_AT_THE_BROKER


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="this system lets nobody leave a core, so nothing shows"
)
@pytest.mark.parametrize("place", READS if IS_ALL else SOME)
def test_a_command_that_reads_a_secret_leaves_no_core(tmp_path: Path, place: str) -> None:
    reads = READS[place]
    pipe, own = tmp_path / "pipe", {"PIPE": str(tmp_path / "pipe"), "CERTIFICATE": str(tmp_path / "certificate")}
    os.mkfifo(pipe, 0o600)
    if "CERTIFICATE" in reads.settings:
        from deploy.embedded_certificates import Authority

        (tmp_path / "certificate").write_text(Authority().issue("x", ["localhost"]).certificate)

    def filled(text: str) -> str:
        for name, path in own.items():
            text = text.replace(name, path)
        return text

    (tmp_path / "beside").write_text(filled(reads.beside))
    (tmp_path / "dueclock.toml").write_text(f'broker = "127.0.0.1:1"\n{filled(reads.settings)}')
    leaves_no_core_at(pipe, tuple(map(filled, reads.words)), tmp_path)


@pytest.mark.skipif(not IS_ALL, reason="it starts every command: make secured runs it")
@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="this system lets nobody leave a core, so nothing shows"
)
@pytest.mark.parametrize("words", list(with_settings()), ids=lambda words: " ".join(words[:2]))
def test_a_command_leaves_no_core_when_it_reads_its_settings(tmp_path: Path, words: tuple[str, ...]) -> None:
    """They may hold a password themselves."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    leaves_no_core_at(pipe, ("--settings", str(pipe), *words), tmp_path)
