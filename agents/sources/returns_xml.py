"""The returns report in XML: each item of each return as a row of pairs, as in the tab file.

No document type is taken, so that no entity is expanded and nothing is fetched. A document that says it is another
report is refused: Amazon has been seen to deliver a wrong one.
"""

from xml.parsers import expat

from agents.errors import UserError
from agents.sources.bytes_of import shown_name
from agents.sources.tables import Pairs

RETURN, ITEM, MESSAGE_TYPE = "return_details", "item_details", "MessageType"
_OURS = "return"


class _DocumentTypeError(Exception):
    pass


class _Reading:
    """Collects rows while the parser goes through the document."""

    def __init__(self, name: str) -> None:
        self.rows: list[tuple[str, Pairs]] = []
        self.message_type = ""
        self._name = name
        self._place = ""
        self._shared: Pairs | None = None
        self._items: list[Pairs] = []
        self._is_in_item = False
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise _DocumentTypeError

    def _start(self, tag: str, _: dict[str, str]) -> None:
        self._text.clear()
        if tag == RETURN:
            self._shared, self._items = [], []
            self._place = f"{self._name}:{self.parser.CurrentLineNumber}"
        elif tag == ITEM:
            self._items.append([])
            self._is_in_item = True

    def _end(self, tag: str) -> None:
        text = "".join(self._text)
        self._text.clear()
        if tag == MESSAGE_TYPE:
            self.message_type = text.strip()
        elif tag == RETURN and self._shared is not None:
            self.rows.extend((self._place, self._shared + item) for item in self._items or [[]])
            self._shared = None
        elif tag == ITEM:
            self._is_in_item = False
        elif self._is_in_item:
            self._items[-1].append((tag, text))
        elif self._shared is not None:
            self._shared.append((tag, text))


def looks_like_xml(raw: bytes) -> bool:
    """By its first byte that is neither blank nor of a byte order mark."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def rows_of_xml(file: str, raw: bytes) -> list[tuple[str, Pairs]]:
    """The rows of a document. UserError where it is no returns report."""
    name = shown_name(file)
    reading = _Reading(name)
    try:
        reading.parser.Parse(raw.removeprefix(b"\xef\xbb\xbf").lstrip(), True)
    except expat.ExpatError as error:
        raise UserError(f"{name} is no well-formed XML (line {error.lineno}); download the report again.", 2) from None
    except _DocumentTypeError:
        raise UserError(f"{name} has a document type, which no report has; it is not read.", 2) from None
    if _OURS not in (reading.message_type or _OURS).lower():
        raise UserError(f"{name} is a {reading.message_type}, not a returns report; download that.", 2)
    return reading.rows
