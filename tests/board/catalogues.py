"""The catalogues of the board: which messages there are, and what a catalogue lacks.

`python -m tests.board.catalogues` brings the .po files up to the messages of templates and code: new ones stand there
empty, for a translator; what nobody says any more is dropped. A test fails for what is empty.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from tests.repository.tree import ROOT

BOARD: Final = ROOT / "agents" / "board"
LOCALES: Final = ("ja", "zh_Hans")
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
_KEYWORDS: Final = {"N_": None, "_": None}


def messages() -> set[str]:
    """Every message that templates and code hold."""
    found = extract_from_dir(BOARD, method_map=_METHODS, keywords=_KEYWORDS, options_map={"**": {"silent": "false"}})
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def catalogue(locale: str) -> Catalog:
    """A catalogue as it stands."""
    with file_of(locale).open("rb") as file:
        return read_po(file, locale=locale)


def file_of(locale: str) -> Path:
    """Where it stands."""
    return BOARD / "locales" / f"{locale}.po"


def text_of(locale: str, translations: dict[str, str]) -> str:
    """A catalogue's file: messages in order of their text, so that the same messages give the same bytes."""
    made = Catalog(locale=locale, header_comment="# The board's messages. What stands in braces is put in: leave it.")
    made.mime_headers = [("Content-Type", "text/plain; charset=utf-8"), ("Plural-Forms", "nplurals=1; plural=0;")]
    for message in sorted(messages()):
        made.add(message, translations.get(message, ""))
    out = io.BytesIO()
    write_po(out, made, width=0, no_location=True, omit_header=True, sort_output=True)
    return f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n{out.getvalue().decode().strip()}\n'


def main() -> None:
    """Write the files."""
    for locale in LOCALES:
        path = file_of(locale)
        known = {str(one.id): str(one.string) for one in catalogue(locale)} if path.exists() else {}
        path.write_text(text_of(locale, known), encoding="utf-8")


if __name__ == "__main__":
    main()
