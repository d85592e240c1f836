"""The three plots of the documentation: bars, written as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from .report import Report
from .tables import Row, RowKind, Table, number

#: Labels, and colours that are distinguishable without red and green.
LEGEND = {
    RowKind.OURS: ("drf-tokenauth", "#0072b2"),
    RowKind.COMPETITOR: ("other packages", "#999999"),
    RowKind.REFERENCE: ("reference", "#e69f00"),
}
WIDTH, LABELS, BARS, LINE = 780, 310, 360, 20


def plots(report: Report) -> dict[str, str]:
    """Return the SVG of each plot. Raises :class:`MissingFigure`."""
    in_process, http = report.table("authentication", ""), report.table("over_http", "")
    refresh = [report.table("refresh", "Refresh", name) for name in ("PostgreSQL", "MariaDB")]
    return {
        "requests": draw([in_process, http]),
        "refresh": draw(refresh),
        "scale": draw([report.table("scale", "")]),
    }


def draw(tables: Sequence[Table]) -> str:
    """Draw one table below the other. The scales begin at zero."""
    parts, y = [], 10
    for table in tables:
        better = "more is better" if table.more_is_better else "less is better"
        parts.append(text(10, y + 14, f"{table.heading}, {table.unit} ({better})", bold=True))
        y += 26
        shown = [row for row in table.rows if row.kind is not RowKind.OVERHEAD]
        groups = {row.group: [each for each in shown if each.group == row.group] for row in shown}
        for group, rows in groups.items():
            if group:
                parts.append(text(10, y + 14, group))
                y += LINE
            # A row without a group is compared with all groups, so all have one scale.
            scale = BARS / max(row.figure.high for row in (shown if "" in groups else rows))
            for row in rows:
                parts += bar(row, y, scale)
                y += LINE
            y += 8
        y += 8
    parts += legend(y)
    size = f'width="{WIDTH}" height="{y + 30}"'
    font = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 30}" {size} {font}>'
    background = f'<rect {size} fill="#ffffff"/>'
    return "\n".join([head, background, *parts, "</svg>\n"])


def bar(row: Row, y: float, scale: float) -> Iterator[str]:
    """Draw a median, and a line between its quartiles."""
    figure, middle = row.figure, y + LINE / 2
    length = max(figure.median * scale, 1)
    yield text(LABELS - 8, middle + 4, row.name, anchor="end")
    yield rect(LABELS, y + 3, length, LINE - 6, LEGEND[row.kind][1])
    end = LABELS + length
    if figure.high != figure.low:
        low, high = (LABELS + value * scale for value in (figure.low, figure.high))
        yield f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#222222" fill="none"/>'
        end = max(end, high)
    yield text(end + 6, middle + 4, number(figure.median))


def legend(y: float) -> Iterator[str]:
    for place, (name, colour) in enumerate(LEGEND.values()):
        x = LABELS + 130 * place
        yield rect(x, y + 3, 12, 12, colour)
        yield text(x + 18, y + 14, name)


def text(x: float, y: float, content: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(content)}</text>'


def rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'width="{width:.1f}" height="{height:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>'
