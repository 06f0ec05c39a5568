"""A mail's HTML as what a reader sees: lines of text, links, and bold labels with what follows them.

Nothing is fetched and nothing is run; what stands in styles, scripts, comments and the head is dropped.
"""

from html.parser import HTMLParser
from typing import Final

_DROPPED: Final = frozenset({"style", "script", "title", "head", "template"})
_ENDS_A_LINE: Final = frozenset(
    {
        "br",
        "p",
        "li",
        "tr",
        "table",
        "div",
        "ul",
        "ol",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "td",
        "th",
        "center",
        "body",
    }
)
_BOLD: Final = frozenset({"b", "strong"})


class HtmlText(HTMLParser):
    """Feed it a document; then `text`, `links` and `labelled` say what is in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._dropping = 0
        self._bold: list[str] | None = None
        self._value: list[str] | None = None
        self.links: list[str] = []
        self.labelled: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping += 1
        elif tag == "a":
            self.links.extend(value for name, value in attrs if name == "href" and value)
        elif tag in _BOLD:
            self._end_value()
            self._bold = []
        if tag in _ENDS_A_LINE:
            self._break_row()

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropping = max(0, self._dropping - 1)
        elif tag in _BOLD and self._bold is not None:
            self.labelled.append(("".join(self._bold).strip(), ""))
            self._bold, self._value = None, []
        if tag in _ENDS_A_LINE:
            self._break_row()

    def handle_data(self, data: str) -> None:
        if self._dropping:
            return
        self._pieces.append(data.replace("\n", " ").replace("\r", " "))
        if self._bold is not None:
            self._bold.append(data)
        elif self._value is not None:
            self._value.append(data)

    @property
    def text(self) -> str:
        """The lines that are not blank."""
        lines = (" ".join(line.split()) for line in "".join(self._pieces).split("\n"))
        return "\n".join(line for line in lines if line)

    def close(self) -> None:
        super().close()
        self._end_value()

    def _break_row(self) -> None:
        self._pieces.append("\n")
        self._end_value()

    def _end_value(self) -> None:
        """What has been said since the last bold text belongs to it, up to the end of the line."""
        if self._value is not None and self.labelled:
            label = self.labelled[-1][0]
            self.labelled[-1] = (label, " ".join("".join(self._value).split()))
        self._value = None
