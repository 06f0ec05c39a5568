"""`[[accounts]]` and `[[sources]]`: what is refused, and that `dueclock source run` is the command of the table."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import click
import pytest

from agents.cli.gateway import gateway
from agents.cli.source import source
from agents.errors import UserError
from agents.settings import Settings, load_settings
from agents.source_tables import SOURCE_TABLES, words_of
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live
from tests.cli.command import Ended, sentence_of
from tests.sources import test_mailbox_source as mailbox
from tests.sources.fake_api import FakeApi, api
from tests.sources.here import dueclock_here
from tests.sources.mailbox import HOST
from tests.sources.samples import LAMP, SELLER, US, changed, tab_file, transaction
from tests.sources.test_gateway import TOKEN, Served, evidence
from tests.sources.test_ingest_to_kafka import TODAY, days_ago
from tests.sources.test_mailbox_source import server
from tests.sources.test_sp_api import ALL, types

__all__ = ["api", "make_live", "server"]

ACCOUNT = f'[[accounts]]\nseller_id = "{SELLER}"\nmarketplace_id = "{US}"\n'
MAILBOX = f"""
[[sources]]
kind = "mailbox"
name = "post"
account = "{SELLER}/{US}"
host = "127.0.0.1"
user = "demouser"
"""
API = f"""
[[sources]]
kind = "sp-api"
name = "returns"
account = "{SELLER}/{US}"
keys_file = "keys.toml"
poll = "0s"
"""
SQS = f"""
[[sources]]
kind = "sqs"
name = "queue"
accounts = ["{SELLER}/{US}", "{SELLER}/A2EUQ1WTGCTBG2"]
queue = "https://sqs.us-east-1.amazonaws.com/123456789012/notifications"
keys_file = "keys.toml"
"""
GATEWAY = '\n[[sources]]\nkind = "gateway"\nname = "door"\nclients = "clients.toml"\nlisten = "127.0.0.1:0"\n'
CANADA = f'[[accounts]]\nseller_id = "{SELLER}"\nmarketplace_id = "A2EUQ1WTGCTBG2"\n'


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "dueclock.toml").write_text(text)
    return load_settings(path=str(folder / "dueclock.toml"), environ={})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ACCOUNT + MAILBOX.replace("host", "hots"), "a table contains unknown field `hots` (table 1)"),
        (ACCOUNT + MAILBOX + "port = '993'\n", "expected a whole number, got text (table 1, `port`)"),
        (ACCOUNT + MAILBOX + "poll = 'often'\n", "(table 1, `poll`)"),
        (ACCOUNT + MAILBOX.replace('kind = "mailbox"', ""), "missing required field `kind` (table 1)"),
        (ACCOUNT + MAILBOX.replace('"mailbox"', '"letters"'), "invalid value 'letters' (table 1, `kind`)"),
        (ACCOUNT + 'refunds = "letters"\n', "invalid choice 'letters' (table 1, `refunds`)"),
        (ACCOUNT + MAILBOX + MAILBOX, "two tables of [[sources]] are called 'post'"),
        (ACCOUNT + ACCOUNT, f"two tables of [[accounts]] are called '{SELLER}/{US}'"),
        (MAILBOX, f"the source 'post' is of the account {SELLER}/{US}, which no [[accounts]] has"),
        (ACCOUNT + 'returns = "mail"\nprograms = ["mfn", "sfp"]\n', "unless `programs` names exactly one"),
        (
            ACCOUNT + CANADA.replace(SELLER, "A2OTHER") + SQS.replace(f"{SELLER}/A2E", "A2OTHER/A2E"),
            "the source 'queue' names two sellers",
        ),
        ("sources = 1\n", "A wrong value for the setting 'sources'"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        settings_of(tmp_path, text)
    assert sentence in caught.value.sentence
    assert caught.value.exit_code == 2


def test_every_member_of_a_table_is_a_flag_of_its_command(tmp_path: Path) -> None:
    account = ACCOUNT + 'returns = "mail"\nprograms = ["sfp"]\n'
    told = settings_of(tmp_path, account + CANADA + MAILBOX + "copies = true\n" + API + SQS + GATEWAY)
    assert {type(one) for one in told.sources} == set(SOURCE_TABLES)
    for one in told.sources:
        kind, *words = words_of(one, told.accounts)
        command = gateway if kind == "gateway" else source.commands[kind]
        parsed = command.make_context(kind, words)
        assert parsed.params, kind
    post, _, queue, _ = (words_of(one, told.accounts) for one in told.sources)
    assert {"--copies", "--returns-program=sfp", "--metrics-port=0"} - set(post) == {"--metrics-port=0"}
    assert [word for word in queue if "marketplace" in word] == [
        f"--marketplace={US}",
        "--marketplace=A2EUQ1WTGCTBG2",
    ]


def test_every_member_has_a_flag(tmp_path: Path) -> None:
    for kind in SOURCE_TABLES:
        name = str(kind.__struct_config__.tag)
        command = gateway if name == "gateway" else source.commands[name]
        flags = {flag for option in command.params if isinstance(option, click.Option) for flag in option.opts}
        members = {f"--{one.replace('_', '-')}" for one in kind.__struct_fields__}
        assert members - {"--name", "--account", "--accounts"} <= flags


def test_a_source_without_a_table_is_named(tmp_path: Path) -> None:
    none = dueclock_here("source", "run", "post", folder=tmp_path)
    assert "There is no source 'post'; the settings file has no [[sources]]" in sentence_of(none)
    settings_of(tmp_path, ACCOUNT + MAILBOX + GATEWAY)
    other = dueclock_here("source", "run", "letters", folder=tmp_path)
    assert "There is no source 'letters'; they are door, post." in sentence_of(other)
    assert "A gateway goes on" in sentence_of(dueclock_here("source", "run", "door", "--once", folder=tmp_path))
    unsaid = dueclock_here("source", "run", "post", "--once", folder=tmp_path)
    assert "Name the mailbox's host" in sentence_of(unsaid)


def write_tables(live: Live, text: str) -> None:
    live.settings_file.write_text(live.settings_file.read_text() + text)


def run_once(live: Live, name: str) -> Ended:
    words = ("--settings", live.settings_file, "source", "run", name, "--once")
    return dueclock_here(*words, folder=live.folder)


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_an_accounts_refunds_come_from_where_its_table_says_by_every_way(
    make_live: MakeLive, server: mailbox.Server, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    (live.folder / "password").write_text("demopass\n")
    (live.folder / "keys.toml").write_text('client_id = "c"\nclient_secret = "s"\nrefresh_token = "refresh"\n')
    more = f'port = {server.port}\nno_tls = true\npassword_file = "password"\nauthserv_id = "{HOST}"\ncopies = true\n'
    there = f'base = "{api.url}"\ntokens_at = "{api.url}/token"\n'
    write_tables(live, ACCOUNT + 'refunds = "transactions"\n' + MAILBOX + more + API + there)
    server.put(
        mailbox.question(1), mailbox.amazons("REFUND_ISSUED", 2, f"refund 39.99 USD initiated – order {mailbox.ORDER}")
    )
    for name in ("post", "returns"):
        ended = run_once(live, name)
        assert ended.status == 0, ended.err
    assert types(live) == ALL
    (refund,) = [json.loads(record.value) for record in live.read("refund-issued")]
    assert refund["event_id"].startswith("tx:")
    # By hand, by HTTP and from a file the same holds.
    said = {"refund_id": "R1", "order_id": mailbox.ORDER, "issued_by": "seller", "amount": "1.00", "currency": "USD"}
    flags = [word for name, text in said.items() for word in (f"--{name.replace('_', '-')}", text)]
    account = ("--seller", SELLER, "--marketplace", US)
    by_hand = dueclock_here(
        "--settings", live.settings_file, "notify", "refund.issued", *account, *flags, folder=live.folder
    )
    assert "are taken from another source" in sentence_of(by_hand)
    served = Served(live.folder, live.settings_file)
    try:
        posted = {**evidence(), **said, "type": "refund.issued"}
        posted.pop("claim_id")
        answered = served.post(posted, Authorization=f"Bearer {TOKEN}")
        assert answered.json()["refused"] == [{"number": 0, "reason": "other_refund_source", "field": "type"}]
    finally:
        served.close()


@pytest.mark.broker
def test_a_return_whose_refund_another_source_tells_of_starts_no_clock_too_late(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    write_tables(live, ACCOUNT + 'refunds = "mail"\n')
    row = changed(LAMP, Return_request_date=days_ago(9), Return_delivery_date=days_ago(5), Refunded_Amount="39.99")
    (live.folder / "returns.txt").write_text(tab_file((row,)))
    (live.folder / "posted.json").write_text(
        json.dumps([transaction(postedDate=f"{TODAY - timedelta(days=2)}T09:22:10Z")])
    )
    ended = dueclock_here(
        "--settings", live.settings_file, "ingest", "returns-report", "returns.txt", "--refunds", "posted.json",
        "--seller", SELLER, "--marketplace", US, "--json", folder=live.folder,
    )  # fmt: skip
    assert ended.status == 0, ended.err
    left_out = {reason: one["count"] for reason, one in json.loads(ended.out)["left_out"].items()}
    assert left_out == {"other_refund_source": 1, "refunded_when_unknown": 1}
    assert types(live) == ["return.approved", "return.requested"]
