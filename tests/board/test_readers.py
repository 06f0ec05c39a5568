"""Who sees what: sellers are apart, tokens and proxies say who asks, and nobody else sees anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from agents.board.readers import Readers
from agents.errors import UserError
from tests.agents.test_endpoint import make_certificate
from tests.board.conftest import Scene
from tests.board.scene import KITCHEN, NORTH, ORDER, RETRACTED, TOYS, US
from tests.board.serving import Board
from tests.cli.command import dueclock, sentence_of

NORTHS, AGENCYS = "token-of-north-lamp", "token-of-the-agency"
READERS = f"""
[proxy]
header = "X-Forwarded-User"
from = ["10.0.0.0/8"]

[[readers]]
name = "north"
token_file = "north.token"
accounts = ["{NORTH}/*"]

[[readers]]
name = "agency"
token_file = "agency.token"
accounts = ["{TOYS}/*", "{KITCHEN}/{US}"]

[[readers]]
name = "amy@example.com"
accounts = ["*"]
"""


def readers_file(folder: Path, text: str = READERS) -> Path:
    (folder / "north.token").write_text(NORTHS + "\n")
    (folder / "agency.token").write_text(AGENCYS + "\n")
    path = folder / "readers.toml"
    path.write_text(text.replace("north.token", str(folder / "north.token")).replace(
        "agency.token", str(folder / "agency.token")
    ))  # fmt: skip
    return path


@pytest.fixture(scope="module")
def guarded(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board that other machines can ask, with readers."""
    folder = tmp_path_factory.mktemp("guarded")
    started = Board(scene.settings, folder, "--host", "0.0.0.0", "--readers", str(readers_file(folder)))
    started.url = started.url.replace("0.0.0.0", "127.0.0.1")
    yield started
    assert started.close() == 0, started.log()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


SECRET_PATHS = [
    "/", "/day", "/accounts", f"/accounts/{NORTH}/{US}", f"/clocks/{RETRACTED}", f"/clocks/{RETRACTED}?story=1",
    f"/evidence/{RETRACTED}", "/live", f"/?q={ORDER}&state=ended",
]  # fmt: skip


@pytest.mark.broker
@pytest.mark.timeout(90)
class TestGuarded:
    @pytest.mark.parametrize("path", SECRET_PATHS)
    def test_who_is_unknown_sees_nothing(self, guarded: Board, path: str) -> None:
        for headers in ({}, bearer("a-token-that-nobody-has"), {"X-Forwarded-User": "amy@example.com"}):
            answer = guarded.get(path, **headers)
            assert answer.status_code in (303, 401), (headers, answer.status_code)
            assert NORTH not in answer.text
            assert ORDER not in answer.text.replace("Location", "")

    def test_a_token_sees_the_accounts_that_it_is_given(self, guarded: Board) -> None:
        for token, own, others in (
            (NORTHS, {NORTH}, {TOYS, KITCHEN}),
            (AGENCYS, {TOYS, KITCHEN}, {NORTH}),
        ):
            for path in ("/", "/?state=ended", "/day", "/accounts", f"/?seller={next(iter(others))}", "/?q=RET-"):
                text = guarded.get(path, **bearer(token)).text
                shown = re.sub(r"seller=\w+", "", text)  # the page's own address stands in its links
                assert [one for one in others if one in shown] == [], path
            text = guarded.get("/accounts", **bearer(token)).text
            assert own == {one for one in (NORTH, TOYS, KITCHEN) if one in text}

    def test_what_another_sees_is_answered_like_what_is_not_there(self, guarded: Board) -> None:
        nowhere = RETRACTED.replace("4419063", "0000000")
        paths = {
            f"/accounts/{NORTH}/{US}": f"/accounts/NOBODY/{US}",
            f"/clocks/{RETRACTED}": f"/clocks/{nowhere}",
            f"/clocks/{RETRACTED}?story=1": f"/clocks/{nowhere}?story=1",
            f"/evidence/{RETRACTED}": f"/evidence/{nowhere}",
        }
        for theirs, none in paths.items():
            answers = [guarded.get(path, **bearer(AGENCYS)) for path in (theirs, none)]
            assert [one.status_code for one in answers] == [404, 404], theirs
            bodies = [re.sub(r'value="/[^"]*"|data-now="\d+"', "", one.text) for one in answers]
            assert bodies[0] == bodies[1]
        assert guarded.get(f"/clocks/{RETRACTED}", **bearer(NORTHS)).status_code == 200

    def test_nobody_is_told_that_another_sellers_clocks_change(self, guarded: Board) -> None:
        foreign = guarded.get(f"/live?account={NORTH}/{US}", **bearer(AGENCYS))
        assert foreign.status_code == 503
        url = f"{guarded.url}/live?account={NORTH}/{US}"
        with requests.get(url, headers=bearer(NORTHS), stream=True, timeout=10) as own:
            assert next(own.iter_lines()) == b"retry: 2000"

    def test_a_browser_logs_in_and_out_with_its_token(self, guarded: Board) -> None:
        with requests.Session() as browser:
            asked = browser.get(guarded.url + f"/clocks/{RETRACTED}", timeout=10)
            assert "Your token" in asked.text
            wrong = browser.post(guarded.url + "/login", data={"token": "x" * 20, "to": "/"}, timeout=10)
            assert (wrong.status_code, "Nobody has this token." in wrong.text) == (401, True)
            form = {"token": NORTHS, "to": f"/clocks/{RETRACTED}"}
            entered = browser.post(guarded.url + "/login", data=form, timeout=10)
            assert ORDER in entered.text
            assert "north" in entered.text
            cookie = next(one for one in browser.cookies if one.name == "session")
            assert cookie.has_nonstandard_attr("HttpOnly")
            browser.post(guarded.url + "/logout", timeout=10)
            assert "Your token" in browser.get(guarded.url + "/", timeout=10).text

    def test_a_login_leads_nowhere_else(self, guarded: Board) -> None:
        for to in ("https://example.com/", "//example.com", "/\\example.com", "javascript:alert(1)"):
            form = {"token": NORTHS, "to": to}
            answer = requests.post(guarded.url + "/login", data=form, timeout=10, allow_redirects=False)
            assert answer.headers["Location"] == "/"

    def test_a_form_of_another_site_is_not_taken(self, guarded: Board) -> None:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://example.com"}):
            answer = requests.post(
                guarded.url + "/login", data={"token": NORTHS}, headers=headers, timeout=10, allow_redirects=False
            )
            assert answer.status_code == 403

    def test_a_token_that_is_replaced_ends_what_it_began(self, guarded: Board) -> None:
        folder = guarded.folder
        with requests.Session() as browser:
            browser.post(guarded.url + "/login", data={"token": AGENCYS, "to": "/"}, timeout=10)
            assert TOYS in browser.get(guarded.url + "/accounts", timeout=10).text
            (folder / "agency.token").write_text("another-token-of-the-agency")
            try:
                assert TOYS not in browser.get(guarded.url + "/accounts", timeout=10).text
                assert TOYS in guarded.get("/accounts", **bearer("another-token-of-the-agency")).text
            finally:
                (folder / "agency.token").write_text(AGENCYS)


@pytest.mark.broker
def test_every_answer_forbids_what_is_not_the_boards_own(board: Board) -> None:
    for path in ("/", "/static/board.js", f"/clocks/{RETRACTED}", "/clocks/nonsense"):
        answer = board.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", board.get("/").text)


@pytest.mark.broker
def test_a_foreign_name_that_points_to_this_machine_sees_nothing(board: Board) -> None:
    assert board.get("/", Host="localhost:8470").status_code == 200
    for host in ("evil.example", "evil.example:8470", "127.0.0.1.evil.example"):
        assert board.get("/", Host=host).status_code == 421


@pytest.mark.broker
def test_what_is_asked_for_is_shown_as_text(board: Board) -> None:
    text = board.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E&seller=%22%3E%3Ci%3E").text
    assert "<script>alert" not in text
    assert "<i>" not in text


@pytest.mark.broker
@pytest.mark.timeout(90)
def test_it_speaks_tls_under_the_certificate_that_is_named(scene: Scene, tmp_path: Path) -> None:
    named = make_certificate(tmp_path)
    settings = tmp_path / "dueclock.toml"  # the one of the folder that it is started in
    settings.write_text("".join(f'{name} = "{value}"\n' for name, value in named.items()))
    board = Board(scene.settings, tmp_path, "--readers", str(readers_file(tmp_path)))
    try:
        assert board.url.startswith("https://")
        form = {"token": NORTHS, "to": "/"}
        answer = requests.post(
            board.url + "/login", data=form, timeout=10, verify=named["http_tls_cert"], allow_redirects=False
        )
        assert "Secure" in answer.headers["Set-Cookie"]
    finally:
        assert board.close() == 0


def test_beyond_this_machine_somebody_must_be_named(tmp_path: Path) -> None:
    ended = dueclock("board", "--host", "0.0.0.0", "--port", "0", "--broker", "127.0.0.1:1", folder=tmp_path)
    assert "nobody is named who may look" in sentence_of(ended)
    assert ended.status == 2


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = dueclock("board", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert "choose another --port" in sentence_of(ended)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[readers]]\nname = 'x'\naccounts = ['*']\n", "needs a token"),
        ("[[readers]]\nname = 'x'\naccounts = []\ntoken_file = 'north.token'\n", "not as it should be"),
        ("[[readers]]\nname = 'x'\naccounts = ['A/B/C']\ntoken_file = 'north.token'\n", "not as it should be"),
        ("[[readers]]\nname = 'x'\naccounts = ['*']\ntoken = 'in the file itself'\n", "not as it should be"),
        ("[[readers]]\nname = 'x'\naccounts = ['*']\ntoken_file = 'short.token'\n", "fewer than 16"),
        ("[proxy]\nheader = 'X-User'\nfrom = ['nowhere']\n[[readers]]\nname='x'\naccounts=['*']\n", "not as it should"),
        ("readers = []\n", "not as it should be"),
        ("[[readers]\n", "not as it should be"),
    ],
)
def test_a_file_of_readers_that_is_wrong_is_refused_with_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "short.token").write_text("short")
    path = readers_file(tmp_path, text.replace("short.token", str(tmp_path / "short.token")))
    with pytest.raises(UserError, match=words):
        Readers(str(path))


def test_a_proxy_is_believed_where_it_comes_from_and_nowhere_else(tmp_path: Path) -> None:
    readers = Readers(str(readers_file(tmp_path)))
    said = {"X-Forwarded-User": "amy@example.com"}
    known = readers.reader_of(said, "10.1.2.3", "")
    assert known is not None
    assert known.sees("ANYBODY/ANYWHERE")
    assert readers.reader_of(said, "192.168.0.9", "") is None
    assert readers.reader_of({}, "10.1.2.3", "") is None
    assert readers.reader_of({"X-Forwarded-User": "bob"}, "10.1.2.3", "") is None
    assert readers.reader_of({"Authorization": f"Bearer {NORTHS}"}, "10.1.2.3", "") is None
