"""The few figures that the README shows, out of all that a run found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .results import Kind, Row, Table, number

Tables = Mapping[str, Sequence[Table]]
#: The groups of authentication that the plot shows.
PLOTTED = ("with the user from the database", "without a statement, HS256")
HS256 = PLOTTED[1]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: where its row stands, and how it is called there."""

    part: str
    #: How the title of the table begins, and the name of the database in its heading.
    title: str
    database: str
    group: str
    name: str
    english: str
    korean: str
    #: Peers that do not do the same thing.
    without: tuple[str, ...] = ()


_REQUEST = ("authentication", "Authentication of a request", "SQLite")
LINES = (
    Line(
        *_REQUEST,
        PLOTTED[0],
        "JWTAuthentication, seen before",
        "``JWTAuthentication``, a token seen before",
        "``JWTAuthentication``, 이미 본 토큰",
    ),
    Line(
        *_REQUEST,
        PLOTTED[0],
        "JWTAuthentication, never seen",
        "``JWTAuthentication``, a token never seen",
        "``JWTAuthentication``, 처음 보는 토큰",
    ),
    Line(
        *_REQUEST,
        HS256,
        "Stateless, seen before",
        "``StatelessJWTAuthentication``, seen before",
        "``StatelessJWTAuthentication``, 이미 본 토큰",
    ),
    Line(
        *_REQUEST,
        HS256,
        "Stateless, never seen",
        "``StatelessJWTAuthentication``, never seen",
        "``StatelessJWTAuthentication``, 처음 보는 토큰",
    ),
    Line(
        "http",
        "Requests over HTTP",
        "SQLite",
        "2 workers",
        "StatelessJWTAuthentication",
        "``StatelessJWTAuthentication`` over HTTP, two workers",
        "``StatelessJWTAuthentication``, HTTP 요청, 워커 2개",
    ),
    Line(
        "refresh",
        "Refresh",
        "PostgreSQL",
        "the whole view",
        "ours",
        "a refresh with rotation and reuse detection",
        "교체와 재사용 감지를 포함한 리프레시",
    ),
    Line(
        "growth",
        "Rows",
        "PostgreSQL",
        "after 10,000 refreshes",
        "ours",
        "rows after 10,000 refreshes of a sign-in",
        "로그인 한 번을 10,000번 리프레시한 뒤의 행",
    ),
    Line(
        "prune",
        "Deleting 100,000 ended of 200,000 rows",
        "PostgreSQL",
        "",
        "tokenauth_prune",
        "deleting 100,000 ended of 200,000 rows",
        "행 200,000개 중 끝난 100,000개 삭제",
    ),
    Line(
        "sign_in",
        "Sign-in",
        "SQLite",
        "",
        "ours",
        "a sign-in, without the hash of the password",
        "비밀번호 해시를 뺀 로그인",
        without=("drf-jwt, which stores nothing",),
    ),
)


class NotFound(LookupError):
    """A figure that the README shows is not among those of the run."""


@dataclass(frozen=True, slots=True)
class Found:
    """A line with its figures."""

    line: Line
    unit: str
    ours: Row
    #: The best one.
    peer: Row

    @property
    def ratio(self) -> float:
        return self.ours.figure.median / self.peer.figure.median

    def cells(self) -> tuple[str, str, str]:
        """Our figure, that of the best peer, and the ratio of the two."""
        # What is counted is named in the line.
        unit = "" if self.unit == "rows" else f" {self.unit}"
        peer = self.peer.name.partition(",")[0]
        return (
            f"{number(self.ours.figure.median)}{unit}",
            f"{number(self.peer.figure.median)}{unit} ({peer})",
            f"{self.ratio:.2f}" if self.ratio >= 0.005 else "< 0.01",
        )


def found(tables: Tables) -> Iterator[Found]:
    """The lines of the small table. Raises :class:`NotFound`."""
    for line in LINES:
        table = _table_of(line, tables)
        rows = [row for row in table.rows if row.group == line.group]
        ours = [row for row in rows if row.kind is Kind.OURS and row.name == line.name]
        peers = [row for row in rows if row.kind is Kind.PEER and row.name not in line.without]
        if not ours or not peers:
            raise NotFound(f"Nobody is there to compare with in {line.part}: {line.english}.")
        best = max if table.more_is_better else min
        yield Found(line, table.unit, ours[0], best(peers, key=lambda row: row.figure.median))


def plotted(tables: Tables) -> Table:
    """What the plot of the README shows. Raises :class:`NotFound`."""
    table = _table_of(LINES[0], tables)
    return replace(table, rows=[row for row in table.rows if row.group in PLOTTED])


def _table_of(line: Line, tables: Tables) -> Table:
    for table in tables.get(line.part, ()):
        if table.title.startswith(line.title) and line.database in table.database:
            return table
    raise NotFound(f"There is no table for this: {line.english} ({line.database}).")
