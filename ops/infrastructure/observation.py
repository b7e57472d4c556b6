"""The dashboard and the alarms of Simple Log Service, from the charts of `ops.monitoring`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.infrastructure.resources import Resources, make
from ops.monitoring.charts import ALARMS, CHARTS, Alarm, Chart
from ops.monitoring.queries import render_alarm, render_chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Deployment

_COLUMNS: Final = 2
_WIDTH, _HEIGHT = 10, 8  # of a grid that is 20 wide
_WEEK: Final = "-604800s"
_HIGH: Final = 8  # 2 report, 4 low, 6 medium, 8 high, 10 critical
_DAY_MINUTES: Final = 1_440


def make_dashboard(deployment: Deployment) -> Resources:
    """One dashboard with all charts."""
    variables = deployment.variables
    properties = {
        "ProjectName": str(variables["logProject"]),
        "DashboardName": f"{variables['prefix']}-dashboard",
        "DisplayName": str(variables["prefix"]),
        "Charts": [_chart(chart, place, str(variables["logStore"])) for place, chart in enumerate(CHARTS)],
    }
    return {"Dashboard": make("ALIYUN::SLS::Dashboard", properties, DependsOn="LogIndex")}


def make_alerts(deployment: Deployment) -> Resources:
    """One alert for each alarm. It notifies by the action policy that the settings name, and is listed in any case."""
    return {
        f"{''.join(word.capitalize() for word in alarm.name.split('-'))}Alert": make(
            "ALIYUN::SLS::Alert",
            {"Project": str(deployment.variables["logProject"]), "Detail": _detail(alarm, deployment.variables)},
            DependsOn="Dashboard",
        )
        for alarm in ALARMS
    }


def _chart(chart: Chart, place: int, store: str) -> dict[str, Any]:
    row, column = divmod(place, _COLUMNS)
    return {
        "title": chart.name,
        "type": "line" if chart.by in ("time", "day") else "column",
        "search": {"logstore": store, "topic": "", "query": render_chart(chart), "start": _WEEK, "end": "now"},
        "display": {
            "xAxis": [chart.by],
            "yAxis": [series.label for series in chart.series],
            "xPos": column * _WIDTH,
            "yPos": row * _HEIGHT,
            "width": _WIDTH,
            "height": _HEIGHT,
            "displayName": f"{chart.title}{f' ({chart.unit})' if chart.unit else ''}",
        },
        "action": {},
    }


def _detail(alarm: Alarm, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": f"{variables['prefix']}-{alarm.name}",
        "DisplayName": alarm.title,
        "Description": alarm.advice,
        "Schedule": {"Type": "FixedRate", "Interval": "1h" if alarm.minutes >= _DAY_MINUTES else "5m"},
        "Configuration": _configuration(alarm, variables),
    }


def _configuration(alarm: Alarm, variables: Mapping[str, Any]) -> dict[str, Any]:
    query = {
        "Query": render_alarm(alarm),
        "StoreType": "log",
        "Project": str(variables["logProject"]),
        "Store": str(variables["logStore"]),
        "Region": str(variables["region"]),
        "TimeSpanType": "Relative",
        "Start": f"-{alarm.minutes}m",
        "End": "now",
    }
    policy = str(variables["alertPolicy"])
    notifying = {"AlertPolicyId": "sls.builtin.dynamic", "ActionPolicyId": policy, "RepeatInterval": "4h"}
    condition = {"Condition": f"{alarm.series.label} >= {alarm.limit:g}", "CountCondition": ""}
    return {
        "Version": "2.0",
        "Type": "default",
        "Dashboard": f"{variables['prefix']}-dashboard",
        "QueryList": [query],
        "GroupConfiguration": {"Type": "no_group"},
        "SeverityConfigurations": [{"Severity": _HIGH, "EvalCondition": condition}],
        "Annotations": [{"Key": "title", "Value": alarm.title}, {"Key": "desc", "Value": alarm.advice}],
        "NoDataFire": False,
        "SendResolved": True,
        "Threshold": 1,
        **({"PolicyConfiguration": notifying} if policy else {}),
    }
