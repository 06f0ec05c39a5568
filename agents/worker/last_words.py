"""The last words of a worker that fails: one sentence for whatever has ended it, and what to do about it.

A `UserError` is its own sentence. For anything else the topics are looked at first: a topic that was deleted, or is not
as it was when the worker started, shows itself as a dozen different failures. What is left is a bug of ours.
"""

from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.kafka.topics import fatal_difference
from agents.settings import Settings


def last_words(settings: Settings, failure: BaseException) -> UserError:
    """What ended the worker, as a person needs to hear it."""
    if isinstance(failure, UserError):
        return failure
    found = fatal_difference(settings)
    if found is not None:
        return UserError(f"The worker ended, since its topics changed while it ran. {found}")
    what = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
    if isinstance(failure, KafkaError):
        return UserError(
            f"The worker ended, since the Kafka at {settings.broker} refused what it needs ({what}); the log above "
            "says where; mend that, and start the worker again: nothing is lost."
        )
    return UserError(
        f"The worker ended by a bug of ours ({what}); nothing of its slice was written, and the traceback is in the "
        "log above, so report it; starting it again is safe, and if it ends so again `dueclock audit` says whether the "
        "journal is whole."
    )
