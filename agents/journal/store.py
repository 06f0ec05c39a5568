"""Where what is kept of a journal lies: what is asked of a store, and one of files.

Files lie in a folder, or in a bucket behind the S3 API (`s3://bucket/prefix`); the other store is a topic
(agents/journal/snapshot_topic.py). A file is there whole or not at all. Where a bucket answers, and with which keys, is
told as other programs are told it: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, or
the machine's own role. What fails is a `StoreError`, one sentence without a secret. No store holds the loop while it
works.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

_S3 = "s3://"
_RETRIES = {"max_retries": 3}

Answer = TypeVar("Answer")


class StoreError(Exception):
    """A store did not do what it was asked; one sentence."""


class MissingError(StoreError):
    """The store has no file of this name."""


class Store(Protocol):
    """What those who look back ask: files by their names, which have `/` between their parts."""

    @property
    def place(self) -> str:
        """What a person calls it."""

    async def names(self, prefix: str) -> list[str]:
        """The names in this folder, in their order."""

    async def read(self, name: str) -> bytes:
        """A whole file. MissingError where there is none."""


class WritableStore(Store, Protocol):
    """What those ask who keep something."""

    @property
    def may_be_broken_off(self) -> bool:
        """Whether what is being written may be left where it is: the next one takes it away."""

    async def write(self, name: str, parts: Iterator[bytes]) -> None:
        """A file with this content; whoever looks meanwhile sees the one before it, or none.

        OSError from `parts` is a StoreError, or passes as it is.
        """

    async def remove(self, names: Sequence[str]) -> None:
        """Take files away."""


class Files:
    """A folder or a bucket."""

    may_be_broken_off = False

    def __init__(self, place: str) -> None:
        self.place = place
        self._store: LocalStore | S3Store | None = None

    async def names(self, prefix: str) -> list[str]:
        """The names in this folder, in their order."""
        return sorted(
            await self._asked(
                lambda store: [one["path"] for some in obstore.list(store, prefix) for one in some], prefix
            )
        )

    async def read(self, name: str) -> bytes:
        """A whole file."""
        return await self._asked(lambda store: bytes(obstore.get(store, name).bytes()), name)

    async def write(self, name: str, parts: Iterator[bytes]) -> None:
        """A file with this content."""
        await self._asked(lambda store: obstore.put(store, name, parts, use_multipart=True), name)

    async def remove(self, names: Sequence[str]) -> None:
        """Take files away."""
        for name in names:
            await self._asked(lambda store, name=name: obstore.delete(store, name), name)  # type: ignore[misc] # bound now

    async def _asked(self, ask: Callable[[LocalStore | S3Store], Answer], name: str) -> Answer:
        return await asyncio.to_thread(self._tried, ask, name)

    def _tried(self, ask: Callable[[LocalStore | S3Store], Answer], name: str) -> Answer:
        try:
            if self._store is None:
                self._store = self._opened()
            return ask(self._store)
        except FileNotFoundError:
            raise MissingError(f"{self.place} has no {name}") from None
        except (OSError, BaseError) as error:
            raise StoreError(f"{self.place} refused {name} ({_reason(error)})") from None

    def _opened(self) -> LocalStore | S3Store:
        if not self.place.startswith(_S3):
            folder = Path(self.place).absolute()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(folder)
        is_plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        options = {"client_options": {"allow_http": True}} if is_plain else {}
        return S3Store.from_url(self.place, retry_config=_RETRIES, **options)  # type: ignore[arg-type] # a TypedDict in its stubs alone


def _reason(error: Exception) -> str:
    """What a library says, in its first line: behind it stand its own structures."""
    words = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    return words[0].strip() if words else type(error).__name__
