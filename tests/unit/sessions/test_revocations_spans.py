"""The seconds whose revocations are counted again, because they may have been committed late."""

from __future__ import annotations

from django_tokenauth.conf.settings import LONGEST_WAIT
from django_tokenauth.sessions.revocations import _spans

WAIT = int(LONGEST_WAIT.total_seconds())


def test_revocation_spans_cover_late_commits_without_a_gap():
    end = 10_000 - 2
    assert list(_spans(0, 10_000)) == [
        range(end - 5, end),
        range(end - 20, end - 5),
        range(end - WAIT, end - 20),
    ]


def test_revocation_spans_do_not_begin_before_the_window():
    first, second, third = _spans(9_990, 10_000)
    assert (first, second) == (range(9_993, 9_998), range(9_990, 9_993))
    assert list(third) == []
