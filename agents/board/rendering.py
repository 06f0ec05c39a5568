"""Templates to HTML, and the headers that every answer has.

Everything is escaped; a page asks nothing of anybody but this board (CSP: no inline script or style, no other origin),
so that an id that somebody chose cannot run, and nobody else learns who looks at what.
"""

import hashlib
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from agents.board.languages import LANGUAGES, UNITS, ZONES, local
from agents.board.visit import THEMES, Visit
from schemas.codec import format_instant

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
STATIC: Final = {"board.css": "text/css", "board.js": "text/javascript", "icon.svg": "image/svg+xml"}


@cache
def static(name: str) -> tuple[bytes, str]:
    """A file of the board's own, and a word for its content: its address has it, so that it may be kept for ever."""
    content = resources.files("agents.board").joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def _address_of(name: str) -> str:
    return f"/static/{name}?v={static(name)[1]}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("agents.board", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(static=_address_of, languages=LANGUAGES, zones=ZONES, themes=THEMES, units=UNITS)
    made.globals.update(iso=format_instant, local=local, iso_day=date.isoformat)
    return made


def page(template: str, visit: Visit, context: dict[str, Any], status: int = 200, **headers: str) -> web.Response:
    """A page."""
    language = visit.language
    text = (
        _environment()
        .get_template(template)
        .render(visit=visit, _=language.text, L=language, zone=visit.zone, now_ms=visit.now_ms, **context)
    )
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = web.Response(
        text=text, status=status, content_type="text/html", headers={**HEADERS, hdrs.CACHE_CONTROL: "no-store", **more}
    )
    answer.enable_compression()
    return answer
