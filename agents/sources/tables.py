"""Tab files as Amazon writes them: rows as pairs of column name and text, each with the place where a person finds it.

No charset is declared: a byte order mark decides, else UTF-8 where it is that, else the marketplace's old code page. A
row may be shorter than the header (what is missing is blank) or longer (what has no name is dropped). Nothing is
quoted: a quotation mark is a letter.
"""

from collections.abc import Iterator
from typing import NamedTuple

from agents.sources.bytes_of import shown_name

JAPAN = "A1VC38T7YXB528"

Pairs = list[tuple[str, str]]


class Table(NamedTuple):
    """A header, and lines still to be split."""

    name: str
    header: list[str]
    lines: list[str]

    def rows(self) -> Iterator[tuple[str, Pairs]]:
        """Each row that is not blank: `<file>:<line>`, and its pairs."""
        for number, line in enumerate(self.lines, start=2):
            if line.strip():
                yield f"{self.name}:{number}", list(zip(self.header, line.split("\t"), strict=False))


def text_of(raw: bytes, marketplace_id: str) -> str:
    """The text of a file without a declared charset; what even the old code page does not know becomes U+FFFD."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp932" if marketplace_id == JAPAN else "cp1252", errors="replace")


def table_of(file: str, raw: bytes, marketplace_id: str) -> Table:
    """The table in a file's bytes; its header is that of the first line that is not blank."""
    lines = [line.removesuffix("\r") for line in text_of(raw, marketplace_id).split("\n")]
    while lines and not lines[0].strip():
        del lines[0]
    header = lines[0].split("\t") if lines else []
    return Table(shown_name(file), header, lines[1:])
