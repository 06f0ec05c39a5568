"""Dead letters for people and for scripts."""

import base64

import orjson
from msgspec import UNSET
from msgspec.structs import asdict
from rich.console import Console
from rich.text import Text

from agents.desk.dead_letters import MEANINGS, Letter
from agents.terminal import short_instant, table
from schemas.answers.operations import ListedLetter, WholeLetter
from schemas.codec import format_instant


def listed(letter: Letter) -> ListedLetter:
    """For scripts, without its bytes."""
    return ListedLetter(
        id=letter.id,
        at=format_instant(letter.at_ms),
        reason=letter.reason,
        field=letter.field,
        origin=str(letter.origin),
        account=letter.account,
        redriven=letter.redriven,
        line=UNSET if letter.skipped_line is None else letter.skipped_line,
    )


def whole(letter: Letter) -> WholeLetter:
    """For scripts; key and value in base64, since they may be anything."""
    return WholeLetter(**asdict(listed(letter)), key=_base64(letter.key), value=_base64(letter.value))


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def write_list(letters: list[Letter], total: int, console: Console) -> None:
    """For people: a row for each."""
    rows = table("id", "when", "reason", "redriven", "origin", whole=("id", "when", "reason", "redriven"))
    for one in letters:
        rows.add_row(
            one.id,
            short_instant(format_instant(one.at_ms)),
            f"{one.reason} ({safe(one.field)})" if one.field else one.reason,
            "yes" if one.redriven == 1 else f"{one.redriven} times" if one.redriven else "",
            safe(str(one.origin)),
        )
    if letters:
        console.print(rows)
    more = f" of {total:,}; --limit shows more" if total > len(letters) else ""
    console.print(Text(f"{len(letters):,} dead letters{more}."))


def write_letter(letter: Letter, console: Console) -> None:
    """For people: all of one, its bytes so that no terminal is harmed."""
    field = f" ({letter.field})" if letter.field else ""
    rows = [
        ("dead letter", letter.id),
        ("written", format_instant(letter.at_ms)),
        ("reason", f"{letter.reason}{field}: {MEANINGS.get(letter.reason, 'a reason of another version.')}"),
        ("origin", str(letter.origin)),
        ("account", letter.account or "(not to be read)"),
        ("redriven", f"{letter.redriven} times" if letter.redriven else "no"),
        ("key", "(none)" if letter.key is None else safe(letter.key.decode(errors="backslashreplace"))),
    ]
    if letter.whole:
        rows.append(("kept", letter.whole))
    if letter.skipped_line is not None:
        rows.append(("skipped", f"it would have been journal line {letter.skipped_line}"))
    for name, value in rows:
        console.print(Text(f"{name:<12} {safe(value)}"), soft_wrap=True)
    console.print(Text(f"{'value':<12} {len(letter.value or b''):,} bytes"))
    console.print(Text(shown(letter.value)), soft_wrap=True)


def shown(value: bytes | None) -> str:
    """The bytes as text: JSON set out in lines where it is JSON, without control characters in any case."""
    if value is None:
        return "(none)"
    try:
        pretty = orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2)
    except orjson.JSONDecodeError:
        return safe(value.decode(errors="backslashreplace"))
    return "\n".join(safe(line) for line in pretty.decode().splitlines())


def safe(text: str) -> str:
    """The text with everything escaped that is no printable character."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
