"""The pytest plugin in runs of pytest: fixtures with the app, and nothing without it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.documents import ROOT
from tests.support.entry_points import write_entry_points

SETTINGS = """
SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [{apps}]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TOKENAUTH = {tokenauth}
CACHES = {{"default": {{
    "BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "cache",
}}}}
"""
APPS = '"django.contrib.auth", "django.contrib.contenttypes", "rest_framework"'
URLS = """
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.permissions import HasScope

class Notes(APIView):
    authentication_classes = [JWTAuthentication]
    permission_classes = [HasScope]
    required_scopes = ["notes:read"]

    def get(self, request):
        return Response([])

urlpatterns = [path("auth/", include("django_tokenauth.urls")), path("notes/", Notes.as_view())]
"""
FIXTURES = """
import pytest

@pytest.fixture
def alice(db, django_user_model):
    return django_user_model.objects.create_user("alice", password="correct horse")

def test_token_client(token_client, alice):
    assert token_client.get("/notes/").status_code == 401
    token_client.sign_in(alice, scope="notes:read")
    assert token_client.get("/notes/").status_code == 200

def test_sign_in(sign_in, token_client, alice):
    assert sign_in(alice).scope == {"notes:read"}
    assert token_client.get("/notes/").status_code == 200

def test_next_test_is_not_signed_in(token_client, db):
    assert token_client.get("/notes/").status_code == 401
"""
THROTTLE = """
import pytest
from django.core.cache import cache
from rest_framework.test import APIClient, APITestCase
from django.contrib.auth import get_user_model

def sign_in(password):
    body = {"username": "alice", "password": password}
    return APIClient().post("/auth/token/", body).status_code

@pytest.mark.parametrize("number", range(9))
@pytest.mark.django_db
def test_wrong_passwords(number):
    assert [sign_in("wrong") for _ in range(3)] == [400, 400, 400]
    cache.set("key_of_the_project", 1)

class Tests(APITestCase):
    def setUp(self):
        get_user_model().objects.create_user("alice", password="correct horse")

    def test_correct_password(self):
        assert sign_in("correct horse") == 200

def test_project_cache():
    assert cache.get("key_of_the_project") == 1
"""
GENERATE_KEYS = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def keys(token_keys):
    pass
"""
KEYS = """
import os
import pytest

@pytest.mark.parametrize("number", range(2))
@pytest.mark.django_db
def test_token(number, sign_in, token_client, admin_user):
    sign_in(admin_user)
    assert token_client.get("/auth/sessions/").status_code == 200
    assert not os.path.exists("missing")
"""


@pytest.fixture
def project(tmp_path):
    return new_project(tmp_path)


def new_project(folder):
    """Return a project with the entry points of setup.cfg, and without the app."""
    write_entry_points(folder / "installed")
    (folder / "project" / "tests").mkdir(parents=True)
    return folder


def write(project, *tests, app=True, tokenauth='{"SCOPES": ["notes:read"]}', pytest_ini=""):
    apps = f'{APPS}, "django_tokenauth"' if app else APPS
    folder = project / "project"
    (folder / "pytest.ini").write_text(f"[pytest]\n{pytest_ini}\nfilterwarnings = error\n")
    (folder / "settings.py").write_text(SETTINGS.format(apps=apps, tokenauth=tokenauth))
    (folder / "urls.py").write_text(URLS)
    for number, text in enumerate(tests):
        (folder / "tests" / f"test_{number}.py").write_text(text)


def run(project, *options, program=("-m", "pytest"), **environment):
    """Run pytest in the project. Return the exit code and the output."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("DJANGO_SETTINGS")
    }
    completed = subprocess.run(  # noqa: S603
        [sys.executable, *program, "-p", "no:cacheprovider", "-p", "no:randomly", *options],
        check=False,
        cwd=project / "project",
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(map(str, (project / "installed", ROOT, "."))),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return completed.returncode, completed.stdout


def passes(project, *options, **keywords):
    code, output = run(project, *options, **keywords)
    assert code == 0, output
    return output


DJANGO = "DJANGO_SETTINGS_MODULE = settings\naddopts = --nomigrations"
PROJECT_TOKENAUTH = '{"KEY_DIRECTORY": "missing", "SCOPES": ["notes:read"]}'
IMPORTS_THE_PACKAGE = "import sys, pytest, django_tokenauth; sys.exit(pytest.main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Return the output of two runs. The second one starts with the cache of the first."""
    project = new_project(tmp_path_factory.mktemp("with_the_app"))
    write(project, FIXTURES, THROTTLE, KEYS, tokenauth=PROJECT_TOKENAUTH, pytest_ini=DJANGO)
    (project / "project" / "conftest.py").write_text(GENERATE_KEYS)
    return [
        passes(project, "-v"),
        passes(project, "-v", program=("-c", IMPORTS_THE_PACKAGE)),
    ]


class TestWithTheApp:
    @pytest.mark.parametrize("number", [0, 1], ids=["pytest", "package_imported_before_pytest"])
    def test_fixtures_sign_in_with_a_real_token(self, outputs, number):
        assert outputs[number].count("test_0.py::test_") == 3
        assert "16 passed" in outputs[number]

    def test_tests_do_not_throttle_each_other(self, outputs):
        assert [output.count("::test_wrong_passwords[") for output in outputs] == [9, 9]

    def test_keys_are_generated_once_for_the_run(self, outputs):
        assert outputs[0].count("test_2.py::test_token[") == 2

    def test_project_can_replace_the_fixture_of_isolation(self, project):
        conftest = "import pytest\n@pytest.fixture(autouse=True)\ndef tokenauth_isolation(): pass"
        write(project, THROTTLE, pytest_ini=DJANGO)
        (project / "project" / "conftest.py").write_text(conftest)
        code, output = run(project)
        assert code == 1
        assert "429" in output

    def test_conftest_can_set_up_django_without_pytest_django(self, project):
        write(
            project,
            "def test_client(token_client):\n"
            "    assert token_client.get('/auth/sessions/').status_code == 401",
        )
        conftest = "import django\ndjango.setup()"
        (project / "project" / "conftest.py").write_text(conftest)
        passes(project, "-p", "no:django", DJANGO_SETTINGS_MODULE="settings")


# Runs in projects that do not use the app: nothing is imported, and no fixture is added.
NOTHING = """
import sys

def test_nothing_is_imported(request):
    ours = sorted(name for name in sys.modules if name.startswith("django_tokenauth"))
    assert ours == ["django_tokenauth", "django_tokenauth._pytest_plugin"]
    assert "rest_framework" not in sys.modules
    assert not [name for name in request.fixturenames if "token" in name]
"""
WITHOUT_DJANGO = """
def test_django_is_not_imported():
    import sys
    assert [name for name in sys.modules if name.split(".")[0] == "django"] == []
"""


class TestWithoutTheApp:
    def test_run_without_django_imports_nothing(self, project):
        write(project, NOTHING + WITHOUT_DJANGO)
        assert "2 passed" in passes(project, "-p", "no:django")

    def test_run_with_unconfigured_pytest_django_imports_nothing(self, project):
        write(project, NOTHING)
        passes(project)

    def test_django_project_without_the_app_has_no_fixtures(self, project):
        nothing = NOTHING.replace('    assert "rest', '    # assert "rest')
        write(project, f"{nothing}\ndef test_x(token_client): pass", app=False, pytest_ini=DJANGO)
        code, output = run(project)
        assert code == 1
        assert "1 passed, 1 error" in output
        assert "fixture 'token_client' not found" in output

    def test_imported_but_unconfigured_django_is_left_alone(self, project):
        write(project, NOTHING)
        (project / "project" / "conftest.py").write_text("import django.apps")
        passes(project, "-p", "no:django")
