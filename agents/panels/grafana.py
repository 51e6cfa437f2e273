"""The dashboards of Grafana, as its JSON (schema version 36, Grafana 10 and newer): what to provision from files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agents.panels import DASHBOARDS
from agents.panels.shape import Dashboard, Look, Panel, Unit

SCHEMA_VERSION: Final = 36
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
REPOSITORY: Final = "https://github.com/stillwatch/stillwatch"
RUNBOOK: Final = REPOSITORY + "/blob/main/deploy/runbooks/{}.md"
EXPLAIN: Final = REPOSITORY + "#for-the-three-people-who-use-it"

COLUMNS: Final = 24
FIGURE: Final = (4, 4)
CURVE: Final = (12, 8)
"""Width and height in cells of Grafana's grid."""

_UNITS: Final[Mapping[Unit, str]] = {
    "number": "short",
    "per_second": "cps",
    "seconds": "s",
    "share": "percentunit",
    "bytes": "bytes",
    "nats": "none",
}
_COLOURS: Final[Mapping[Look, str]] = {"plain": "blue", "good": "green", "warn": "orange", "bad": "red"}


def documents() -> Mapping[str, bytes]:
    """Each dashboard's file name, and what is in the file."""
    return {f"{it.uid}.json": msgspec.json.format(msgspec.json.encode(_dashboard(it))) + b"\n" for it in DASHBOARDS}


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["stillwatch"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,  # one crosshair over all panels
        "refresh": "30s",
        "timezone": "utc",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {"text": "Prometheus", "value": "prometheus"},
                    "hide": 0,
                }
            ]
        },
        "links": [
            {
                "title": "Stillwatch",
                "type": "dashboards",
                "tags": ["stillwatch"],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": [
            _panel(number, panel, place)
            for number, (panel, place) in enumerate(
                zip(dashboard.panels, _places(dashboard.panels), strict=True), start=1
            )
        ],
    }


def _places(panels: Sequence[Panel]) -> Iterator[dict[str, int]]:
    """Where each panel stands: side by side as long as there is room, figures and curves in rows of their own."""
    x = y = row = 0
    for panel in panels:
        width, height = FIGURE if panel.is_figure else CURVE
        if x + width > COLUMNS or (row and height != row):
            x, y = 0, y + row
        row = height
        yield {"x": x, "y": y, "w": width, "h": height}
        x += width


def _panel(number: int, panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    colour = "thresholds" if panel.is_figure else "palette-classic"
    defaults: dict[str, Any] = {
        "unit": _UNITS[panel.unit],
        "min": 0,
        "color": {"mode": colour},
        "thresholds": {
            "mode": "absolute",
            "steps": [
                {"color": _COLOURS[panel.base], "value": None},
                *({"color": _COLOURS[step.look], "value": step.at} for step in panel.steps),
            ],
        },
    }
    if panel.unit == "share":
        defaults["max"] = 1
    if not panel.is_figure:
        defaults["custom"] = {
            "lineWidth": 2,
            "fillOpacity": 8,
            "showPoints": "never",
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        }
    return {
        "id": number,
        "type": "stat" if panel.is_figure else "timeseries",
        "title": panel.title,
        "description": f"{panel.says}\n\nNext: {panel.then}",
        "datasource": DATASOURCE,
        "gridPos": place,
        "links": list(_links(panel)),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _figure_options() if panel.is_figure else _curve_options(),
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": DATASOURCE,
                "expr": query.promql,
                "legendFormat": query.legend,
                "range": True,
            }
            for at, query in enumerate(panel.queries)
        ],
    }


def _figure_options() -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }


def _curve_options() -> dict[str, Any]:
    return {
        "legend": {"showLegend": True, "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _links(panel: Panel) -> Iterator[dict[str, Any]]:
    """Where to go on: a panel never names an account, so it says where `stillwatch explain` is told of."""
    if panel.runbook is not None:
        yield _link(f"Runbook of {panel.runbook}", RUNBOOK.format(panel.runbook))
    if "stillwatch explain" in panel.then:
        yield _link("How to use stillwatch explain", EXPLAIN)


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "type": "link", "url": url, "targetBlank": True}
