"""The board's pages over HTTP. It reads and shows; nothing that is sent to it changes more than a browser's view.

What a reader may not see is answered like what is not there. Only `/healthz`, `/readyz`, the login and the files of its
own are for whoever asks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from agents.board import rendering
from agents.board.account_page import account_page, accounts_page
from agents.board.asked import Asked, asked_of
from agents.board.clock_page import clock_page, entry_of, glimpse, shown_at
from agents.board.day_page import day_page
from agents.board.feed import Feed
from agents.board.languages import LANGUAGES, N_, ZONES, local
from agents.board.queue_page import queue
from agents.board.readers import NOBODY, Readers
from agents.board.stories import Answer, BusyError, Stories
from agents.board.visit import THEMES, Visit, visit_of
from agents.metrics.door import is_loopback
from streams.explaining import ClockName, clock_name

STORY_WITHIN_S: Final = 0.9
"""After this a page that waits for a story is shown without it, and comes again."""
EVIDENCE_WITHIN_S: Final = 1800.0
CHANGES_EVERY_S: Final = 1.0
"""A page that is live is told of changes at most so often; less often where many are live, each of which then asks."""
LIVE_AT_FULL_PACE: Final = 10
HEARTBEAT_S: Final = 15.0
MOST_LIVE: Final = 500
WRONG_TOKEN_S: Final = 0.5
COOKIE_S: Final = 365 * 86_400
BUSY: Final = N_("Many stories are being read; try again in a minute.")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The routes of one board."""

    def __init__(self, feed: Feed, readers: Readers, stories: Stories, *, is_secure: bool) -> None:
        self._feed = feed
        self._readers = readers
        self._stories = stories
        self._is_secure = is_secure
        self._live = 0
        self.is_ending = asyncio.Event()
        """Set when the board stops: what is live ends then, and holds nothing up."""

    def application(self) -> web.Application:
        """The routes."""
        made = web.Application(middlewares=[self._doorkeeper])
        made.router.add_get("/", self._queue)
        made.router.add_get("/day", self._day)
        made.router.add_get("/accounts", self._accounts)
        made.router.add_get("/accounts/{seller}/{marketplace}", self._account)
        made.router.add_get("/clocks/{clock_id:.+}", self._clock)
        made.router.add_get("/evidence/{clock_id:.+}", self._evidence)
        made.router.add_get("/live", self._changes)
        made.router.add_post("/view", self._view)
        made.router.add_get("/login", self._login_page)
        made.router.add_post("/login", self._login)
        made.router.add_post("/logout", self._logout)
        made.router.add_get("/static/{name}", self._static)
        made.router.add_get("/healthz", self._healthz)
        made.router.add_get("/readyz", self._readyz)
        return made

    # --- the door ----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _doorkeeper(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._is_asked_here(request):
            return web.Response(status=421, text="This board answers under a name of this machine only.\n")
        try:
            if request.method == hdrs.METH_POST and not _is_own_form(request):
                raise web.HTTPForbidden
            if request.path not in ("/healthz", "/readyz", "/login") and not request.path.startswith("/static/"):
                reader = self._readers.reader_of(
                    request.headers, request.remote or "", request.cookies.get("session", "")
                )
                if reader is None:
                    return self._unknown(request)
                request["visit"] = visit_of(
                    reader, request.cookies, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""), _now_ms()
                )
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self._page("error.html", request, {"status": error.status}, error.status)

    def _is_asked_here(self, request: web.Request) -> bool:
        """Without readers whoever is on this machine sees all: a foreign name that points here must not."""
        if self._readers.are_named:
            return True
        try:
            host = urlsplit(f"//{request.host}").hostname or ""
            return host == "localhost" or is_loopback(host)
        except ValueError:
            return False

    def _unknown(self, request: web.Request) -> web.StreamResponse:
        if not self._readers.has_tokens or request.path == "/live":
            return self._page("error.html", request, {"status": 401}, 401)
        raise web.HTTPSeeOther("/login?to=" + quote(request.path_qs, safe=""))

    # --- pages -------------------------------------------------------------------------------------------------------

    def _page(self, template: str, request: web.Request, context: dict[str, Any], status: int = 200) -> web.Response:
        visit: Visit = request.get("visit") or self._nobody(request)
        known: dict[str, Any] = {
            "path": request.path_qs,
            "here": request.path,
            "away_ms": None if self._feed.away_since_s is None else int(self._feed.away_since_s * 1000),
            "unreadable": len(self._feed.mirror.unreadable),
            "is_loaded": self._feed.is_loaded,
            "has_readers": self._readers.are_named,
            "refresh_s": 0,
            "live": "",
        }
        return rendering.page(template, visit, {**known, **context}, status)

    @staticmethod
    def _nobody(request: web.Request) -> Visit:
        return visit_of(NOBODY, request.cookies, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""), _now_ms())

    async def _queue(self, request: web.Request) -> web.StreamResponse:
        asked = asked_of(request.query)
        context = queue(self._feed.mirror, asked, request["visit"])
        return self._page("queue.html", request, {**context, "live": "/live"})

    async def _day(self, request: web.Request) -> web.StreamResponse:
        asked = asked_of(request.query)
        kept = Asked(seller=asked.seller, rule=asked.rule)
        context = day_page(self._feed.mirror, kept, request.query.get("on", ""), request["visit"])
        return self._page("day.html", request, {**context, "live": "/live"})

    async def _accounts(self, request: web.Request) -> web.StreamResponse:
        context = accounts_page(self._feed.mirror, self._feed.happenings, request["visit"])
        return self._page("accounts.html", request, {**context, "live": "/live"})

    async def _account(self, request: web.Request) -> web.StreamResponse:
        account = "{seller}/{marketplace}".format(**request.match_info)
        visit: Visit = request["visit"]
        if account not in self._feed.mirror.accounts or not visit.sees(account):
            raise web.HTTPNotFound
        context = account_page(self._feed.mirror, self._feed.happenings, account, visit)
        return self._page("account.html", request, {**context, "live": f"/live?account={quote(account, safe='')}"})

    # --- a clock -----------------------------------------------------------------------------------------------------

    async def _clock(self, request: web.Request) -> web.StreamResponse:
        """The page at once; with `?story=1` its story too, or how far the reading of the journal has come."""
        name, clock_id = self._named(request)
        visit: Visit = request["visit"]
        entry = self._feed.mirror.find(clock_id)
        at_ms = _instant(request.query.get("at", ""), visit.zone)
        wants_story = "story" in request.query or at_ms is not None or entry is None
        answer: Answer | int | None = None
        if wants_story:
            try:
                answer = await self._stories.ask(
                    (clock_id, at_ms, False), self._version(name, clock_id), STORY_WITHIN_S
                )
            except BusyError:
                answer = Answer(error=visit.language.text(BUSY))
        story = answer.story if isinstance(answer, Answer) else None
        if entry is None and isinstance(answer, Answer):
            if story is None:
                raise web.HTTPNotFound if answer.is_unknown else web.HTTPServiceUnavailable
            entry = entry_of(story, name.account)
        context: dict[str, Any] = {
            "clock_id": clock_id,
            "answer": answer if isinstance(answer, Answer) else None,
            "read_lines": answer if isinstance(answer, int) else None,
            "refresh_s": 1 if isinstance(answer, int) else 0,
            "at": shown_at(visit.now_ms if at_ms is None else at_ms, visit.zone),
            "glimpse": glimpse(answer, visit) if isinstance(answer, Answer) else None,
            "live": f"/live?account={quote(name.account, safe='')}",
            "clock": None,
        }
        if entry is not None:
            context |= clock_page(self._feed.mirror, self._feed.happenings, name, entry, story, visit)
        return self._page("clock.html", request, context)

    async def _evidence(self, request: web.Request) -> web.StreamResponse:
        name, clock_id = self._named(request)
        try:
            answer = await self._stories.ask((clock_id, None, True), self._version(name, clock_id), EVIDENCE_WITHIN_S)
        except BusyError:
            raise web.HTTPServiceUnavailable from None
        if not isinstance(answer, Answer) or answer.pack is None:
            raise web.HTTPNotFound if isinstance(answer, Answer) and answer.is_unknown else web.HTTPServiceUnavailable
        file = "evidence-" + "-".join(clock_id.split("/")[2:]) + ".zip"
        headers = {
            **rendering.HEADERS,
            "Content-Disposition": f'attachment; filename="{file}"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=answer.pack, content_type="application/zip", headers=headers)

    def _named(self, request: web.Request) -> tuple[ClockName, str]:
        clock_id = request.match_info["clock_id"]
        try:
            name = clock_name(clock_id)
        except ValueError:
            raise web.HTTPNotFound from None
        if not request["visit"].sees(name.account):
            raise web.HTTPNotFound
        return name, clock_id

    def _version(self, name: ClockName, clock_id: str) -> int:
        """Another one whenever its matter has another fact, or the clock another event: then a story is read anew."""
        matter = self._feed.mirror.matter(name.row_id)
        facts = 0 if matter is None else hash(tuple(one.key for one in matter.facts))
        return hash((facts, len(self._feed.happenings.of_clock(clock_id))))

    # --- live --------------------------------------------------------------------------------------------------------

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        """Tell a page that something it may see has changed, at most once a second; it then asks for itself again."""
        visit: Visit = request["visit"]
        account = request.query.get("account", "")
        if self._live >= MOST_LIVE or (account and not visit.sees(account)):
            raise web.HTTPServiceUnavailable
        headers = {**rendering.HEADERS, hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"}
        answer = web.StreamResponse(headers={**headers, "X-Accel-Buffering": "no"})
        await answer.prepare(request)
        self._live += 1
        try:
            seen = self._seen(visit, account)
            await answer.write(b"retry: 2000\nevent: hello\ndata: 1\n\n")
            while not self.is_ending.is_set():
                await _first_of(HEARTBEAT_S, self._feed.is_new, self.is_ending)
                now = self._seen(visit, account)
                await answer.write(b": still here\n\n" if now == seen else b"event: changed\ndata: 1\n\n")
                seen = now
                await _first_of(CHANGES_EVERY_S * max(1.0, self._live / LIVE_AT_FULL_PACE), self.is_ending)
        except ConnectionResetError:
            pass
        finally:
            self._live -= 1
        return answer

    def _seen(self, visit: Visit, account: str) -> tuple[int, bool, bool]:
        """What changes when something has changed that this visit may see."""
        versions = self._feed.mirror.versions
        number = versions[account] if account else sum(v for one, v in versions.items() if visit.sees(one))
        return number, self._feed.is_loaded, self._feed.away_since_s is None

    # --- a browser's view --------------------------------------------------------------------------------------------

    async def _view(self, request: web.Request) -> web.StreamResponse:
        """Language, zone and light, kept in the browser."""
        form = await request.post()
        answer = web.HTTPSeeOther(_own_path(str(form.get("to", "/"))))
        for name, known in (("lang", LANGUAGES), ("zone", ZONES), ("theme", THEMES)):
            value = str(form.get(name, ""))
            if value in known:
                answer.set_cookie(name, value, max_age=COOKIE_S, samesite="Lax", secure=self._is_https(request))
        raise answer

    async def _login_page(self, request: web.Request) -> web.StreamResponse:
        return self._page("login.html", request, {"to": _own_path(request.query.get("to", "/")), "is_wrong": False})

    async def _login(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        to = _own_path(str(form.get("to", "/")))
        reader = self._readers.reader_with(str(form.get("token", "")).strip())
        if reader is None:
            await asyncio.sleep(WRONG_TOKEN_S)
            return self._page("login.html", request, {"to": to, "is_wrong": True}, 401)
        answer = web.HTTPSeeOther(to)
        session, is_https = self._readers.begin_session(reader), self._is_https(request)
        answer.set_cookie("session", session, httponly=True, samesite="Lax", secure=is_https)
        raise answer

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        self._readers.end_session(request.cookies.get("session", ""))
        answer = web.HTTPSeeOther("/login")
        answer.del_cookie("session")
        raise answer

    def _is_https(self, request: web.Request) -> bool:
        return self._is_secure or request.headers.get("X-Forwarded-Proto") == "https"

    # --- files and probes --------------------------------------------------------------------------------------------

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in rendering.STATIC:
            raise web.HTTPNotFound
        content, _ = rendering.static(name)
        answer = web.Response(
            body=content,
            content_type=rendering.STATIC[name],
            charset="utf-8",
            headers={**rendering.HEADERS, hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"},
        )
        answer.enable_compression()
        return answer

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.StreamResponse:
        if self._feed.is_loaded and self._feed.away_since_s is None:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="reading\n" if not self._feed.is_loaded else "no answer from the broker\n")


def _is_own_form(request: web.Request) -> bool:
    """Whether a form was sent from a page of ours: a browser says where from."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or urlsplit(origin).netloc == request.host


def _own_path(path: str) -> str:
    """A path of this board; its first page for anything else."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path and "\r" not in path
    return path if is_own else "/"


def _instant(text: str, zone: str) -> int | None:
    """What a field for a time holds, in a zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text[:19])
    except ValueError:
        return None
    if not 1971 <= found.year <= 9000:
        return None
    return int(found.replace(tzinfo=local(0, zone).tzinfo).timestamp() * 1000)


async def _first_of(within_s: float, *events: asyncio.Event) -> None:
    """Wait for one of these, for so long at most."""
    tasks = [asyncio.ensure_future(one.wait()) for one in events]
    try:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in tasks:
            one.cancel()


def _now_ms() -> int:
    return int(time.time() * 1000)
