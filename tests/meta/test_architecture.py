"""The package follows the rules of its components, and each violation is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

import django_tokenauth
from tests.meta.architecture import HEIGHT, LAYERS, MAX_LINES, component_of, violations

ROOT = Path(django_tokenauth.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


class TestPackage:
    @pytest.mark.parametrize("file", FILES)
    def test_package_file_violates_no_architecture_rule(self, file):
        assert violations(file, (ROOT / file).read_text(encoding="utf-8")) == []

    def test_component_of_each_file_has_a_layer(self):
        assert {component_of(file) for file in FILES} <= set(HEIGHT)

    def test_layers_name_existing_components(self):
        assert set(HEIGHT) == {component_of(file) for file in FILES}


class TestDirectionOfImports:
    @pytest.mark.parametrize(
        ("file", "source", "what"),
        [
            ("errors.py", "from .conf.settings import load", "errors must not import conf"),
            ("_strict_json.py", "from .keys import x", "_private must not import keys"),
            ("conf/settings.py", "from .. import keys", "conf must not import keys"),
            ("conf/settings.py", "from ..models import Session", "conf must not import models"),
            ("keys/new.py", "from ..tokens.jws import parse", "keys must not import tokens"),
            ("tokens/jws.py", "from ..models import Session", "tokens must not import models"),
            ("sessions/store.py", "from ..services import x", "sessions must not import services"),
            ("sessions/store.py", "from ..keys.files import x", "sessions must not import keys"),
            ("services/x.py", "from .. import views as v", "services must not import views"),
            ("services/x.py", "from ..http import x", "services must not import http"),
            ("http/x.py", "import django_tokenauth.views", "http must not import views"),
            ("views.py", "from django_tokenauth.apps import X", "views must not import apps"),
            ("services/x.py", "from ..admin import X", "services must not import admin"),
            ("checks/x.py", "from ..management import x", "checks must not import management"),
            ("apps.py", "from .test import TokenClient", "apps must not import test"),
            ("admin.py", "from .api_tokens.models import X", "admin must not import api_tokens"),
            ("test/x.py", "from ..api_tokens import X", "test must not import api_tokens"),
            ("api_tokens/x.py", "from ..checks import X", "api_tokens must not import checks"),
            ("api_tokens/store.py", "from .services import X", "store must not import services"),
            ("api_tokens/reader.py", "from . import services", "reader must not import services"),
            (
                "tokens/access.py",
                "if TYPE_CHECKING:\n    from ..models import Session",
                "tokens must not import models",
            ),
            (
                "management/commands/prune.py",
                "from ...apps import TokenAuthConfig",
                "management must not import apps",
            ),
        ],
    )
    def test_upward_import_is_reported(self, file, source, what):
        assert violations(file, source) == [f"{file}: line {source.count(chr(10)) + 1}: {what}"]

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("conf/settings.py", "from ..errors import InvalidKey"),
            ("tokens/access.py", "from . import jws"),
            ("tokens/jws.py", "from .access import AccessTokens"),
            ("keys/loading.py", "from .._strict_json import loads"),
            ("services/new_file.py", "from ..sessions.store import find"),
            ("views.py", "from . import __version__"),
            ("apps.py", "from .checks.settings import check_settings"),
            ("api_tokens/views.py", "from ..views import X\nfrom . import services"),
            ("api_tokens/migrations/0002_x.py", "from . import other"),
            ("management/commands/prune.py", "from ...services import prune"),
            ("management/commands/prune.py", "from . import other"),
        ],
    )
    def test_downward_import_is_accepted(self, file, source):
        assert violations(file, source) == []

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("tokens/access.py", "from django.db import models"),
            ("tokens/access.py", "from django import db"),
            ("tokens/claims.py", "import django.db.models"),
            ("tokens/claims.py", "from jwt import decode"),
            ("keys/loading.py", "from rest_framework import exceptions"),
            ("tokens/access.py", "import time"),
            ("tokens/access.py", "from django.utils import timezone"),
            ("sessions/store.py", "import rest_framework"),
            ("models.py", "from jwt import encode"),
            ("services/x.py", "from rest_framework.exceptions import Throttled"),
            ("views.py", "import jwt.api_jwt"),
            ("views.py", "from importlib import import_module"),
            ("apps.py", "from importlib import import_module"),
            ("views.py", "import runpy"),
            ("services/x.py", "from pkgutil import resolve_name"),
            ("services/x.py", "from django.utils.module_loading import import_string"),
            ("services/x.py", "from django.utils import module_loading"),
        ],
    )
    def test_import_of_a_banned_library_is_reported(self, file, source):
        [found] = violations(file, source)
        assert f"{component_of(file)} must not import" in found

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("sessions/store.py", "from django.db import models"),
            ("keys/loading.py", "from jwt.algorithms import get_default_algorithms"),
            ("tokens/access.py", "import timeit"),
            ("views.py", "from rest_framework.views import APIView"),
            ("conf/values.py", "from django.utils.module_loading import import_string"),
        ],
    )
    def test_import_of_a_permitted_library_is_accepted(self, file, source):
        assert violations(file, source) == []

    @pytest.mark.parametrize(
        "source",
        [
            "from .. import *",
            "from ..models import *",
            "from os import *",
            "import django_tokenauth",
            "import django_tokenauth as package",
        ],
    )
    def test_star_import_and_import_of_the_package_are_reported(self, source):
        [found] = violations("services/x.py", source)
        assert found.endswith("does not say what is used")


class TestCalls:
    @pytest.mark.parametrize("call", ["__import__('json')", "exec('import json')", "eval('x')"])
    def test_call_of_import_exec_or_eval_is_reported(self, call):
        assert violations("views.py", f"def f():\n    {call}") == [
            f"views.py: line 2: views must not call {call.partition('(')[0]}"
        ]

    @pytest.mark.parametrize("component", ["conf", "keys", "tokens"])
    @pytest.mark.parametrize(
        "call", ["datetime.now", "dt.datetime.utcnow", "datetime.today", "date.today"]
    )
    def test_call_of_the_clock_in_a_pure_component_is_reported(self, component, call):
        assert violations(f"{component}/x.py", f"x = {call}()") == [
            f"{component}/x.py: line 1: {component} must not call {call}"
        ]

    def test_call_of_the_clock_outside_pure_components_is_accepted(self):
        assert violations("sessions/x.py", "x = datetime.now()") == []
        assert violations("keys/x.py", "x = self.now(); y = schedule.now()") == []


class TestFiles:
    def test_component_outside_the_layers_is_reported(self):
        assert violations("cookies.py", "") == [
            "cookies.py: 'cookies' is neither a component nor a public file"
        ]

    def test_new_file_in_a_known_component_is_accepted(self):
        assert violations("http/cookies.py", "from ..services import refresh") == []

    def test_new_private_file_is_accepted(self):
        assert violations("_base64url.py", "import base64") == []

    def test_each_component_belongs_to_one_layer(self):
        assert len(HEIGHT) == sum(len(layer.components) for layer in LAYERS)

    @pytest.mark.parametrize("file", ["utils.py", "helpers.py", "compat.py", "mixins/x.py"])
    def test_file_with_a_banned_name_is_reported(self, file):
        assert "does not describe" in violations(file, "")[0]

    def test_banned_name_inside_a_component_is_reported(self):
        assert "does not describe" in violations("management/utils.py", "")[0]

    def test_file_over_the_line_limit_is_reported(self):
        assert violations("views.py", "\n" * MAX_LINES) == []
        [found] = violations("views.py", "\n" * (MAX_LINES + 1))
        assert "the limit is" in found

    def test_migration_over_the_line_limit_is_accepted(self):
        assert violations("migrations/0001_initial.py", "\n" * 1000) == []


class TestHiddenImports:
    @pytest.mark.parametrize(
        "source",
        [
            "def f():\n    import json",
            "async def f():\n    from .errors import InvalidToken",
            "class A:\n    import json",
            "class A:\n    def f(self):\n        import json",
            "if DEBUG:\n    import json",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import json",
            "if TYPE_CHECKING:\n    if X:\n        import json",
            "try:\n    import json\nexcept ImportError:\n    json = None",
            "with x:\n    import json",
            "for x in y:\n    import json",
        ],
    )
    def test_import_below_the_top_level_is_reported(self, source):
        [found] = violations("views.py", source)
        assert found.endswith("is not at the top")

    def test_import_under_type_checking_is_accepted(self):
        assert violations("views.py", "if TYPE_CHECKING:\n    import json") == []

    def test_import_in_a_function_is_accepted_in_app_ready_only(self):
        method = "class C(AppConfig):\n    def {}(self):\n        from .checks.keys import x"
        assert violations("apps.py", method.format("ready")) == []
        in_app = "class C(AppConfig):\n    def ready(self):\n        from .reader import Reader"
        assert violations("api_tokens/apps.py", in_app) == []
        assert len(violations("apps.py", method.format("other"))) == 1
        assert len(violations("management/ready.py", method.format("ready"))) == 1

    def test_keys_component_may_try_one_optional_import(self):
        attempt = "try:\n    import cryptography\nexcept {}:\n    pass\n"
        assert violations("keys/loading.py", attempt.format("ImportError")) == []
        assert len(violations("keys/loading.py", attempt.format("ImportError") * 2)) == 1
        assert len(violations("keys/loading.py", attempt.format("Exception"))) == 1


class TestReadsAtImport:
    @pytest.mark.parametrize(
        "source",
        [
            "from django.conf import settings\nX = settings.TOKENAUTH",
            "from django.conf import settings as s\nX = getattr(s, 'TOKENAUTH', {})",
            "from django import conf\nX = conf.settings.DEBUG",
            "import django.conf\nX = django.conf.settings.DEBUG",
            "from django.conf import settings\nclass A:\n    x = settings.SECRET_KEY",
            "from django.conf import settings\ndef f(x=settings.DEBUG): ...",
            "from django.conf import settings\nf = lambda x=settings.DEBUG: x",
            "from django.conf import settings\nX = [settings.DEBUG for _ in y]",
            "from .conf.settings import load\nX = load()",
            "from .conf.settings import load as l\nX = l().issuer",
            "from .conf import settings as s\nX = s.load()",
            "from django_tokenauth.conf import settings as c\nX = c.read_project()",
            "from .conf.settings import load\nclass A:\n    lifetime = load().leeway",
            "from .conf.settings import load\ndef f(*, x=load()): ...",
            "from .conf.settings import load\nasync def f(x=load()): ...",
            "from .conf.settings import load\n@limit(load().rate)\ndef f(): ...",
        ],
    )
    def test_setting_read_at_import_is_reported(self, source):
        [found] = violations("views.py", source)
        assert found.endswith("a setting is read at import")

    def test_load_call_at_import_of_settings_module_is_reported(self):
        assert len(violations("conf/settings.py", "def load(): ...\nX = load()")) == 1

    @pytest.mark.parametrize(
        "source",
        [
            "from django.conf import settings\ndef f(): return settings.DEBUG",
            "from .conf.settings import load\ndef f(): return load()",
            "from .conf.settings import load\nf = lambda: load()",
            "from .conf.settings import load\nsetting_changed.connect(load.cache_clear)",
            "from django.conf import settings\nclass A:\n    x = Key(settings.AUTH_USER_MODEL)",
            "from json import load\nX = load()",
        ],
    )
    def test_setting_read_after_import_is_accepted(self, source):
        assert violations("views.py", source) == []
