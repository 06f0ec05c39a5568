"""What a broker refuses to a login that has no right to it, each as one sentence."""

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from agents.errors import UserError
from agents.settings import Settings

REFUSALS = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    ClusterAuthorizationFailedError,
)
_OWNERS = {
    "OAUTHBEARER": "the owner of this token",
    "AWS_MSK_IAM": "the owner of these AWS credentials",
    "GSSAPI": "the owner of this ticket",
}


def refused(settings: Settings, error: BaseException | None) -> UserError:
    """The sentence for one of `REFUSALS`."""
    what = _what(settings, error)
    return UserError(
        f"The Kafka at {settings.broker} does not let {who(settings)} use {what}; `dueclock doctor --role ROLE` says "
        "which right is missing, and `dueclock acls --role ROLE` prints all that a role needs."
    )


def is_refusal(error: BaseException | None) -> bool:
    """Whether this says that a right is missing."""
    return isinstance(error, REFUSALS)


def who(settings: Settings) -> str:
    """Who we are for the broker, as far as we know."""
    if settings.sasl_username:
        return f"the user {settings.sasl_username}"
    if settings.sasl_mechanism:
        return _OWNERS[settings.sasl_mechanism]
    return "the owner of this certificate" if settings.ssl_certificate_location else "a client without a login"


def _what(settings: Settings, error: BaseException | None) -> str:
    named = _named(error)
    if isinstance(error, TopicAuthorizationFailedError):
        return f"the topic {named}" if named else "one of the topics"
    if isinstance(error, GroupAuthorizationFailedError):
        return f"the group {named or settings.group}"
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return f"the transactional id {named or settings.group + '-…'}"
    return "the cluster for this"


def _named(error: BaseException | None) -> str:
    """The topics or group that the client library adds to some of its errors."""
    names: list[str] = []
    for word in error.args if isinstance(error, KafkaError) else ():
        found = [word] if isinstance(word, str) else list(word) if isinstance(word, set | frozenset | list) else []
        names.extend(one for one in map(str, found) if " " not in one and one)
    return ", ".join(sorted(names))
