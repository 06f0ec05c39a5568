"""Settings: what a person may choose, and where each choice is looked up.

Each field of `Settings` is one setting. A flag of the command line wins over a `DUECLOCK_` variable, that over the
settings file (TOML), that over the default. The file is `dueclock.toml` in the current folder, if there is one;
`--settings` or `DUECLOCK_SETTINGS` name another. What is unknown or ill-typed is refused with one sentence, never
guessed (exit status 2). Only this module and the command line read the environment.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from agents.errors import UserError
from agents.files import read_text
from agents.source_tables import AccountTable, SourceTable, check_tables
from agents.subscriptions import Delivery
from agents.topic_roles import CHANGELOG, LOGICAL_TOPICS, SNAPSHOTS
from schemas.registry import Logical
from streams.logic import NEWEST

LEAST_TOKEN = 16
DEFAULT_FILE = "dueclock.toml"
PREFIX = "DUECLOCK_"
_TOPIC = "topic"
"""What `snapshots` is where they are kept in a topic; a folder of that name is `./topic`."""
TOPIC_PREFIX = "DUECLOCK_TOPIC_"

# Its logical name says too little among the topics of others.
_DEFAULT_NAMES: dict[Logical, str] = {CHANGELOG: "sla-changelog"}

# Variables that are no settings: switches of the command itself, and names that the tests and benchmarks use.
_NOT_SETTINGS = re.compile(r"DUECLOCK_(SETTINGS|DEBUG|TEST_.*|BENCH_.*|KAFKA_.*|CACHE.*)")
# Kubernetes gives each pod such variables for a Service called `dueclock`; they say nothing about us.
_SERVICE_LINK = re.compile(r"DUECLOCK_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")

_HOST_AND_PORT = re.compile(r"([^\s,:/\[\]]+|\[[0-9A-Fa-f:]+\]):\d{1,5}")

Name = Annotated[str, Meta(min_length=1)]
TopicName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
TopicPrefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{0,200}$")]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"]
_WITH_A_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SECRETS = ("clocks_token", "sasl_password", "sasl_oauthbearer_client_secret")
"""Settings that nobody is to read in a log or an error: no flag has them, and what shows settings leaves them out."""
TABLES = ("topics", "accounts", "sources", "deliveries")
"""Settings that the file alone can say (of topics also variables of their own)."""
_WORDS = {
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "text",
    "`object`": "a table",
    "`bool`": "true or false",
    "enum value": "choice",
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings; `MEANINGS` says what each is for."""

    broker: Name = "localhost:9092"
    group: Name = "dueclock"
    group_instance_id: str = ""
    client_id: Name = "dueclock"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_ca_location: str = ""
    ssl_certificate_location: str = ""
    ssl_key_location: str = ""
    ssl_key_password_file: str = ""
    ssl_endpoint_identification_algorithm: Literal["https", "none"] = "https"
    sasl_mechanism: SaslMechanism = ""
    sasl_username: str = ""
    sasl_password: str = ""
    sasl_password_file: str = ""
    sasl_oauthbearer_token_endpoint_url: str = ""
    sasl_oauthbearer_client_id: str = ""
    sasl_oauthbearer_client_secret: str = ""
    sasl_oauthbearer_client_secret_file: str = ""
    sasl_oauthbearer_scope: str = ""
    sasl_oauthbearer_token_file: str = ""
    sasl_oauthbearer_token_command: str = ""
    aws_region: str = ""
    sasl_kerberos_service_name: Name = "kafka"
    sasl_kerberos_keytab: str = ""
    topic_prefix: TopicPrefix = ""
    topics: dict[str, TopicName] = {}
    deliveries: tuple[Delivery, ...] = ()
    policies_path: str = ""
    canary: bool = False
    zoneinfo_dir: str = ""
    logic: Annotated[int, Meta(ge=0, le=NEWEST)] = 0
    seal_every_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 86_400
    rows_folder: str = ""
    snapshots: str = ".dueclock/snapshots"
    archive: str = ""
    snapshots_kept_days: Annotated[int, Meta(ge=1)] = 430
    partitions: Annotated[int, Meta(ge=1, le=1024)] = 4
    replication: Annotated[int, Meta(ge=0, le=9)] = 0
    session_timeout_s: Annotated[float, Meta(ge=1, le=300)] = 10.0
    heartbeat_s: Annotated[float, Meta(gt=0, le=100)] = 2.0
    standby_replicas: Annotated[int, Meta(ge=0, le=9)] = 0
    bind_types: bool = False
    dead_letter_ratio: Annotated[float, Meta(gt=0, le=1)] = 1.0
    skew_allowance_ms: Annotated[int, Meta(ge=0, le=60_000)] = 50
    transaction_timeout_ms: Annotated[int, Meta(ge=1000, le=900_000)] = 60_000
    fetch_max_wait_ms: Annotated[int, Meta(ge=1, le=5000)] = 100
    metrics_host: Name = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    http_token_file: str = ""
    http_tls_cert: str = ""
    http_tls_key: str = ""
    clocks_token: str = ""
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    state_dir: Name = ".dueclock"
    accounts: list[AccountTable] = []
    sources: list[SourceTable] = []

    def __post_init__(self) -> None:
        check_tables(self.accounts, self.sources)
        for logical in self.topics:
            if logical not in LOGICAL_TOPICS:
                known = ", ".join(LOGICAL_TOPICS)
                raise ValueError(f"`topics` names {logical!r}, which is no topic of dueclock ({known})")
        names = [self.topic(logical) for logical in LOGICAL_TOPICS]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two topics would have the name {twice[0]!r}")
        names = [one.name for one in self.deliveries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two deliveries have the name {twice[0]!r}")
        if not all(_HOST_AND_PORT.fullmatch(server) for server in self.bootstrap_servers):
            raise ValueError(f"broker {self.broker!r} is not of the form host:port")
        if self.clocks_token and len(self.clocks_token) < LEAST_TOKEN:
            raise ValueError(f"`clocks_token` must have at least {LEAST_TOKEN} characters")
        if bool(self.http_tls_cert) != bool(self.http_tls_key):
            raise ValueError("`http_tls_cert` and `http_tls_key` go together")
        if self.archive == _TOPIC:
            raise ValueError(
                "`archive` cannot be a topic: it is there for what retention takes from one; name a folder (`./topic`, "
                "if it is called so) or `s3://bucket/prefix`"
            )
        self._check_security()
        if self.heartbeat_s * 3 > self.session_timeout_s:
            raise ValueError("`heartbeat_s` must be at most a third of `session_timeout_s`")

    def _check_security(self) -> None:
        """What one of the settings of a secured Kafka asks of another."""
        if self.security_protocol.startswith("SASL") != bool(self.sasl_mechanism):
            raise ValueError("`sasl_mechanism` and a `security_protocol` with SASL go together: give both or neither")
        if self.ssl_key_location and not self.ssl_certificate_location:
            raise ValueError("`ssl_key_location` needs `ssl_certificate_location`")
        tls = (self.ssl_ca_location, self.ssl_certificate_location, self.ssl_key_password_file)
        if any(tls) and not self.is_tls:
            raise ValueError("files of certificates (`ssl_...`) need `security_protocol` SSL or SASL_SSL")
        if self.sasl_mechanism == "OAUTHBEARER":
            self._check_token()
        elif self.sasl_mechanism == "AWS_MSK_IAM":
            if not self.aws_region or not self.is_tls:
                raise ValueError("`sasl_mechanism` AWS_MSK_IAM needs `aws_region` and `security_protocol` SASL_SSL")
        elif self.sasl_mechanism in _WITH_A_PASSWORD and (
            not self.sasl_username or bool(self.sasl_password) == bool(self.sasl_password_file)
        ):
            raise ValueError(
                f"`sasl_mechanism` {self.sasl_mechanism} needs `sasl_username` and one of `sasl_password_file` and "
                "`sasl_password`"
            )

    def _check_token(self) -> None:
        url = self.sasl_oauthbearer_token_endpoint_url
        ways = (url, self.sasl_oauthbearer_token_file, self.sasl_oauthbearer_token_command)
        if sum(map(bool, ways)) != 1:
            raise ValueError(
                "`sasl_mechanism` OAUTHBEARER needs one of `sasl_oauthbearer_token_endpoint_url`, "
                "`sasl_oauthbearer_token_file` and `sasl_oauthbearer_token_command`"
            )
        secrets = (self.sasl_oauthbearer_client_secret, self.sasl_oauthbearer_client_secret_file)
        if url and (not self.sasl_oauthbearer_client_id or sum(map(bool, secrets)) != 1):
            raise ValueError(
                "`sasl_oauthbearer_token_endpoint_url` needs `sasl_oauthbearer_client_id` and one of "
                "`sasl_oauthbearer_client_secret_file` and `sasl_oauthbearer_client_secret`"
            )
        if url and not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", url):
            raise ValueError("`sasl_oauthbearer_token_endpoint_url` must begin with https://: a secret goes there")

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if name in SECRETS and getattr(self, name) else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"Settings({', '.join(shown)})"

    @property
    def is_tls(self) -> bool:
        """Whether connections to the brokers are encrypted."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def has_secret(self) -> bool:
        """Whether this process comes to hold something that nobody else may see."""
        files = (self.ssl_key_location, self.ssl_certificate_location)
        return (
            bool(self.sasl_mechanism or self.deliveries) or any(files) or any(getattr(self, name) for name in SECRETS)
        )

    def topic(self, logical: Logical) -> str:
        """The name on the broker of the topic with this logical name. KeyError: a slip must not become a topic."""
        if logical in self.topics:
            return self.topics[logical]
        if logical not in LOGICAL_TOPICS:
            raise KeyError(f"{logical!r} is no topic of dueclock")
        return self.topic_prefix + _DEFAULT_NAMES.get(logical, logical)

    @property
    def has_snapshot_topic(self) -> bool:
        """Whether snapshots are kept in a topic."""
        return self.snapshots == _TOPIC

    @property
    def logical_topics(self) -> tuple[Logical, ...]:
        """The topics that such an installation has, by their logical names."""
        return tuple(name for name in LOGICAL_TOPICS if name != SNAPSHOTS or self.has_snapshot_topic)

    @property
    def bootstrap_servers(self) -> list[str]:
        """The brokers to try first, each `host:port`."""
        parts = (part.strip() for part in self.broker.replace(";", ",").split(","))
        return [part.removeprefix("kafka://") for part in parts if part] or [""]

    def read_policies(self) -> str:
        """Text of the policy file that the worker is started with; the shipped one where none is named."""
        if not self.policies_path:
            from schemas.policies import shipped_policies  # only here: most commands need no policies

            return shipped_policies(canary=self.canary)
        if self.canary:
            raise UserError(
                "`canary` goes with the policies that are shipped; put the canary's tables into your own file instead: "
                "`dueclock policies show --canary` writes them behind the others.",
                2,
            )
        return read_text(Path(self.policies_path), "policy file")

    def changed(self, **changes: object) -> Self:
        """A copy with some settings replaced; ill-typed ones are refused as in a file."""
        return type(self)(**{**msgspec.structs.asdict(self), **changes})


MEANINGS = {
    "broker": "Kafka bootstrap servers, `host:port`, several with commas; `kafka://` in front is allowed",
    "group": "consumer group of the workers",
    "group_instance_id": "a name that stays with this worker (its pod's name): a restart then needs no rebalance",
    "client_id": "name of this client in the broker's logs and quotas",
    "security_protocol": "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
    "ssl_ca_location": "file of the CA certificates (PEM) to believe; empty = those of the system",
    "ssl_certificate_location": "file of this client's certificate and its chain (PEM), for brokers that ask for one",
    "ssl_key_location": "file of the key of that certificate (PEM); empty = it is in the same file",
    "ssl_key_password_file": "file of the password of that key; empty = it has none",
    "ssl_endpoint_identification_algorithm": "`https`: the broker's name must be in its certificate; `none`: any name",
    "sasl_mechanism": "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`, `AWS_MSK_IAM`, `GSSAPI`; empty: none",
    "sasl_username": "name to log in with",
    "sasl_password": "password to log in with; no flag has it, and a file is better",
    "sasl_password_file": "file of the password, read again for each connection",
    "sasl_oauthbearer_token_endpoint_url": "where a token is asked for with client credentials (https)",
    "sasl_oauthbearer_client_id": "client id to ask for a token with",
    "sasl_oauthbearer_client_secret": "secret of that client; no flag has it, and a file is better",
    "sasl_oauthbearer_client_secret_file": "file of that secret, read again for each token",
    "sasl_oauthbearer_scope": "scope to ask for; empty = none",
    "sasl_oauthbearer_token_file": "file of a token, as Kubernetes projects it, read again for each connection",
    "sasl_oauthbearer_token_command": "command that prints a token, run for each connection, without a shell",
    "aws_region": "region of the MSK cluster, for `AWS_MSK_IAM`; the credentials are those that AWS' own tools find",
    "sasl_kerberos_service_name": "name of the brokers' service in Kerberos, for `GSSAPI`",
    "sasl_kerberos_keytab": "file of this client's keys, for `GSSAPI`; empty = the tickets of `kinit`",
    "topic_prefix": "put in front of every topic name that `topics` does not set",
    "topics": "names of single topics by their logical name: in the file a table `[topics]`",
    "deliveries": "who hears of what, and where: in the file a table `[[deliveries]]` for each, as below",
    "policies_path": "policy file; empty = the policies that are shipped",
    "canary": "`true`: the shipped policies with the canary's (see `dueclock canary`); once on, it stays on",
    "zoneinfo_dir": "folder of compiled time-zone files, for the zones of the calendars; empty = the package `tzdata`",
    "logic": "number of the rules' logic to activate, to hold a worker back while others are upgraded; 0 = the newest",
    "seal_every_s": "the journal is sealed once in so many seconds of journal time; 0 = never",
    "rows_folder": "folder for the rows at rest, for a state larger than memory; empty = they rest in memory",
    "snapshots": "`topic`, a folder or `s3://bucket/prefix` for the state at each seal; empty = none",
    "archive": "folder or `s3://bucket/prefix` for the archive; empty = where `snapshots` are, unless in a topic",
    "snapshots_kept_days": "a snapshot is kept for so many days of journal time, longer than the journal's retention",
    "partitions": "partitions of each topic that `topics create` makes; equal for all",
    "replication": "copies of each partition that `topics create` asks for; 0 = three, fewer on fewer brokers",
    "session_timeout_s": "a worker that is silent this long loses its partitions",
    "heartbeat_s": "seconds between heartbeats; at most a third of the session",
    "standby_replicas": "warm copies of each partition on other workers; a copy takes the memory of what it copies",
    "bind_types": "`true`: a notification is taken only from the topic of its type; others are dead letters",
    "dead_letter_ratio": "a worker ends where more of a partition's last 1,000 records are dead letters; 1 = never",
    "skew_allowance_ms": "how far the clocks of the brokers may differ; journal time stays this far behind",
    "transaction_timeout_ms": "the broker aborts a transaction that is open longer",
    "fetch_max_wait_ms": "how long the broker may hold an empty fetch; journal time of an idle partition trails it",
    "metrics_host": "address that the metrics endpoint listens on",
    "metrics_port": "port of the metrics endpoint; 0 = none",
    "http_token_file": "file of a token: who has it may see metrics and clocks; needed where other machines can ask",
    "http_tls_cert": "certificate (PEM, with its chain) of the metrics endpoint; empty = plain HTTP",
    "http_tls_key": "its private key (PEM, without a password)",
    "clocks_token": "a token for the clocks on the metrics port alone; empty = only that of `http_token_file`",
    "log_level": "`debug`, `info`, `warning` or `error`",
    "log_format": "`text`, or `json`: one object a line",
    "state_dir": "folder of the embedded Kafka, of the demo, and of what sources note",
    "accounts": "accounts, and where their facts come from: in the file tables `[[accounts]]`",
    "sources": "sources that `dueclock source run` knows: in the file tables `[[sources]]`",
}


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    path: str | None = None,
    environ: Mapping[str, str] | None = None,
    broker_if_unnamed: Callable[[Settings], str | None] | None = None,
) -> Settings:
    """Settings from flags (those that are not None), variables, file and defaults, in that order of weight.

    `broker_if_unnamed` is asked where nobody has named a broker: the embedded one, if it runs.
    """
    environ = os.environ if environ is None else environ
    chosen: dict[str, object] = {}
    chosen.update(_from_file(path or environ.get(f"{PREFIX}SETTINGS")))
    from_variables = _from_variables(environ)
    topics = {**_table(chosen.get("topics", {})), **_table(from_variables.pop("topics"))}
    chosen.update(from_variables)
    chosen.update({name: value for name, value in (flags or {}).items() if value is not None})
    settings = _whole({**chosen, "topics": topics})
    if broker_if_unnamed is not None and "broker" not in chosen:
        return settings.changed(broker=broker_if_unnamed(settings) or settings.broker)
    return settings


def field_names() -> tuple[str, ...]:
    """The names of all settings, in the order of the README's table."""
    return Settings.__struct_fields__


def settings_rows() -> list[tuple[str, str, str, str]]:
    """The README's table: setting, variable, default, meaning. A test holds the two equal."""
    rows: list[tuple[str, str, str, str]] = []
    for field in msgspec.structs.fields(Settings):
        variable = f"`{PREFIX}{field.name.upper()}`" if field.name not in TABLES else ""
        if field.name == "topics":
            variable = f"`{TOPIC_PREFIX}<NAME>`"
        default = f"`{field.default}`" if field.default not in ("", (), msgspec.NODEFAULT) else ""
        rows.append((f"`{field.name}`", variable, default, MEANINGS[field.name]))
    return rows


def _from_file(named: str | None) -> dict[str, object]:
    path = Path(named or DEFAULT_FILE)
    if named is None and not path.exists():
        return {}
    try:
        found: dict[str, object] = tomllib.loads(read_text(path, "settings file"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"The settings file {path} is no TOML: {error}.", 2) from None
    for name, value in found.items():
        _one(name, value, f"in the settings file {path}", strict=True)
    return found


def _from_variables(environ: Mapping[str, str]) -> dict[str, object]:
    by_variable = {PREFIX + name.upper(): name for name in Settings.__struct_fields__ if name not in TABLES}
    topic_variables = {TOPIC_PREFIX + name.upper().replace("-", "_"): name for name in LOGICAL_TOPICS}
    values: dict[str, object] = {}
    topics: dict[str, object] = {}
    for variable in sorted(environ):
        if variable in by_variable:
            name = by_variable[variable]
            values[name] = _one(name, environ[variable], f"in the variable {variable}", strict=False)
        elif variable in topic_variables:
            topics[topic_variables[variable]] = environ[variable]
        elif variable.startswith(PREFIX) and not (
            _NOT_SETTINGS.fullmatch(variable) or _SERVICE_LINK.fullmatch(variable)
        ):
            raise UserError(f"The variable {variable} is no setting of dueclock; correct its name or unset it.", 2)
    return {**values, "topics": topics}


def _whole(values: Mapping[str, object]) -> Settings:
    """All settings together: here what one says about another is checked."""
    for name, value in values.items():
        _one(name, value, "on the command line or in the settings", strict=True)
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UserError(f"The settings do not fit together: {error}.", 2) from None


def _one(name: str, value: object, where: str, *, strict: bool) -> object:
    """One setting's value in its type; text is read as a number where `strict` is off (variables are text)."""
    for field in msgspec.structs.fields(Settings):
        if field.name == name:
            break
    else:
        raise UserError(f"Unknown setting {name!r} {where}; the settings are {', '.join(field_names())}.", 2)
    try:
        return msgspec.convert(value, field.type, strict=strict)
    except msgspec.ValidationError as error:
        raise UserError(f"A wrong value for the setting {name!r} {where}: {_plain(str(error))}.", 2) from None


def _plain(message: str) -> str:
    """What msgspec says, in words for people."""
    text, _, place = message.partition(" - at `")
    found = re.match(r"\$\[(\d+)\](?:\.(\w+))?", place)
    if found:  # one of several tables
        text += f" (table {int(found[1]) + 1}{f', `{found[2]}`' if found[2] else ''})"
    text = re.sub("^Object ", "a table ", text)
    for ours, plain in _WORDS.items():
        text = text.replace(ours, plain)
    return text[:1].lower() + text[1:]


def _table(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}
