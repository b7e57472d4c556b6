"""Measured charts as one HTML page that needs nothing else: drawings in SVG, and the numbers as tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ops.monitoring.measuring import Measured

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 200, 56, 24
_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
_MOST_ROWS: Final = 24
_WORDS: Final = {
    "en": {"title": "Semantic search", "none": "Nothing to show yet.", "latest": "Latest numbers"},
    "zh": {"title": "语义搜索", "none": "暂无数据。", "latest": "最近的数值"},
}
_STYLE: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1360px;padding:0 1rem;color:#222}"
    "main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,600px),1fr));gap:1.5rem}"
    "section{border:1px solid #ddd;border-radius:6px;padding:1rem}"
    "h1{font-size:1.4rem}h2{font-size:1rem;margin:0 0 .5rem}"
    "svg{width:100%;height:auto}text{font-size:11px;fill:#555}table{border-collapse:collapse;width:100%}"
    "td,th{padding:2px 8px;text-align:right;border-top:1px solid #eee}td:first-child,th:first-child{text-align:left}"
    "i{display:inline-block;width:.7em;height:.7em;margin-right:.3em}summary{cursor:pointer}"
)


def render(measured: Iterable[Measured], language: str, source: str) -> str:
    """The page.

    Args:
        language: of titles and words: ``en`` or ``zh``.
        source: where the numbers come from, for the reader.
    """
    words = _WORDS[language]
    sections = "".join(_draw_section(chart, language) for chart in measured)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{words["title"]}</title>'
        f"<style>{_STYLE}</style><h1>{words['title']}</h1><p>{escape(source)}</p><main>{sections}</main></html>\n"
    )


def _draw_section(measured: Measured, language: str) -> str:
    chart = measured.chart
    title = chart.title if language == "en" else chart.title_zh
    unit = f" ({chart.unit})" if chart.unit else ""
    heading = f"<h2>{escape(title)}{escape(unit)}</h2>"
    if not measured.columns:
        return f"<section id={chart.name!r}>{heading}<p>{_WORDS[language]['none']}</p></section>"
    drawing = _draw_columns(measured) if chart.by not in ("time", "day") else _draw_lines(measured)
    return f"<section id={chart.name!r}>{heading}{drawing}{_legend(measured)}{_tabulate(measured, language)}</section>"


def _draw_lines(measured: Measured) -> str:
    top = _top(measured)
    step = (_WIDTH - _LEFT) / max(1, len(measured.columns) - 1)
    parts = [_axes(top, measured.columns[0], measured.columns[-1])]
    for colour, row in _coloured(measured):
        points = [(_LEFT + place * step, value) for place, value in enumerate(row) if value is not None]
        path = " ".join(f"{x:.1f},{_height(value, top):.1f}" for x, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{_height(value, top):.1f}" r="2" fill="{colour}"/>' for x, value in points]
    return _svg(parts)


def _draw_columns(measured: Measured) -> str:
    top, shown = _top(measured), measured.columns[:_MOST_ROWS]
    step = (_WIDTH - _LEFT) / len(shown)
    parts = [_axes(top, "", "")]
    for colour, row in _coloured(measured):
        for place, value in enumerate(row[: len(shown)]):
            y = _height(value or 0, top)
            x, height = _LEFT + place * step + step * 0.1, _HEIGHT - _BOTTOM - y
            label = f"<title>{escape(shown[place])}: {_number(value)}</title>"
            place_and_size = f'x="{x:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}"'
            parts.append(f'<rect {place_and_size} fill="{colour}">{label}</rect>')
    return _svg(parts)


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def _axes(top: float, first: str, last: str) -> str:
    bottom = _HEIGHT - _BOTTOM
    marks = ""
    for value in (0, top / 2, top):
        y = _height(value, top)
        marks += f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>'
        marks += f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>'
    ends = f'<text x="{_LEFT}" y="{bottom + 16}">{escape(first)}</text>'
    if last != first:
        ends += f'<text x="{_WIDTH}" y="{bottom + 16}" text-anchor="end">{escape(last)}</text>'
    return marks + ends


def _legend(measured: Measured) -> str:
    names = zip(_coloured(measured), measured.rows, strict=True)
    return (
        "<p>" + " ".join(f'<i style="background:{colour}"></i>{escape(name)}' for (colour, _), name in names) + "</p>"
    )


def _tabulate(measured: Measured, language: str) -> str:
    over_time = measured.chart.by in ("time", "day")
    places = range(len(measured.columns))
    shown = list(reversed(places))[:_MOST_ROWS] if over_time else list(places)[:_MOST_ROWS]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *measured.rows))
    body = "".join(
        f"<tr><td>{escape(measured.columns[place])}</td>"
        + "".join(f"<td>{_number(row[place])}</td>" for row in measured.rows.values())
        + "</tr>"
        for place in shown
    )
    return f"<details><summary>{_WORDS[language]['latest']}</summary><table><tr>{head}</tr>{body}</table></details>"


def _coloured(measured: Measured) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    for place, row in enumerate(measured.rows.values()):
        yield _COLOURS[place % len(_COLOURS)], row


def _top(measured: Measured) -> float:
    return max((value for row in measured.rows.values() for value in row if value is not None), default=0) or 1.0


def _height(value: float, top: float) -> float:
    return (_HEIGHT - _BOTTOM) - (_HEIGHT - _BOTTOM - 12) * value / top


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.4g}"
