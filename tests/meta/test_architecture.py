"""The package keeps the rules of its rooms, and every rule can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

import django_tokenauth
from tests.meta.architecture import HEIGHT, LAYERS, MAX_LINES, room_of, violations

ROOT = Path(django_tokenauth.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


class TestPackage:
    @pytest.mark.parametrize("file", FILES)
    def test_the_file_keeps_the_rules(self, file):
        assert violations(file, (ROOT / file).read_text(encoding="utf-8")) == []

    def test_every_room_has_a_layer(self):
        assert {room_of(file) for file in FILES} <= set(HEIGHT)

    def test_every_layer_of_folders_exists(self):
        planned = {"test"}
        assert set(HEIGHT) - {room_of(file) for file in FILES} == planned


class TestDirection:
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
    def test_an_upward_arrow_is_found(self, file, source, what):
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
            ("management/commands/prune.py", "from ...services import prune"),
            ("management/commands/prune.py", "from . import other"),
        ],
    )
    def test_a_downward_arrow_is_not(self, file, source):
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
        ],
    )
    def test_a_library_of_another_layer_is_found(self, file, source):
        [found] = violations(file, source)
        assert f"{room_of(file)} must not import" in found

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("sessions/store.py", "from django.db import models"),
            ("keys/loading.py", "from jwt.algorithms import get_default_algorithms"),
            ("tokens/access.py", "import timeit"),
            ("views.py", "from rest_framework.views import APIView"),
        ],
    )
    def test_a_library_of_its_own_layer_is_not(self, file, source):
        assert violations(file, source) == []


class TestTable:
    def test_a_room_without_a_place_is_found(self):
        assert violations("cookies.py", "") == [
            "cookies.py: 'cookies' is neither a room nor a public file"
        ]

    def test_a_new_file_in_a_room_needs_no_entry(self):
        assert violations("http/cookies.py", "from ..services import refresh") == []

    def test_a_new_private_file_needs_no_entry(self):
        assert violations("_base64url.py", "import base64") == []

    def test_no_room_stands_in_two_layers(self):
        assert len(HEIGHT) == sum(len(layer.rooms) for layer in LAYERS)

    @pytest.mark.parametrize("file", ["utils.py", "helpers.py", "compat.py", "mixins/x.py"])
    def test_a_name_that_says_nothing_is_found(self, file):
        assert "says nothing" in violations(file, "")[0]

    def test_such_a_name_is_found_inside_a_room_too(self):
        assert "says nothing" in violations("management/utils.py", "")[0]

    def test_a_file_that_is_too_long_is_found(self):
        assert violations("views.py", "\n" * MAX_LINES) == []
        [found] = violations("views.py", "\n" * (MAX_LINES + 1))
        assert "more than" in found

    def test_a_migration_may_be_long(self):
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
    def test_an_import_that_is_not_at_the_top_is_found(self, source):
        [found] = violations("views.py", source)
        assert found.endswith("is not at the top")

    def test_an_import_for_the_type_checker_is_not(self):
        assert violations("views.py", "if TYPE_CHECKING:\n    import json") == []

    def test_only_ready_of_the_app_configuration_imports_inside_a_function(self):
        method = "class C(AppConfig):\n    def {}(self):\n        from .checks.keys import x"
        assert violations("apps.py", method.format("ready")) == []
        assert len(violations("apps.py", method.format("other"))) == 1
        assert len(violations("management/ready.py", method.format("ready"))) == 1

    def test_the_keys_may_try_one_import_and_only_for_its_absence(self):
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
    def test_a_setting_that_is_read_at_import_is_found(self, source):
        [found] = violations("views.py", source)
        assert found.endswith("a setting is read at import")

    def test_the_settings_module_may_not_load_itself_either(self):
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
    def test_a_setting_that_is_read_later_is_not(self, source):
        assert violations("views.py", source) == []
