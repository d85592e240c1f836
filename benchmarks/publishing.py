"""Write the figures of a run into the README, the documentation and its plots.

``docs/benchmarks/figures.json`` stores the figures; the pages and plots are computed from it. On
each page the generated part is between two comments.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent, wrap

from . import sizing
from .catalog import BENCHMARKS, COMPARED
from .competitors import COMPETITORS
from .plots import plots
from .report import Report
from .tables import OURS, MissingFigure, number

FOLDER = Path("docs/benchmarks")
FIGURES = FOLDER / "figures.json"
BEGIN, END = ".. figures: begin", ".. figures: end"
USER, NO_QUERY = "user from the database", "no query"


class Unpublishable(ValueError):
    """The figures or a page are incomplete. The message names the reason."""


#: Lines of the table in the README: benchmark, start of the table's title, database, group, our
#: row, pattern of the competitors' rows, label in English and in Korean.
# fmt: off
QUOTES = (
    ("authentication", "Authenticate", "SQLite", USER, "JWTAuthentication, cached token", "{}",
     "Authenticate and load the user (CPU µs)", "사용자를 조회하는 인증 (CPU µs)"),
    ("authentication", "Authenticate", "SQLite", USER, "JWTAuthentication, new token", "{}",
     "The same, first use of the token (CPU µs)", "같은 작업, 토큰을 처음 쓸 때 (CPU µs)"),
    ("authentication", "Authenticate", "SQLite", NO_QUERY,
     "StatelessJWTAuthentication, cached token", "{} stateless",
     "Authenticate without a query (CPU µs)", "쿼리 없는 인증 (CPU µs)"),
    ("authentication", "Authenticate", "SQLite", NO_QUERY,
     "StatelessJWTAuthentication, new token", "{} stateless",
     "The same, first use of the token (CPU µs)", "같은 작업, 토큰을 처음 쓸 때 (CPU µs)"),
    ("over_http", "Requests", "SQLite", NO_QUERY, "StatelessJWTAuthentication", "{} stateless",
     "Without a query over HTTP (requests/s)", "쿼리 없는 인증, HTTP (초당 요청 수)"),
    ("refresh", "Refresh", "PostgreSQL", "", OURS, "{}",
     "Refresh with rotation (µs)", "교체를 포함한 리프레시 (µs)"),
    ("refresh", "Rows of one sign-in after 10,000", "PostgreSQL", "", OURS, "{}",
     "Rows after 10,000 refreshes", "10,000번 리프레시한 뒤의 행"),
    ("prune", "Delete 100,000", "PostgreSQL", "", OURS, "{}",
     "Delete 100,000 expired rows (ms)", "만료된 행 100,000개 삭제 (ms)"),
    ("sign_in", "Sign in", "SQLite", "", OURS, "{}",
     "Sign in, without the password hash (CPU µs)", "비밀번호 해시를 뺀 로그인 (CPU µs)"),
)
# fmt: on


def publish(report: Report, root: Path) -> None:
    """Write the figures, pages and plots into the project at ``root``.

    Raises :class:`Unpublishable` before it writes anything.
    """
    if report.quick or report.skipped or report.failed or report.broken_assertions():
        raise Unpublishable("The run was quick or incomplete, or exceeded a limit.")
    try:
        texts = {path: replaced(root / path, block) for path, block in blocks(report).items()}
        texts |= {FOLDER / f"{name}.svg": svg for name, svg in plots(report).items()}
    except MissingFigure as missing:
        raise Unpublishable(str(missing)) from None
    for path, text in texts.items():
        (root / path).write_text(text, encoding="utf-8")
    report.write(root / FIGURES)


def replaced(path: Path, block: str) -> str:
    """Return the page with ``block`` between the comments. Raises :class:`Unpublishable`."""
    text = path.read_text(encoding="utf-8")
    if text.count(f"{BEGIN}\n") != 1 or text.count(f"{END}\n") != 1:
        raise Unpublishable(f"{path} needs one line {BEGIN!r} and one line {END!r}.")
    before, _, rest = text.partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}\n{after}"


def blocks(report: Report) -> dict[Path, str]:
    """Return the generated part of each page. Raises :class:`MissingFigure`."""
    versions = {name: report.versions.get(COMPETITORS[name].package) for name in COMPARED}
    versions = {**report.versions, **versions}
    shown = ("Python", "Django", *COMPARED, "SQLite", "PostgreSQL")
    short = ", ".join(f"{name} {versions[name]}" for name in shown if versions.get(name))
    date, processors = report.made_at[:10], report.processors
    english = wrapped(f"Measured on {date} with {short}, on {processors} processors.")
    korean = wrapped(f"{date}에 {short}, 프로세서 {processors}개에서 측정했습니다.")
    requirements = sizing.table(sizing.USERS, sizing.Assumptions(), sizing.Costs.of(report))
    return {
        Path("README.rst"): f"{comparison(report, 'Operation')}\n\n{english}",
        Path("docs/ko/README.rst"): f"{comparison(report, '작업', korean=True)}\n\n{korean}",
        Path("docs/benchmarks.rst"): "\n".join(all_tables(report)),
        Path("docs/scaling.rst"): simple_table(requirements),
    }


def comparison(report: Report, corner: str, *, korean: bool = False) -> str:
    """Return the table that compares the packages."""
    rows: list[tuple[str, ...]] = [(corner, OURS, *COMPARED)]
    for benchmark, title, database, group, our_row, pattern, *labels in QUOTES:
        table = report.table(benchmark, title, database)
        found = {row.name: number(row.figure.median) for row in table.rows if row.group == group}
        ours = number(table.row(our_row, group).figure.median)
        theirs = (found.get(pattern.format(name), "") for name in COMPARED)
        rows.append((labels[korean], ours, *theirs))
    return simple_table(rows)


def simple_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of reStructuredText whose first row is its head."""
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    border = "  ".join("=" * width for width in widths)

    def padded(cell: str, width: int) -> str:
        return cell + " " * (width - columns_of(cell))

    lines = ["  ".join(map(padded, row, widths)).rstrip() for row in rows]
    return "\n".join([border, lines[0], border, *lines[1:], border])


def columns_of(text: str) -> int:
    """Return the width of ``text``: Korean characters take two columns."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def wrapped(text: str) -> str:
    return "\n".join(wrap(text, 100, break_on_hyphens=False))


def all_tables(report: Report) -> Iterator[str]:
    yield wrapped(f"{report.measured_with()} Medians of {report.rounds} rounds.")
    for name, tables in report.tables.items():
        title = BENCHMARKS[name].title
        yield from ("", title, "~" * len(title), "", ".. code-block:: text", "")
        for place, table in enumerate(tables):
            yield from [""] * bool(place)
            yield from (indent(line, "    ") for line in table.lines())
