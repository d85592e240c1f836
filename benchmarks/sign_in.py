"""Sign in a user whose password was checked: store the session and issue the tokens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from django_tokenauth import services

from .catalog import Run
from .competitors import load
from .project import new_users
from .sampling import Subject, measure, unit
from .tables import OURS, RowKind, Table


def tables(run: Run) -> Iterator[Table]:
    # Many users, so that none exceeds MAX_SESSIONS_PER_USER.
    users = new_users(20 if run.quick else 1000)

    def in_turn(sign_in: Callable[[Any], object]) -> Callable[[], object]:
        turns = itertools.cycle(users)
        return lambda: sign_in(next(turns))

    subjects = [
        Subject(OURS, RowKind.OURS, in_turn(services.sign_in)),
        *(
            Subject(name, RowKind.COMPETITOR, in_turn(load(name).sign_in))
            for name in run.competitors
        ),
    ]
    note = "Ours also limits the user's sessions, updates last_login and deletes expired sessions."
    rows = measure(subjects, run)
    yield Table("Sign in without the password hash", rows, unit(run), note=note)
