"""The test modules follow the rules of their folders, and each violation is reported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.meta.layout import MAX_NAME, violations
from tests.support.collection import check_ids
from tests.support.documents import ROOT

COMPONENTS = {path.parent.name for path in (ROOT / "django_tokenauth").glob("*/__init__.py")}
TESTS = ROOT / "tests"


def found(file, source=""):
    return [what.partition(": ")[2] for what in violations(file, source, COMPONENTS)]


class TestTests:
    def test_each_test_module_follows_the_layout(self):
        modules = [path for path in TESTS.rglob("*.py") if "programs" not in path.parts]
        assert len(modules) > 300
        assert [
            what
            for path in modules
            for what in violations(
                path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8"), COMPONENTS
            )
        ] == []


class TestIds:
    def test_parameter_id_with_a_memory_address_is_an_error(self):
        node_id = f"test_x.py::test_x[{iter('ab')!r}]"
        with pytest.raises(pytest.UsageError, match="Give the parameter an id"):
            check_ids(["test_x.py::test_x[a]", node_id])

    def test_parameter_id_without_a_memory_address_is_accepted(self):
        check_ids(["test_x.py::test_x[0x1f]", "test_x.py::test_x[at noon]"])


class TestFolders:
    @pytest.mark.parametrize(
        "file", ["unit/keys/test_x.py", "integration/test_x.py", "meta/x.py", "settings.py"]
    )
    def test_module_in_its_folder_is_accepted(self, file):
        assert found(file) == []

    @pytest.mark.parametrize(
        ("file", "what"),
        [
            ("test_x.py", "a test module belongs into a folder"),
            ("helpers/x.py", "the folder 'helpers' is not in the layout"),
            ("unit/payments/test_x.py", "the package has no component 'payments'"),
            ("integration/payments/test_x.py", "the package has no component 'payments'"),
        ],
    )
    def test_module_outside_the_layout_is_reported(self, file, what):
        assert found(file) == [what]


class TestNames:
    @pytest.mark.parametrize(
        "source",
        ["def {}(): ...", "async def {}(): ...", "class TestX:\n    def {}(self): ..."],
    )
    def test_name_of_a_test_over_60_characters_is_reported(self, source):
        longest = "test_".ljust(MAX_NAME, "x")
        assert found("unit/keys/test_x.py", source.format(longest)) == []
        [what] = found("unit/keys/test_x.py", source.format(f"{longest}x"))
        assert what.endswith("has 61 characters, the limit is 60")

    def test_name_of_a_helper_over_60_characters_is_accepted(self):
        assert found("unit/keys/test_x.py", f"def {'x' * 61}(): ...") == []


class TestSharedHelpers:
    @pytest.mark.parametrize(
        "source",
        [
            "from tests.unit.keys.test_files import put",
            "from tests.unit.keys import test_files",
            "from tests import conftest",
            "import tests.unit.keys.test_files",
            "from .test_files import put",
            "def f():\n    from tests.unit.keys.test_files import put",
            "BACKEND = 'tests.unit.keys.test_files.Backend'",
        ],
    )
    def test_use_of_a_test_module_is_reported(self, source):
        [what] = found("unit/keys/test_directory.py", source)
        assert "is a test module" in what

    @pytest.mark.parametrize(
        "source",
        [
            "from tests.support.client import get",
            "from tests.campaigns.races import worker_pool",
            "import pytest",
            "X = 'unit/keys/test_files.py: test_x'",
        ],
    )
    def test_use_of_a_support_module_is_accepted(self, source):
        assert found("unit/keys/test_directory.py", source) == []

    def test_import_of_another_folder_by_support_is_reported(self):
        [what] = found("support/client.py", "from tests.meta.readme import add")
        assert "support must not import tests.meta.readme.add" in what
        assert found("support/client.py", "from tests import views") == []


class TestStaticDatabaseRule:
    @pytest.mark.parametrize(
        "source",
        [
            "@pytest.mark.django_db\ndef test_x(): ...",
            "pytestmark = pytest.mark.django_db(transaction=True)",
            "def test_x(db): ...",
            "def test_x(alice): ...",
            "@pytest.mark.usefixtures('bob')\ndef test_x(): ...",
        ],
    )
    def test_database_in_a_unit_test_is_reported(self, source):
        [what] = found("unit/keys/test_x.py", source)
        assert "uses a database" in what
        assert found("integration/keys/test_x.py", source) == []


USES = """
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection


def test_nothing():
    pass


@pytest.mark.django_db
def test_mark():
    pass


def test_fixture(db):
    pass


def test_fixture_by_name(request):
    request.getfixturevalue("transactional_db")


def test_query():
    User.objects.count()


def test_cursor():
    connection.cursor()


def test_second_connection():
    connection.copy().connect()


def test_caught():
    try:
        User.objects.count()
    except Exception:
        pass


def test_thread():
    thread = threading.Thread(target=User.objects.count)
    thread.start()
    thread.join()
"""


def test_each_use_of_a_database_fails_a_unit_test(tmp_path):
    conftest = (TESTS / "unit" / "conftest.py").read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_database.py").write_text(USES, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-c", "setup.cfg", "-p", "no:cacheprovider"]
    ended = subprocess.run(  # noqa: S603
        [*command, "-q", "-rfEp", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    passed = [line.rpartition("::")[2] for line in lines if line.startswith("PASSED")]
    refused = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    assert passed == ["test_nothing"], ended.stdout
    assert len(refused) == USES.count("def test_") - 1, ended.stdout
    assert ended.stdout.count("Unit tests must not use a database.") >= len(refused)
