"""The list of defects matches the code, and the script reports missed defects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.meta import defects
from tests.meta.defect_list import DEFECTS, Defect
from tests.meta.defects import (
    PACKAGE,
    ROOT,
    apply,
    copied_project,
    failure_in,
    first_failure,
    run,
)

COMMENT = Defect(
    file="errors.py",
    what="a change of a comment",
    old="from __future__ import annotations",
    new="from __future__ import annotations  # no defect",
    tests=("tests/unit/test_errors.py",),
)


@pytest.fixture(scope="module")
def copy():
    with copied_project() as copy:
        yield copy


def test_defect_list_has_at_least_forty_different_entries():
    assert len(DEFECTS) >= 40
    assert len({(defect.file, defect.old, defect.new) for defect in DEFECTS}) == len(DEFECTS)
    assert len({defect.what for defect in DEFECTS}) == len(DEFECTS)


def test_defect_list_covers_all_components():
    components = Counter(defect.file.split("/")[0] for defect in DEFECTS)
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    # "test" contains helpers for the tests of projects.
    assert folders - {"migrations", "test"} <= set(components)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.file}: {defect.what}")
def test_listed_defect_matches_the_code_and_names_tests(defect):
    source = (PACKAGE / defect.file).read_text(encoding="utf-8")
    compile(apply(source, defect), defect.file, "exec")
    assert defect.tests
    for path in defect.tests:
        assert (ROOT / path.partition("::")[0]).exists()


def test_copied_project_can_be_read_by_other_users(copy):
    """Some tests run as other users, who import modules that no test has imported before."""
    assert copy.stat().st_mode & 0o777 == 0o755


def test_defect_that_matches_no_code_is_an_error():
    with pytest.raises(ValueError, match="occurs 0 times"):
        apply("", COMMENT)


def test_tests_in_a_package_copy_find_the_test_vectors(copy):
    assert first_failure(copy, ["tests/unit/tokens/test_vectors_rfc.py"]) is None


def test_defects_script_reports_a_harmless_change_as_missed(copy):
    before = (copy / "django_tokenauth" / "errors.py").read_text(encoding="utf-8")
    result = run(copy, COMMENT)
    assert (copy / "django_tokenauth" / "errors.py").read_text(encoding="utf-8") == before
    assert result.test is None
    assert "MISSED" in defects.line(1, result)


def test_defect_that_prevents_the_import_is_an_error(copy):
    broken = replace(COMMENT, new=f"{COMMENT.old}\nimport no_such_module")
    with pytest.raises(RuntimeError, match="pytest ran no test"):
        run(copy, broken)


def test_defect_with_an_undefined_name_is_an_error(copy):
    broken = Defect(
        file="tokens/users.py",
        what="an undefined name",
        old='return f"<TokenUser: {self.pk}>"',
        new="return undefined",
        tests=("tests/unit/test_token_user.py",),
    )
    with pytest.raises(RuntimeError, match="the code cannot run"):
        run(copy, broken)


def test_failed_test_name_is_not_read_from_a_log_record():
    summary = "== short test summary info ==\nFAILED tests/test_x.py::test_y - AssertionError: no"
    assert failure_in(f"ERROR    app:x.py:1 Error: no - NameError\n{summary}") == (
        "tests/test_x.py::test_y"
    )


def test_first_defect_of_the_list_is_caught(copy):
    assert run(copy, DEFECTS[0]).test
