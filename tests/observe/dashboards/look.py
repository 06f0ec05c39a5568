"""How every dashboard looks: one palette, one way to make each kind of panel, one way to lay them out.

The palette is Okabe and Ito's, which people with any kind of colour vision tell apart; good and bad are blue and
vermilion, never green and red. Where there are more series than colours the lines are dashed, the bars paler. A panel
always has a unit, says what it means, and says in words that there is nothing where there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple, TypeAlias, TypeVar

import yaml
from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from schemas.policies import load_policies, shipped_policies
from tests.observe.programs import PROMETHEUS

BLUE, ORANGE, TEAL, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#999999"
PALETTE: Final = (BLUE, ORANGE, TEAL, VERMILION, PURPLE, SKY, YELLOW, GREY)
GOOD, CARE, BAD = BLUE, ORANGE, VERMILION
_DASHES: Final = ([10, 6], [2, 6], [20, 6, 2, 6])
_PALER: Final = (45, 20, 5)

SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
Panel: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel | table.Panel | text.Panel
AskingPanel = TypeVar("AskingPanel", timeseries.Panel, stat.Panel, heatmap.Panel, table.Panel)
Steps: TypeAlias = Sequence[tuple[float, str]]


class Query(NamedTuple):
    """A query, and how its series are named."""

    expr: str
    legend: str = "__auto"


class Said(NamedTuple):
    """What every panel says of itself. `alerts` are those that point here; the panel links to their runbook."""

    id: int
    title: str
    meaning: str
    nothing: str = "nothing to show"
    alerts: tuple[str, ...] = ()


@cache
def alert_names() -> tuple[str, ...]:
    """The alerts, in the order of the rules: their number is that of their panel on the runbook's dashboard."""
    loaded = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    return tuple(rule["alert"] for group in loaded["groups"] for rule in group["rules"])


@cache
def rule_names() -> tuple[str, ...]:
    """The rules of the shipped policies."""
    return tuple(sorted(load_policies(shipped_policies()).rules))


def lines(
    said: Said, unit: str, queries: Sequence[Query], *, steps: Steps = (), bars: bool = False, is_signed: bool = False
) -> timeseries.Panel:
    """Series over time, as lines or as stacked bars; thresholds are drawn as lines."""
    panel = timeseries.Panel().color_scheme(_colour("shades", BLUE)).span_nulls(False)
    panel = panel.axis_centered_zero(True) if is_signed else panel.min(0)
    panel = panel.legend(_legend()).tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    if bars:
        panel = panel.draw_style(common_models.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    else:
        panel = panel.line_width(2).show_points(common_models.VisibilityMode.NEVER)
    if steps:
        panel = panel.thresholds(_thresholds(steps))
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.LINE)
        panel = panel.thresholds_style(style)
    for letter, query in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(_target(query, letter).range())
    return _with(said, panel.unit(unit))


def figure(said: Said, unit: str, query: Query, *, steps: Steps = ((0, GOOD),)) -> stat.Panel:
    """One number of now, coloured by its threshold, with the last hours behind it."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().unit(unit).thresholds(_thresholds(steps)).color_scheme(_colour("thresholds"))
    panel = panel.reduce_options(last).with_target(_target(query, "A").range())
    return _with(said, panel.color_mode(common_models.BigValueColorMode.VALUE))


def heat(said: Said, unit: str, query: Query) -> heatmap.Panel:
    """A histogram over time: how many in each bucket, the darker the more."""
    scheme = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    panel = heatmap.Panel().calculate(False).color(scheme).y_axis(heatmap.YAxisConfig().unit(unit))
    panel = panel.cell_values(heatmap.CellValues().unit("short")).show_color_scale(True)
    target = _target(query._replace(legend="{{le}}"), "A").range().format(PromQueryFormat.HEATMAP)
    return _with(said, panel.unit(unit).with_target(target))


def listing(
    said: Said, columns: Mapping[str, Query], *, unit: str = "short", steps: Steps = ((0, GOOD),)
) -> table.Panel:
    """A table of now: a row for each set of labels, a column for each query."""
    panel = table.Panel().unit(unit).thresholds(_thresholds(steps)).color_scheme(_colour("thresholds"))
    hidden = {"Time": True, "__name__": True, "job": True, "alertstate": True}
    renamed: dict[str, str] = {}
    for letter, (name, query) in zip("ABCDEF", columns.items(), strict=False):
        panel = panel.with_target(_target(query, letter).instant().format(PromQueryFormat.TABLE))
        renamed[f"Value #{letter}" if len(columns) > 1 else "Value"] = name
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    options = {"excludeByName": hidden, "renameByName": renamed, "indexByName": {}}
    return _with(said, panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=options)))


def page(said: Said, words: str) -> text.Panel:
    """Words, as Markdown."""
    return text.Panel().id(said.id).title(said.title).content(words)


def coloured(
    panel: timeseries.Panel, names: Iterable[str], *, is_start: bool = False, bars: bool = False
) -> timeseries.Panel:
    """Give each of these series its colour, the same on every panel; from the ninth on the colours come again, on lines
    that are dashed and bars that are paler and have an edge.
    """
    for number, name in enumerate(names):
        lap, place = divmod(number, len(PALETTE))
        properties = [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": PALETTE[place]})]
        if lap:
            again: dict[str, object] = {"custom.fillOpacity": _PALER[lap - 1], "custom.lineWidth": 1}
            if not bars:
                again = {"custom.lineStyle": {"fill": "dash", "dash": _DASHES[lap - 1]}}
            properties.extend(models.DynamicConfigValue(id_val, value) for id_val, value in again.items())
        ending = "( |$)" if is_start else "$"
        panel = panel.override_by_regexp(f"/^{re.escape(name)}{ending}/", properties)
    return panel


class Sheet:
    """A dashboard that fills itself from the left, row by row."""

    def __init__(self, uid: str, title: str, meaning: str) -> None:
        self._built = dashboard.Dashboard(title).uid(uid).description(meaning).tags(["dueclock"]).readonly()
        self._built.time("now-6h", "now").refresh("10s").timezone("browser").version(1)
        self._built.tooltip(models.DashboardCursorSync.CROSSHAIR)
        link = dashboard.DashboardLink("dueclock").type(models.DashboardLinkType.DASHBOARDS).tags(["dueclock"])
        self._built.link(link.keep_time(True).include_vars(True).as_dropdown(True))
        self._x = self._y = self._height = 0

    def sourced(self) -> Sheet:
        """It asks Prometheus: a variable to choose which, and annotations of what explains a break in every curve."""
        self._built.with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        self._annotate(
            "Policies activated",
            PURPLE,
            "sum by (digest) (sla_policy_info) unless on (digest) sum by (digest) (sla_policy_info offset 1m)",
            "policies {{digest}} in force",
        )
        self._annotate(
            "Restarts",
            ORANGE,
            "sum by (instance) (resets(sla_batch_lines_count[1m])) > 0",
            "worker {{instance}} started again",
        )
        return self

    def choosing(self, name: str, label: str, query: str) -> Sheet:
        """A variable whose values a query names; all of them at first."""
        variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query).multi(True)
        everything = models.VariableOption(text="All", value="$__all", selected=True)
        variable = variable.include_all(True).all_value(".*").current(everything)
        variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
            models.VariableSort.ALPHABETICAL_ASC
        )
        self._built.with_variable(variable)
        return self

    def row(self, title: str) -> None:
        """Begin a row with a title."""
        self._break()
        self._built.with_row(dashboard.Row(title).grid_pos(models.GridPos(h=1, w=24, x=0, y=self._y)))
        self._y += 1

    def add(self, panel: Panel, width: int, height: int) -> None:
        """Put a panel beside the last one, or below where there is no room."""
        if self._x + width > 24:
            self._break()
        self._built.with_panel(panel.grid_pos(models.GridPos(h=height, w=width, x=self._x, y=self._y)))
        self._x += width
        self._height = max(self._height, height)

    def build(self) -> models.Dashboard:
        """The dashboard."""
        return self._built.build()

    def _break(self) -> None:
        self._x, self._y, self._height = 0, self._y + self._height, 0

    def _annotate(self, name: str, colour: str, expr: str, title: str) -> None:
        annotation = _Annotation(name=name, datasource=SOURCE, icon_color=colour, expr=expr)
        annotation.title_format = title
        self._built.annotation(_Made(annotation))


class _Annotation(models.AnnotationQuery):
    """The SDK's annotation knows no title, Grafana does."""

    title_format = ""

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self.title_format}


class _Made(Builder[models.AnnotationQuery]):
    """A builder of what is built already."""

    def __init__(self, made: models.AnnotationQuery) -> None:
        self._made = made

    def build(self) -> models.AnnotationQuery:
        return self._made


def _with(said: Said, panel: AskingPanel) -> AskingPanel:
    panel = panel.id(said.id).title(said.title).description(said.meaning).no_value(said.nothing).datasource(SOURCE)
    return panel.links([_runbook(name) for name in said.alerts])


def _runbook(alert: str) -> dashboard.DashboardLink:
    url = f"/d/dueclock-runbook?viewPanel={alert_names().index(alert) + 1}"
    link = dashboard.DashboardLink(f"Runbook: {alert}").type(models.DashboardLinkType.LINK).url(url)
    return link.target_blank(True)


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter)
    return target.datasource(SOURCE)


def _colour(mode: str, fixed: str = "") -> dashboard.FieldColor:
    colour = dashboard.FieldColor().mode(models.FieldColorModeId(mode))
    return colour.fixed_color(fixed) if fixed else colour


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value=value or None, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST).show_legend(True)
    return legend.placement(common_models.LegendPlacement.BOTTOM)
