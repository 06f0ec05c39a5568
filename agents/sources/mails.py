"""Files of mail (`.eml`, or an mbox of many) as the fields that the mapping asks for. Attachments are not opened.

A mail that cannot be taken apart is reported, not raised: the library's parser has been seen to fail on headers that
some sender wrote.
"""

from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from io import BytesIO
from typing import Final

from agents.sources.bytes_of import bytes_of, shown_name
from agents.sources.html_text import HtmlText
from streams.sources.mail_fields import Mail
from streams.sources.mail_trust import vouched_domains

MAX_MAIL_BYTES: Final = 2 * 1024 * 1024
_MBOX: Final = b"From "
_LABELS: Final = 12
_AUTOMATIC: Final = {
    "auto-submitted": ("auto-replied", "auto-generated"),
    "precedence": ("auto_reply",),
    "x-autoreply": ("",),  # whatever it says
}


class Unreadable(Exception):
    """Why a mail is not read, by a reason of `streams.sources.findings`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def raw_mails(files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each mail's bytes, with the place where a person finds it."""
    for file in files:
        raw, name = bytes_of(file), shown_name(file)
        if raw.startswith(_MBOX):
            yield from ((f"{name}:{number}", one) for number, one in enumerate(_of_mbox(raw), start=1))
        else:
            yield name, raw


def _of_mbox(raw: bytes) -> Iterator[bytes]:
    """The mails of an mbox; a line `>From ` was `From `."""
    current: list[bytes] | None = None
    for line in BytesIO(raw):
        if line.startswith(_MBOX):
            if current is not None:
                yield b"".join(current)
            current = []
        elif current is not None:
            current.append(line.removeprefix(b">") if line.startswith(b">From ") else line)
    if current is not None:
        yield b"".join(current)


def read_mail(where: str, raw: bytes, *, authserv_id: str, is_sent: bool = False) -> Mail:
    """The fields of a mail. Raises Unreadable."""
    if len(raw) > MAX_MAIL_BYTES:
        raise Unreadable("too_large")
    try:
        return _read(where, raw, authserv_id, is_sent=is_sent)
    except (MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable("shape_unknown") from error


def _read(where: str, raw: bytes, authserv_id: str, *, is_sent: bool) -> Mail:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    text, links, labelled = _bodies(mail)
    senders = _addresses(mail, "from")
    return Mail(
        where=where,
        message_id=_bare(str(mail.get("message-id", ""))),
        sent_ms=_date_ms(str(mail.get("date", ""))),
        sender=senders[0] if len(senders) == 1 else "",
        recipients=_addresses(mail, "to"),
        references=tuple(
            _bare(one) for name in ("in-reply-to", "references") for one in str(mail.get(name, "")).split()
        ),
        subject=" ".join(str(mail.get("subject", "")).split()),
        notification_type=str(mail.get("x-space-notification-type", "")).strip(),
        marketplace_id=str(mail.get("x-marketplace-id", "")).strip(),
        is_automatic=_is_automatic(mail),
        vouched=vouched_domains(map(str, mail.get_all("authentication-results", [])), authserv_id),
        text=text,
        links=links,
        labelled=labelled,
        is_sent=is_sent,
    )


def _bodies(mail: EmailMessage) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The text as plain as it is there, links, and labels: of the HTML where there is one, else of the plain lines."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    text = str(plain.get_content()) if plain is not None else ""
    if html is None:
        lines = (line.partition(":") for line in text.splitlines())
        labelled = [(label.strip(), value.strip()) for label, colon, value in lines if colon and value.strip()]
        return text, (), tuple(labelled[:_LABELS])
    reading = HtmlText()
    reading.feed(str(html.get_content()))
    reading.close()
    return text or reading.text, tuple(reading.links), tuple(reading.labelled[:_LABELS])


def _addresses(mail: EmailMessage, name: str) -> tuple[str, ...]:
    found = getaddresses([str(value) for value in mail.get_all(name, [])])
    return tuple(address.strip().lower() for _, address in found if "@" in address)


def _bare(text: str) -> str:
    return text.strip().strip("<>").strip()


def _date_ms(text: str) -> int | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return None if at.tzinfo is None else int(at.timestamp() * 1000)


def _is_automatic(mail: EmailMessage) -> bool:
    return any(
        any(word in str(mail[name]).lower() for word in words) for name, words in _AUTOMATIC.items() if name in mail
    )
