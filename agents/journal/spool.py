"""What is on its way to a store and gets its head last: compressed (zstd), in a nameless file. OSError from all."""

import tempfile
from collections.abc import Iterator

import cramjam

_BUFFER_BYTES = 1 << 20


class Spool:
    """Bytes are added until it is whole or dropped."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `whole` or `drop`
        self._compressor = cramjam.zstd.Compressor()
        self._waiting = 0

    def add(self, some: bytes) -> None:
        """These bytes more."""
        self._compressor.compress(some)
        self._waiting += len(some)
        if self._waiting >= _BUFFER_BYTES:
            self._file.write(bytes(self._compressor.flush()))
            self._waiting = 0

    def whole(self, head: bytes) -> Iterator[bytes]:
        """The head as it is, then all that was added; the file is gone when the last of it was given."""
        with self._file:
            self._file.write(bytes(self._compressor.finish()))
            self._file.seek(0)
            yield head
            while some := self._file.read(_BUFFER_BYTES):
                yield some

    def drop(self) -> None:
        """Nobody wants it any more; it may be gone already."""
        self._file.close()
