"""A queue of Amazon SQS: messages are taken, handled by somebody else, and removed only then.

A message that was taken and not removed comes again after a time. Who reads it is known as AWS's own tools know it: a
role, a file of credentials, variables. What a person can mend is a UserError; all else is `QueueError` and is tried
again. `aiobotocore` is asked for here alone: it is an extra.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from agents.errors import UserError

AT_ONCE: Final = 10
"""More than ten messages at a time the queue does not give."""
WAIT_S: Final = 10
"""How long the queue may wait for a message before it says that there is none."""
_LOOK_S: Final = 0.2
_ADDRESS: Final = re.compile(r"https://(?:sqs\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.[a-z.]*amazonaws\.com(?:\.cn)?/")
_NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"})
_NO_RIGHT: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_NOBODY: Final = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSecurity",
        "SignatureDoesNotMatch", "UnrecognizedClientException",
    }
)  # fmt: skip


class QueueError(Exception):
    """The queue does not answer as it should; in words for a person."""


class Message(NamedTuple):
    """A message as taken: `receipt` is what it is removed by."""

    id: str
    receipt: str
    body: str


def region_of(queue: str, region: str | None) -> str:
    """The region of a queue. UserError (status 2) where neither its address nor the flag says it."""
    found = _ADDRESS.match(queue)
    if region is None and found is None:
        raise UserError(f"The address {queue} does not say its region; add --aws-region.", 2)
    return region or (found["region"] if found else "")


class Queue:
    """One queue. `hidden_s` is how long a message that was taken is kept from others."""

    def __init__(self, client: Any, url: str, hidden_s: int) -> None:
        self._client = client
        self._url = url
        self._hidden_s = hidden_s

    async def take(self, wait_s: int, is_stopped: Callable[[], bool]) -> list[Message]:
        """Messages; none where the queue has none, or soon after `is_stopped` says so."""
        asked = asyncio.ensure_future(
            self._asked(
                "receive_message",
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=self._hidden_s,
            )
        )
        while not asked.done() and not is_stopped():
            await asyncio.wait([asked], timeout=_LOOK_S)
        if not asked.done():
            asked.cancel()
            await asyncio.wait([asked])
            return []
        messages = asked.result().get("Messages") or []
        return [Message(one["MessageId"], one["ReceiptHandle"], one.get("Body", "")) for one in messages]

    async def remove(self, messages: Sequence[Message]) -> None:
        """They are done with. One that the queue keeps all the same comes again, which does no harm."""
        for begin in range(0, len(messages), AT_ONCE):
            part = messages[begin : begin + AT_ONCE]
            entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(part)]
            await self._asked("delete_message_batch", Entries=entries)

    async def put_off(self, message: Message, seconds: int) -> None:
        """Let a message come again after so many seconds."""
        await self._asked("change_message_visibility", ReceiptHandle=message.receipt, VisibilityTimeout=seconds)

    async def _asked(self, what: str, **options: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = await getattr(self._client, what)(QueueUrl=self._url, **options)
        except ClientError as error:
            raise _refused(self._url, str(error.response.get("Error", {}).get("Code", ""))) from None
        except BotoCoreError as error:
            raise _failed(error) from None
        return answer


@asynccontextmanager
async def opened(url: str, region: str, hidden_s: int) -> AsyncIterator[Queue]:
    """A queue to be read. UserError where the library is missing."""
    try:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session
    except ImportError:
        raise UserError("The queue is read by aiobotocore; install it: pip install 'dueclock[sqs]'.", 2) from None
    config = AioConfig(connect_timeout=10, read_timeout=WAIT_S + 15)
    async with get_session().create_client("sqs", region_name=region, config=config) as client:
        yield Queue(client, url, hidden_s)


def _refused(url: str, code: str) -> Exception:
    if code in _NO_QUEUE:
        return UserError(f"There is no queue at {url}; correct --queue.", 2)
    if code in _NO_RIGHT:
        return UserError(
            f"The queue at {url} may not be read; allow sqs:ReceiveMessage, sqs:DeleteMessage and "
            "sqs:ChangeMessageVisibility on it.",
            2,
        )
    if code in _NOBODY:
        return UserError("AWS refuses the credentials; renew the role, the file or the variables that name them.", 2)
    return QueueError(f"the queue answers {code or 'with an error'}")


def _failed(error: Exception) -> Exception:
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"):
        return UserError(
            "There are no AWS credentials; give a role, a file named by AWS_SHARED_CREDENTIALS_FILE, or the variables "
            "that AWS's tools read.",
            2,
        )
    return QueueError(f"the queue does not answer ({kind})")
