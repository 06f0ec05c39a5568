"""The tables `[[accounts]]` and `[[sources]]` of the settings file: whose facts come from where, and what reads them.

An account says which source its refunds and returns are taken from, for every command: one refund by two names would
count twice. A source is one process: `dueclock source run NAME`. Secrets are named by the file or the variable that
holds them, never written here. What is wrong is said when the settings are read, whoever reads them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@=+-]{1,64}$")]
AccountName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@=+-]{1,64}/[A-Za-z0-9._:@=+-]{1,64}$")]
Text = Annotated[str, Meta(min_length=1)]
SourceName = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$")]
DurationText = Annotated[str, Meta(pattern=r"^[0-9]+(ms|s|m|h|d)$")]
Port = Annotated[int, Meta(ge=1, le=65_535)]
MetricsPort = Annotated[int, Meta(ge=0, le=65_535)]
Region = Literal["na", "eu", "fe"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A slip in a member's name is refused."""


class AccountTable(_Table, frozen=True):
    """One seller in one marketplace. `refunds` empty: the first source that tells of one, from then on."""

    seller_id: Id
    marketplace_id: Id
    refunds: Literal["", "mail", "transactions", "settlement", "own"] = ""
    returns: Literal["report", "mail"] = "report"
    programs: list[Literal["mfn", "sfp"]] = []

    @property
    def name(self) -> str:
        """`<seller>/<marketplace>`, as sources name it."""
        return f"{self.seller_id}/{self.marketplace_id}"


class MailboxTable(_Table, frozen=True, tag="mailbox", tag_field="kind"):
    """`dueclock source mailbox`."""

    name: SourceName
    account: AccountName
    host: Text
    user: Text
    port: Port = 993
    password_file: str = ""
    password_env: str = ""
    token: bool = False
    no_tls: bool = False
    folder: Text = "INBOX"
    sent_folder: str = ""
    authserv_id: str = ""
    trust_all: bool = False
    one_marketplace: bool = False
    copies: bool = False
    poll: DurationText = "60s"
    metrics_port: MetricsPort = 0


class SpApiTable(_Table, frozen=True, tag="sp-api", tag_field="kind"):
    """`dueclock source sp-api`."""

    name: SourceName
    account: AccountName
    keys_file: Text
    region: Region = "na"
    every: DurationText = "30m"
    poll: DurationText = "30s"
    base: str = ""
    tokens_at: str = ""
    metrics_port: MetricsPort = 0


class SqsTable(_Table, frozen=True, tag="sqs", tag_field="kind"):
    """`dueclock source sqs`: one queue of one seller, who may sell in several marketplaces."""

    name: SourceName
    accounts: Annotated[list[AccountName], Meta(min_length=1)]
    queue: Text
    keys_file: Text
    aws_region: str = ""
    region: Region = "na"
    hide_for: DurationText = "15m"
    base: str = ""
    tokens_at: str = ""
    metrics_port: MetricsPort = 0


class GatewayTable(_Table, frozen=True, tag="gateway", tag_field="kind"):
    """`dueclock gateway`; its clients and hooks stand in a file of their own."""

    name: SourceName
    clients: Text
    listen: Text = "127.0.0.1:8480"
    metrics_port: MetricsPort = 0


SourceTable: TypeAlias = MailboxTable | SpApiTable | SqsTable | GatewayTable
SOURCE_TABLES: Final = (MailboxTable, SpApiTable, SqsTable, GatewayTable)
UNTOLD: Final = ("base", "tokens_at")
"""Members that no page names: other places than Amazon's own."""

ACCOUNT_MEANINGS = {
    "seller_id": "the merchant token",
    "marketplace_id": "Amazon's id of the marketplace",
    "refunds": "whose refunds count: `mail`, `transactions` (sp-api, sqs, files), `settlement`, `own` (gateway, "
    "notify); the others' are left out and counted; empty = the first that tells of one, from then on",
    "returns": "`report`, or `mail` where the account has one program alone",
    "programs": "the programs of its seller-fulfilled orders: `mfn`, `sfp`",
}
SOURCE_MEANINGS = {
    "name": "what `dueclock source run` is told",
    "kind": "`mailbox`, `sp-api`, `sqs` or `gateway`",
    "account": "`<seller_id>/<marketplace_id>` of an `[[accounts]]` table",
    "accounts": "those of one seller whose notifications come into the queue",
}
"""All other members mean what the flag of the same name means."""


def check_tables(accounts: Sequence[AccountTable], sources: Sequence[SourceTable]) -> None:
    """What one table says about another. ValueError."""
    named = Counter(account.name for account in accounts)
    _require_once(named, "[[accounts]]")
    _require_once(Counter(source.name for source in sources), "[[sources]]")
    for account in accounts:
        if account.returns == "mail" and len(set(account.programs)) != 1:
            raise ValueError(
                f"the returns of {account.name} cannot be taken from the mail, which does not say their program, "
                'unless `programs` names exactly one; name it, or say returns = "report"'
            )
    for source in sources:
        for name in accounts_of(source):
            if name not in named:
                raise ValueError(f"the source {source.name!r} is of the account {name}, which no [[accounts]] has")
        if len({name.partition("/")[0] for name in accounts_of(source)}) > 1:
            raise ValueError(f"the source {source.name!r} names two sellers; a queue has the notifications of one")


def _require_once(names: Counter[str], where: str) -> None:
    for name, count in sorted(names.items()):
        if count > 1:
            raise ValueError(f"two tables of {where} are called {name!r}")


def accounts_of(source: SourceTable) -> list[str]:
    """The accounts that a source speaks for; a gateway's stand with its clients."""
    if isinstance(source, GatewayTable):
        return []
    return source.accounts if isinstance(source, SqsTable) else [source.account]


def words_of(source: SourceTable, accounts: Sequence[AccountTable]) -> list[str]:
    """The words of the command that this table stands for, less `dueclock` and `source`."""
    mine = [account for account in accounts if account.name in accounts_of(source)]
    words = [str(source.__struct_config__.tag)]
    for account in mine[:1]:
        words.append(f"--seller={account.seller_id}")
    words += [f"--marketplace={account.marketplace_id}" for account in mine]
    for field in source.__struct_fields__:
        value = getattr(source, field)
        if field in ("name", "account", "accounts") or value in ("", False) or value is None:
            continue
        flag = f"--{field.replace('_', '-')}"
        words.append(flag if value is True else f"{flag}={value}")
    if isinstance(source, MailboxTable):
        words += [f"--returns-program={account.programs[0]}" for account in mine if account.returns == "mail"]
    return words
