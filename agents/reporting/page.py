"""A report as one HTML file: figures, plots as inline SVG, what was late with its links; for screen and paper. Pure.

Nothing is fetched: no script, no font, no image. Light or dark as the reader's device says, on paper always light. It
can be read without colour: what was late is the top of a bar, and each bar says its numbers.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from html import escape
from typing import Final

from agents.phrases import RULE_NAMES, duration, shop_of, words_for
from agents.reporting.figures import total
from agents.reporting.words import PAGE
from agents.subscriptions import Language
from schemas.answers.report import DayFigures, PeriodFigures, Report, ReportedBreach, ReportLine

MOST_BREACHES: Final = 200
"""Of one account on the page; CSV and JSON have all of them."""
_BAR_PX, _GAP_PX, _PLOT_PX = 9, 3, 34
_MOST_BARS: Final = 62
_LANGUAGE_TAGS: Final[dict[Language, str]] = {"en": "en", "zh": "zh-Hans", "ja": "ja"}

_STYLE: Final = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#22262b;--soft:#6a7178;--line:#e3e0da;--met:#3f8f6b;--late:#c5483a;--other:#c9ccd0;
--link:#1f5fa8;--good:#2c7a56;--bad:#b23a2d}
@media (prefers-color-scheme:dark){:root{--bg:#15181b;--card:#1d2125;--ink:#e4e6e8;--soft:#9aa2aa;--line:#30363c;
--met:#58b58c;--late:#e8705f;--other:#4b5259;--link:#7db4f0;--good:#6cc79d;--bad:#f08a7b}}
*{box-sizing:border-box}html{color-scheme:light dark}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK SC","Noto Sans CJK JP","PingFang SC","Hiragino Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 48px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:0;overflow-wrap:anywhere}
h2 small{font-weight:400;color:var(--soft)}h3{font-size:15px;margin:20px 0 6px}
p{margin:0 0 6px}.soft{color:var(--soft)}small{font-size:12px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px;margin:22px 0}
.head{display:flex;flex-wrap:wrap;gap:6px 24px;align-items:baseline;justify-content:space-between}
.big{display:flex;flex-wrap:wrap;gap:12px 36px;margin:14px 0 6px}.big div{min-width:84px}
.big b{display:block;font-size:28px;line-height:1.15;font-weight:650;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:7px 10px;text-align:right;border-top:1px solid var(--line);vertical-align:middle;white-space:nowrap}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:12.5px;vertical-align:bottom}
th.l,td.l{text-align:left;padding-left:0}td.l{white-space:normal;min-width:150px}td:last-child,th:last-child{padding-right:0}
td .was{display:block;color:var(--soft);font-size:12px}.up{color:var(--good)}.down{color:var(--bad)}
.late{color:var(--late);font-weight:600}code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
td.id{white-space:normal;overflow-wrap:anywhere;min-width:180px}.b th,.b td{text-align:left}.b .n{text-align:right}
.b td.d{white-space:normal;min-width:170px}.b td:first-child,.b th:first-child{padding-left:0}
a{color:var(--link);text-decoration:none}a:hover,a:focus{text-decoration:underline}
svg{display:block}.m{fill:var(--met)}.t{fill:var(--late)}.o{fill:var(--other)}.ax{stroke:var(--line)}
.key{display:inline-block;width:9px;height:9px;border-radius:2px;margin:0 4px 0 12px}
@media (max-width:640px){main{padding:20px 12px}section{padding:14px}h1{font-size:21px}.big b{font-size:23px}
td.id,.b td.d{white-space:nowrap}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#555;--line:#bbb;--met:#3f8f6b;--late:#c5483a;
--other:#c9ccd0;--link:#000;--good:#000;--bad:#000}html{color-scheme:light}main{max-width:none;padding:0}body{font-size:10.5pt}
section{border:0;border-top:1px solid #999;border-radius:0;padding:12px 0;margin:14px 0}.scroll{overflow:visible}
svg,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}tr,.big{break-inside:avoid}h2,h3{break-after:avoid}
th,td{padding:4px 5px}@page{size:A4 landscape;margin:14mm}}
"""


def page(report: Report, language: Language) -> str:
    """The whole file."""

    def word(name: str) -> str:
        return PAGE[name][language]

    title = f"{word('title')} {_span(report)}"
    known = f" · {word('known').format(at=_minute(report.known_until))}" if report.known_until else ""
    accounts = _by_account(report.lines)
    body = "".join(_account(account, lines, report, language) for account, lines in accounts)
    return f"""<!doctype html>
<html lang="{_LANGUAGE_TAGS[language]}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{escape(word("title"))}</h1>
<p>{escape(_span(report))} UTC <span class="soft">· {escape(word("before").format(since=report.before_since[:10]))}\
{escape(known)}</span></p>
</header>
{body or f"<section><p>{escape(word('nothing'))}</p></section>"}
<footer class="soft"><small>{escape(word("foot"))}</small></footer>
</main>
</body>
</html>
"""


def headline(report: Report, language: Language) -> str:
    """The report in one line, for the head of a mail."""
    _, _, late, rate = total(line.now for line in report.lines)
    since, last = _days_of(report)
    return PAGE["headline"][language].format(since=since, last=last, rate=percent(rate), late=late)


def percent(ppm: int | None) -> str:
    """A rate as people read it; a dash where there is none. 100 % is said of all alone."""
    if ppm is None:
        return "–"
    return "100 %" if ppm == 1_000_000 else f"{min((ppm + 500) // 1000, 999) / 10:.1f} %"


def _by_account(lines: Iterable[ReportLine]) -> list[tuple[str, list[ReportLine]]]:
    found: dict[str, list[ReportLine]] = {}
    for line in lines:
        found.setdefault(f"{line.seller_id}/{line.marketplace_id}", []).append(line)
    return list(found.items())


def _account(account: str, lines: Sequence[ReportLine], report: Report, language: Language) -> str:
    opened, met, late, rate = total(line.now for line in lines)
    was_opened, was_met, was_late, was_rate = total(line.before for line in lines)

    def number(name: str, now: str, was: str, change: str = "", style: str = "") -> str:
        label = escape(PAGE[name][language])
        below = f'<small class="soft">{was} {change}</small>'
        return f'<div><small class="soft">{label}</small><b{style}>{now}</b>{below}</div>'

    shop = shop_of(lines[0].marketplace_id)
    rows = "".join(_row(line, report, language) for line in lines)
    return f"""<section>
<div class="head"><h2>{escape(account)} <small>{escape(shop)}</small></h2>
<small class="soft">{_legend(language)}</small></div>
<div class="big">
{number("on_time", percent(rate), percent(was_rate), _change(rate, was_rate, language))}
{number("opened", f"{opened:,}", f"{was_opened:,}")}
{number("met", f"{met:,}", f"{was_met:,}")}
{number("late", f"{late:,}", f"{was_late:,}", style=' class="late"' if late else "")}
</div>
<div class="scroll"><table>
<thead>{_headings(language)}</thead>
<tbody>{rows}</tbody>
</table></div>
{_breaches([(line.rule, one) for line in lines for one in line.breaches], language)}
</section>
"""


def _headings(language: Language) -> str:
    names = ("on_time", "opened", "met", "late", "superseded", "exempt", "open")
    cells = "".join(f"<th scope=col>{escape(PAGE[name][language])}</th>" for name in names)
    time = PAGE["time_to_stop"][language]
    times = "".join(
        f"<th scope=col>{escape(time)}<br>{escape(PAGE[name][language])}</th>" for name in ("median", "p90")
    )
    first = f'<th scope=col class="l">{escape(PAGE["rule"][language])}</th>'
    return f"<tr>{first}{cells}{times}<th scope=col>{escape(PAGE['by_day'][language])}</th></tr>"


def _row(line: ReportLine, report: Report, language: Language) -> str:
    now, was = line.now, line.before
    name = words_for(RULE_NAMES, line.rule, language)
    cells = [
        f'<td class="l">{escape(name)}<span class="was"><code>{escape(line.rule)}</code></span></td>',
        _cell(percent(now.on_time_ppm), percent(was.on_time_ppm), _change(now.on_time_ppm, was.on_time_ppm, language)),
    ]
    for field in ("opened", "met", "late", "superseded", "exempt", "open"):
        count = getattr(now, field)
        shown = f'<span class="late">{count:,}</span>' if field == "late" and count else f"{count:,}"
        cells.append(_cell(shown, f"{getattr(was, field):,}"))
    for field in ("median_ms", "p90_ms"):
        cells.append(_cell(_time(now, field, language), _time(was, field, language)))
    cells.append(f"<td>{_plot(line.days, report, language)}</td>")
    return f"<tr>{''.join(cells)}</tr>\n"


def _cell(now: str, was: str, change: str = "") -> str:
    return f'<td>{now}<span class="was">{change or was}</span></td>'


def _time(of: PeriodFigures, field: str, language: Language) -> str:
    ms = getattr(of, field)
    return "–" if ms is None else escape(duration(ms, language))


def _change(now: int | None, was: int | None, language: Language) -> str:
    """How a rate has moved, in points of a per cent, where both periods have one."""
    if now is None or was is None or now == was:
        return ""
    points = f"{'+' if now > was else '−'}{abs(now - was) / 10_000:.1f}"
    style = "up" if now > was else "down"
    return f'<span class="{style}">{escape(PAGE["points"][language].format(n=points))}</span>'


def _plot(days: Sequence[DayFigures], report: Report, language: Language) -> str:
    """A bar for each day of the period: met below, others on it, late on top."""
    first, last = (date.fromisoformat(day) for day in _days_of(report))
    count = min((last - first).days + 1, _MOST_BARS)
    by_day = {day.day: day for day in days}
    most = max((day.met + day.late + day.other for day in days), default=1)
    width = count * (_BAR_PX + _GAP_PX) - _GAP_PX
    bars: list[str] = []
    for number in range(count):
        name = (last - timedelta(days=count - 1 - number)).isoformat()
        if (day := by_day.get(name)) is not None:
            bars.append(_bar(number * (_BAR_PX + _GAP_PX), day, most, language))
    label = ", ".join(f"{day.day}: {day.met}/{day.late}/{day.other}" for day in days)
    ground = _PLOT_PX - 0.5
    return (
        f'<svg width="{width}" height="{_PLOT_PX}" viewBox="0 0 {width} {_PLOT_PX}" role="img" '
        f'aria-label="{escape(label)}"><line class="ax" x1="0" x2="{width}" y1="{ground}" y2="{ground}"/>'
        f"{''.join(bars)}</svg>"
    )


def _bar(x: int, day: DayFigures, most: int, language: Language) -> str:
    """One day. A part that is there is at least two pixels high: a single late one has to be seen."""
    words = ", ".join(f"{PAGE[name][language]} {count}" for name, count in (("met", day.met), ("late", day.late)))
    y = float(_PLOT_PX - 1)
    rects = []
    for style, count in (("m", day.met), ("o", day.other), ("t", day.late)):
        if count:
            height = max(2.0, count / most * (_PLOT_PX - 7))
            y -= height
            rects.append(f'<rect class="{style}" x="{x}" y="{y:.1f}" width="{_BAR_PX}" height="{height:.1f}"/>')
    return f"<g><title>{escape(f'{day.day}: {words}')}</title>{''.join(rects)}</g>"


def _legend(language: Language) -> str:
    names = (("met", "met"), ("other", "other"), ("late", "late"))
    return "".join(
        f'<span class="key" style="background:var(--{style})"></span>{escape(PAGE[name][language])}'
        for style, name in names
    )


def _breaches(breaches: Sequence[tuple[str, ReportedBreach]], language: Language) -> str:
    if not breaches:
        return f'<p class="soft" style="margin-top:14px">{escape(PAGE["no_breaches"][language])}</p>'
    shown = sorted(breaches, key=lambda one: (one[1].due_at, one[1].clock_id))[:MOST_BREACHES]
    more = f" ({len(shown):,} / {len(breaches):,})" if len(shown) < len(breaches) else ""
    names = ("due", "rule", "order", "late_by", "clock")
    head = "".join(
        f"<th scope=col{' class=n' if name == 'late_by' else ''}>{escape(PAGE[name][language])}</th>" for name in names
    )
    rows = "".join(_breach(rule, one, language) for rule, one in shown)
    return (
        f"<h3>{escape(PAGE['breaches'][language])}{more}</h3>"
        f'<div class="scroll"><table class="b"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _breach(rule: str, one: ReportedBreach, language: Language) -> str:
    late = escape(duration(one.late_by_ms, language)) if one.late_by_ms is not None else _still(language)
    order = _link(one.order_page, one.order_id or one.subject)
    clock = _link(one.clock_page, one.clock_id)
    return (
        f"<tr><td>{escape(_minute(one.due_at))}</td><td class=d>{escape(words_for(RULE_NAMES, rule, language))}</td>"
        f"<td>{order}</td><td class=n>{late}</td><td class=id><code>{clock}</code></td></tr>\n"
    )


def _still(language: Language) -> str:
    return f'<span class="late">{escape(PAGE["still"][language])}</span>'


def _link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(text)}</a>' if address else escape(text)


def _span(report: Report) -> str:
    return " – ".join(_days_of(report))


def _days_of(report: Report) -> tuple[str, str]:
    """The first and the last day of the period; an end at midnight belongs to the day before."""
    until = date.fromisoformat(report.until[:10])
    is_midnight = report.until[11:] == "00:00:00.000Z"
    last = until - timedelta(days=1) if is_midnight else until
    return report.since[:10], max(report.since[:10], last.isoformat())


def _minute(at: str) -> str:
    return f"{at[:10]} {at[11:16]}"
