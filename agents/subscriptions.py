"""Who wants to hear of what, and where: the tables `[[deliveries]]` of the settings file.

One table is one delivery: what it is called, which events it is about, and its target, named by `to`. Only what a
person may choose is here, and what one choice asks of another; secrets stand in files, never in the settings. What a
choice does is in agents/delivering.
"""

from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from schemas.events import EVENT_TYPES
from schemas.notifications import type_name
from schemas.rules import RULES

Language: TypeAlias = Literal["en", "zh", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
UNNAMED_TYPES: Final = (
    "clock.breached", "clock.lapsed", "clock.reminder_due", "clock.escalated", "policy.violation",
)  # fmt: skip
"""What a delivery is about that names no types: what somebody has to act on."""
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

AccountName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@=+-]{1,64}(/[A-Za-z0-9._:@=+-]{1,32})?$")]
FileName = Annotated[str, Meta(min_length=1)]


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="to"):
    """What every delivery has, whatever its target; `MEANINGS` says what each field is for."""

    kind: ClassVar[str] = ""
    unnamed_types: ClassVar[tuple[str, ...]] = UNNAMED_TYPES
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    accounts: tuple[AccountName, ...] = ()
    rules: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    levels: tuple[Annotated[int, Meta(ge=0, le=100)], ...] = ()
    language: Language = "en"
    start: Literal["now", "earliest"] = "now"
    clock_link: str = ""
    timeout_ms: Annotated[int, Meta(ge=100, le=120_000)] = 10_000
    retry_first_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 1_000
    retry_most_ms: Annotated[int, Meta(ge=1, le=86_400_000)] = 300_000
    park_after: Annotated[int, Meta(ge=1, le=1000)] = 5

    def __post_init__(self) -> None:
        known = set(map(type_name, EVENT_TYPES)) - {"clock.retracted"}
        for of_type in self.types:
            if of_type not in known:
                raise ValueError(
                    f"delivery {self.name!r} names the type {of_type!r}, and there are {', '.join(sorted(known))}; a "
                    "`clock.retracted` goes wherever the event went that it takes back"
                )
        for rule in self.rules:
            if rule not in RULES:
                raise ValueError(f"delivery {self.name!r} names the rule {rule!r}, and there are {', '.join(RULES)}")
        if self.retry_most_ms < self.retry_first_ms:
            raise ValueError(f"`retry_most_ms` of delivery {self.name!r} must not be below its `retry_first_ms`")
        if self.clock_link and not self.clock_link.startswith(("https://", "http://")):
            raise ValueError(f"`clock_link` of delivery {self.name!r} must be the address of a page")
        self.check()

    def check(self) -> None:
        """What the target's own fields ask of each other. ValueError."""

    def check_one_of(self, *names: str) -> None:
        """Exactly one of these fields is given. ValueError."""
        if sum(bool(getattr(self, name)) for name in names) != 1:
            raise ValueError(
                f"delivery {self.name!r} needs {' or '.join(f'`{name}`' for name in names)}, and one alone"
            )


class Webhook(Subscription, frozen=True, kw_only=True, tag="webhook"):
    """Each event by a POST of its own."""

    kind: ClassVar[str] = "webhook"
    url: str = ""
    url_file: str = ""
    secret_file: str = ""
    form: Literal["standard", "cloudevents"] = "standard"

    def check(self) -> None:
        self.check_one_of("url", "url_file")
        if self.url and not is_address(self.url):
            raise ValueError(f"`url` of delivery {self.name!r} is no http(s) address")


class Chat(Subscription, frozen=True, kw_only=True):
    """An address that is itself a secret: whoever knows it may write there."""

    url_file: FileName


class Slack(Chat, frozen=True, kw_only=True, tag="slack"):
    """A message for each event, by an incoming webhook."""

    kind: ClassVar[str] = "slack"


class Teams(Chat, frozen=True, kw_only=True, tag="teams"):
    """A card for each event, by a workflow that waits for a webhook."""

    kind: ClassVar[str] = "teams"


class PagerDuty(Subscription, frozen=True, kw_only=True, tag="pagerduty"):
    """An incident for each clock: triggered by its breach, resolved by what ends it or takes it back."""

    kind: ClassVar[str] = "pagerduty"
    unnamed_types: ClassVar[tuple[str, ...]] = ("clock.breached",)
    routing_key_file: FileName
    url: str = PAGERDUTY_URL

    def check(self) -> None:
        if not is_safe(self.url):
            raise ValueError(f"`url` of delivery {self.name!r} must begin with https://: a secret goes there")


class Mail(Subscription, frozen=True, kw_only=True, tag="mail"):
    """A mail for each event, or one for many, or the week's report."""

    kind: ClassVar[str] = "mail"
    smtp: Annotated[str, Meta(pattern=r"^([^\s,:/\[\]]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$")]
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_file: str = ""
    sender: Annotated[str, Meta(pattern=r"^[^\s@]+@[^\s@]+$")]
    recipients: Annotated[tuple[Annotated[str, Meta(pattern=r"^[^\s@]+@[^\s@]+$")], ...], Meta(min_length=1)]
    digest_s: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 0
    report: Literal["", "weekly"] = ""

    def check(self) -> None:
        if bool(self.username) != bool(self.password_file):
            raise ValueError(f"`username` and `password_file` of delivery {self.name!r} go together")
        if self.username and self.tls == "none" and self.smtp.rpartition(":")[0] not in _LOOPBACK:
            raise ValueError(f"delivery {self.name!r} would send a password unencrypted: set `tls`")
        if self.report and (self.digest_s or self.types or self.levels):
            raise ValueError(f"delivery {self.name!r} is a report: leave out `digest_s`, `types` and `levels`")


Delivery: TypeAlias = Webhook | Slack | Teams | PagerDuty | Mail
TARGETS: Final[tuple[type[Subscription], ...]] = (Webhook, Mail, Slack, Teams, PagerDuty)

MEANINGS: Final[dict[str, str]] = {
    "to": "the target: `webhook`, `mail`, `slack`, `teams` or `pagerduty`",
    "name": "its name, in metrics, logs and the name of its consumer group, `<group>-deliver-<name>`",
    "accounts": "the accounts it is about, `seller_id/marketplace_id`, or `seller_id` for all of it; empty = all",
    "rules": "the rules it is about; empty = all, and what belongs to none",
    "types": "the types of events; empty = "
    + ", ".join(f"`{name}`" for name in UNNAMED_TYPES)
    + ", for `pagerduty` `clock.breached` "
    "alone. What takes an event back goes where that went",
    "levels": "of `clock.escalated` these levels alone (0: urgent); empty = all",
    "language": "`en`, `zh` or `ja`",
    "start": "where a delivery begins that has never run: `now`, or `earliest`, with all that the topics still hold",
    "clock_link": "address of a page about a clock, with `{clock_id}` in it; messages link there; empty = none",
    "timeout_ms": "an answer that takes longer is none",
    "retry_first_ms": "how long the first repeat is waited for, at most; each further one twice as long",
    "retry_most_ms": "the longest wait between two tries",
    "park_after": "after so many tries in vain a delivery counts as parked: what waits behind it waits on",
    "url": "where to send to; of `pagerduty` only for another than PagerDuty's own",
    "url_file": "file of the address, where that is a secret",
    "secret_file": "file of the secret that signs, `whsec_` and base64 or any text; empty = unsigned",
    "form": "`standard`: the body names type, time and event; `cloudevents`: the event alone, the rest in headers",
    "routing_key_file": "file of the integration's key",
    "smtp": "the mail server, `host:port`",
    "tls": "`starttls`, `tls` from the first byte, or `none`",
    "username": "name to log in with; empty = no login",
    "password_file": "file of the password",
    "sender": "address that mails come from",
    "recipients": "addresses that mails go to",
    "digest_s": "one mail for all of so many seconds, counted from the first event in it; 0 = a mail for each",
    "report": "`weekly`: instead of events, on Mondays (UTC), the report of the week before",
}


def is_address(url: str) -> bool:
    """Whether it is an http or https address of a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_safe(url: str) -> bool:
    """Whether a secret may go there: it is encrypted, or does not leave this machine."""
    return is_address(url) and (url.startswith("https://") or urlsplit(url).hostname in _LOOPBACK)


def kinds_with(field: str) -> list[str]:
    """The targets that have a field, by name; empty where all have it."""
    having = [one for one in TARGETS if field in one.__struct_fields__]
    return [] if len(having) == len(TARGETS) else [one.kind for one in having]


def delivery_rows() -> list[tuple[str, str, str, str]]:
    """The table of the fields: field, targets that have it, default, meaning."""
    rows = [("`to`", "all", "", MEANINGS["to"])]
    for name in [name for name in MEANINGS if name != "to"]:
        owner = next(one for one in TARGETS if name in one.__struct_fields__)
        default = next(field.default for field in msgspec.structs.fields(owner) if field.name == name)
        shown = "" if default in ("", (), msgspec.NODEFAULT) else f"`{default}`"
        of = ", ".join(f"`{target}`" for target in kinds_with(name)) or "all"
        rows.append((f"`{name}`", of, shown, MEANINGS[name]))
    return rows
