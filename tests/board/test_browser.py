"""The board as people use it: a real browser on a real board, whose topics hold two months of four accounts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from deploy.embedded import EmbeddedKafka
from tests.board.conftest import OpenTab, Scene
from tests.board.scene import LATER, NORTH, ORDER, RETRACTED, TOYS, US
from tests.board.serving import Board, beside
from tests.broker.harness import Live, question, reply_within, seller_on

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

AXE = Path(__file__).parent / "axe" / "axe.min.js"
PAGES = {
    "queue": "/",
    "ended": "/?state=ended",
    "nothing": "/?q=no-such-order",
    "day": "/day",
    "accounts": "/accounts",
    "account": f"/accounts/{NORTH}/{US}",
    "clock": f"/clocks/{RETRACTED}?story=1",
    "open clock": f"/clocks/{LATER}",
    "error": "/clocks/nonsense",
}


def rows(page: Page) -> Any:
    return page.locator("table.queue tbody tr")


def dues(page: Page) -> list[int]:
    return [int(one) for one in page.locator("time[data-due]").evaluate_all("all => all.map(a => a.dataset.due)")]


# --- the queue -------------------------------------------------------------------------------------------------------


def test_the_queue_is_sorted_by_time_left_and_says_how_much_there_is(tab: OpenTab, scene: Scene) -> None:
    page = tab().open("/")
    live = sum(
        clock.outcome in (0, 4)
        for history in scene.histories
        for _, row in history.state.matters()
        for clock in row.clocks
    )
    expect(page.locator(".figure.all b")).to_have_text(str(live))
    shown = dues(page)
    assert len(shown) == min(50, live)
    assert shown == sorted(shown)
    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_filters_leave_out_what_is_not_meant_and_stay_in_the_address(tab: OpenTab) -> None:
    page = tab().open("/")
    page.locator("select[name=seller]").select_option(TOYS)
    expect(page).to_have_url(re.compile(rf"\?seller={TOYS}$"))
    assert {one.strip() for one in page.locator(".account .mono").all_inner_texts()} == {TOYS}
    page.locator("select[name=rule]").select_option("mfn-refund")
    expect(page).to_have_url(re.compile("rule=mfn-refund"))
    assert set(page.locator(".what a").all_inner_texts()) <= {"Refund a seller-fulfilled return"}
    page.get_by_text("Clear all").click()
    expect(page).to_have_url(re.compile(r"/$"))
    page.locator(".figure.over").click()
    expect(page).to_have_url(re.compile("state=over"))
    assert set(page.locator(".state .chip").all_inner_texts()) <= {"Breached", "Lapsed", "Reminder due"}


def test_an_order_is_found_also_when_its_clock_has_ended(tab: OpenTab) -> None:
    page = tab().open("/")
    page.keyboard.press("/")
    page.keyboard.type("113-2044871")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("Refund a Seller Fulfilled Prime return")
    page.goto(page.url.replace("113-2044871", ORDER) + "&state=ended")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("Met")


def test_the_keys_lead_through_the_queue_to_a_clock_and_back(tab: OpenTab) -> None:
    page = tab().open("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/clocks/"))
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile("/day$"))
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page).to_have_url(re.compile("/accounts$"))


# --- a clock ---------------------------------------------------------------------------------------------------------


def test_a_clock_tells_its_story_from_opened_to_retracted(tab: OpenTab, scene: Scene) -> None:
    page = tab().open(f"/clocks/{RETRACTED}")
    names = page.locator("#said ~ .events .chip")
    expect(names).to_have_text(["Opened", "Escalated", "Escalated", "Breached", "Retracted", "Met"])
    expect(page.locator(".events li.taken-back .chip")).to_have_text(["Breached"])
    expect(page.locator(".events")).to_contain_text("a fact that happened before came to be known only then")
    page.get_by_text("Read its story from the journal").click()
    facts = page.locator("table.facts tbody tr")
    expect(facts).to_have_count(2)
    expect(facts.nth(1)).to_contain_text("Refund issued")
    expect(facts.nth(1)).to_contain_text("the end")
    expect(facts.nth(1).locator(".late")).to_contain_text("6 d")
    expect(page.locator(".events")).to_contain_text("on its topic")
    page.locator("input[name=at]").fill("2020-01-01T00:00:00")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("[data-key=glimpse]")).to_contain_text("nothing called for the clock")


def test_the_days_that_were_counted_stand_on_a_calendar(tab: OpenTab) -> None:
    page = tab().open(f"/clocks/{RETRACTED}")
    expect(page.locator(".calendar td.start")).to_have_count(1)
    expect(page.locator(".calendar td.counts b")).to_have_text(["1", "2"])
    expect(page.locator(".terms")).to_contain_text("sfp-refund v1")
    link = page.get_by_text("Order in Seller Central")
    expect(link).to_have_attribute("href", f"https://sellercentral.amazon.com/orders-v3/order/{ORDER}")
    expect(link).to_have_attribute("rel", "noreferrer noopener")


def test_the_evidence_pack_is_a_click_away(tab: OpenTab, tmp_path: Path) -> None:
    page = tab().open(f"/clocks/{RETRACTED}")
    with page.expect_download(timeout=60_000) as loading:
        page.get_by_text("Evidence pack").click()
    loading.value.save_as(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        assert {"MANIFEST.sha256", "README.md", "journal.jsonl", "story.json", "verify.py"} <= set(pack.namelist())
        assert RETRACTED in pack.read("README.md").decode()


# --- the day, an account ---------------------------------------------------------------------------------------------


def test_the_day_shows_what_falls_due_in_which_hour(tab: OpenTab) -> None:
    page = tab().open("/day")
    counted = [int(one) for one in page.locator(".strip b").all_inner_texts()]
    assert len(counted) == 14
    busiest = counted.index(max(counted))
    day = page.locator(".strip a").nth(busiest).get_attribute("href") or ""
    page.locator(".strip a").nth(busiest).click()
    page.wait_for_url(f"**{day}")
    there = int(page.locator(".strip b").nth(busiest).inner_text())  # told anew: some may have fallen due meanwhile
    expect(page.locator(".headline p").first).to_contain_text(str(there))
    in_hours = [int(one.split()[0]) for one in page.locator(".count span").all_inner_texts()]
    assert sum(in_hours) == there
    page.locator(".count").first.click()
    expect(rows(page)).to_have_count(min(50, in_hours[0]))


def test_an_account_shows_its_health_and_what_went_wrong(tab: OpenTab) -> None:
    page = tab().open("/accounts")
    page.locator("table.plain a").filter(has_text="A3KITCHEN").click()
    plots = page.locator("figure")
    expect(plots.locator("figcaption")).to_have_text(
        ["Average response time", "Late response rate", "Refunds on time", "Order defect rate"]
    )
    assert plots.nth(1).locator("polyline").count() == 3
    expect(plots.nth(3)).to_contain_text("Bad")
    assert page.locator(".events li").count() > 0


# --- live ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def watched(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> Iterator[tuple[Live, Board]]:
    """A worker whose clocks have seconds, and a board beside it."""
    live = beside(
        lambda: Live(kafka.bootstrap, kafka_prefix, tmp_path, reply_within("seconds = 4", escalate_before=["2s"]))
    )
    beside(live.worker)
    board = Board(live.settings, tmp_path / "board")
    yield live, board
    board.close()
    live.close()


def test_a_clock_is_followed_to_its_breach_without_a_reload(tab: OpenTab, watched: tuple[Live, Board]) -> None:
    live, board = watched
    opened = tab(board.url)
    page = opened.open("/")
    expect(page.locator(".empty")).to_have_text("Nothing is due here.")
    page.evaluate("window.isTheSame = true")
    seller = seller_on(0, live.partitions)
    beside(lambda: live.send([question(seller, "live")]))
    expect(rows(page)).to_have_count(1)
    expect(page.locator(".state .chip")).to_have_text("Open")
    expect(page.locator(".left time")).to_contain_text(re.compile(r"^[0-3] s$"))
    page.locator("[data-row]").focus()
    expect(page.locator(".state .chip")).to_have_text("Breached")
    expect(page.locator(".figure.over b")).to_have_text("1")
    expect(page.locator(".left time")).to_contain_text("−")
    expect(page.locator("[data-row]")).to_be_focused()
    assert page.evaluate("window.isTheSame"), "the page was loaded again"
    page.keyboard.press("Enter")
    expect(page.locator("#said ~ .events .chip")).to_have_text(["Opened", "Escalated", "Breached"])


def test_a_board_that_ends_is_noticed_by_its_page(scene: Scene, tab: OpenTab, tmp_path: Path) -> None:
    ending = Board(scene.settings, tmp_path)
    opened = tab(ending.url)
    page = opened.open("/")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    assert ending.close() == 0
    expect(page.locator("[data-live-state]")).to_have_text("Not live: reload to see what is new")
    opened.wrong.clear()  # the browser says that nobody answers: so it is


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_any_page(tab: OpenTab, scheme: str, width: int) -> None:
    opened = tab(scheme=scheme, width=width)
    found: dict[str, Any] = {}
    for name, path in PAGES.items():
        page = opened.open(path)
        if name == "clock":
            expect(page.locator("table.facts")).to_be_visible()
        if name == "error":
            opened.wrong.clear()  # the browser says that it was answered 404: so it was
        page.evaluate(AXE.read_text(encoding="utf-8"))
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found[name] = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in report["violations"]]
    assert {name: violations for name, violations in found.items() if violations} == {}


def test_no_page_is_wider_than_a_phone(tab: OpenTab) -> None:
    opened = tab(width=360)
    wide = {}
    for name, path in PAGES.items():
        page = opened.open(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    opened.wrong.clear()
    assert wide == {}


def test_all_but_liveness_is_there_without_scripts(tab: OpenTab) -> None:
    page = tab(has_scripts=False).open("/")
    assert rows(page).count() > 5
    page.locator("select[name=state]").select_option("breached")
    page.get_by_role("button", name="Filter").click()
    assert set(page.locator(".state .chip").all_inner_texts()) == {"Breached"}
    page.goto(page.url.split("/?")[0] + f"/clocks/{RETRACTED}")
    page.get_by_text("Read its story from the journal").click()
    expect(page.locator("table.facts tbody tr")).to_have_count(2, timeout=30_000)
    page.locator("select[name=lang]").select_option("ja")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")


@pytest.mark.parametrize(
    ("language", "code", "words"),
    [("zh-CN", "zh-Hans", "剩余时间"), ("ja-JP", "ja", "残り時間"), ("en-GB", "en", "Time left")],
)
def test_a_browser_is_spoken_to_in_its_language(tab: OpenTab, language: str, code: str, words: str) -> None:
    page = tab(language=language).open("/")
    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.locator("thead")).to_contain_text(words)


def test_language_zone_and_light_are_the_readers_choice(tab: OpenTab) -> None:
    page = tab().open("/")
    expect(page.locator("select[name=zone]")).to_have_value("Asia/Shanghai")
    page.locator("select[name=zone]").select_option("America/Los_Angeles")
    page.wait_for_load_state()
    page.locator("select[name=theme]").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("select[name=zone]")).to_have_value("America/Los_Angeles")
    page.locator("select[name=lang]").select_option("zh-Hans")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
