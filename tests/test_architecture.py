"""The package keeps the rules of its rooms, and every rule can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

import django_tokenauth
from tests.architecture import MOST_LINES, ORDER, room_of, violations

ROOT = Path(django_tokenauth.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


class TestPackage:
    @pytest.mark.parametrize("file", FILES)
    def test_the_file_keeps_the_rules(self, file):
        assert violations(file, (ROOT / file).read_text(encoding="utf-8")) == []

    def test_the_table_names_no_room_that_is_gone(self):
        assert set(ORDER) == {room_of(file) for file in FILES}


class TestDirection:
    @pytest.mark.parametrize(
        ("file", "source", "what"),
        [
            ("errors.py", "from .conf import load", "errors may not know conf"),
            ("conf.py", "from . import keys", "conf may not know keys"),
            ("keys.py", "from .tokens import decode", "keys may not know tokens"),
            ("tokens.py", "from .models import Session", "tokens may not know models"),
            ("sessions.py", "from .services import refresh", "sessions may not know services"),
            ("services.py", "from . import views as v", "services may not know views"),
            ("serializers.py", "import django_tokenauth.views", "serializers may not know views"),
            ("views.py", "from django_tokenauth.apps import X", "views may not know apps"),
            ("services.py", "from .admin import SessionAdmin", "services may not know admin"),
            ("checks.py", "from .management.commands import x", "checks may not know management"),
            (
                "tokens.py",
                "if TYPE_CHECKING:\n    from .models import Session",
                "tokens may not know models",
            ),
            (
                "management/commands/prune.py",
                "from ...apps import TokenAuthConfig",
                "management may not know apps",
            ),
        ],
    )
    def test_an_upward_arrow_is_found(self, file, source, what):
        assert violations(file, source) == [f"{file}: line {source.count(chr(10)) + 1}: {what}"]

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("conf.py", "from .errors import InvalidKey"),
            ("tokens.py", "from . import jws"),
            ("views.py", "from . import __version__"),
            ("apps.py", "from .checks import check_settings"),
            ("management/commands/prune.py", "from ...services import prune"),
            ("management/commands/prune.py", "from . import other"),
        ],
    )
    def test_a_downward_arrow_is_not(self, file, source):
        assert violations(file, source) == []

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("tokens.py", "from django.db import models"),
            ("tokens.py", "from django import db"),
            ("claims.py", "import django.db.models"),
            ("keys.py", "from rest_framework import exceptions"),
            ("tokens.py", "import time"),
            ("tokens.py", "from django.utils import timezone"),
            ("sessions.py", "import rest_framework"),
            ("sessions.py", "from .claims import Claims"),
            ("models.py", "from jwt import encode"),
            ("services.py", "from rest_framework.exceptions import Throttled"),
            ("views.py", "import jwt.api_jwt"),
            ("views.py", "from importlib import import_module"),
        ],
    )
    def test_a_library_of_another_layer_is_found(self, file, source):
        [found] = violations(file, source)
        assert f"{room_of(file)} may not import" in found

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("sessions.py", "from django.db import models"),
            ("keys.py", "from jwt.algorithms import get_default_algorithms"),
            ("tokens.py", "import timeit"),
            ("views.py", "from rest_framework.views import APIView"),
            ("apps.py", "from importlib import import_module"),
        ],
    )
    def test_a_library_of_its_own_layer_is_not(self, file, source):
        assert violations(file, source) == []


class TestTable:
    def test_a_room_without_a_place_is_found(self):
        assert violations("cookies.py", "") == [
            "cookies.py: the room 'cookies' has no place in the table"
        ]

    @pytest.mark.parametrize("file", ["utils.py", "helpers.py", "compat.py", "mixins/x.py"])
    def test_a_name_that_says_nothing_is_found(self, file):
        assert "says nothing" in violations(file, "")[0]

    def test_such_a_name_is_found_inside_a_room_too(self):
        assert "says nothing" in violations("management/utils.py", "")[0]

    def test_a_file_that_is_too_long_is_found(self):
        assert violations("views.py", "\n" * MOST_LINES) == []
        [found] = violations("views.py", "\n" * (MOST_LINES + 1))
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

    def test_the_keys_may_try_one_import_and_only_for_its_absence(self):
        attempt = "try:\n    import cryptography\nexcept {}:\n    pass\n"
        assert violations("keys.py", attempt.format("ImportError")) == []
        assert len(violations("keys.py", attempt.format("ImportError") * 2)) == 1
        assert len(violations("keys.py", attempt.format("Exception"))) == 1


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
            "from .conf import load\nX = load()",
            "from .conf import load as l\nX = l().issuer",
            "from . import conf\nX = conf.load()",
            "from django_tokenauth import conf as c\nX = c.read_project()",
            "from .conf import load\nclass A:\n    lifetime = load().access_token_lifetime",
            "from .conf import load\ndef f(*, x=load()): ...",
            "from .conf import load\nasync def f(x=load()): ...",
            "from .conf import load\n@limit(load().rate)\ndef f(): ...",
        ],
    )
    def test_a_setting_that_is_read_at_import_is_found(self, source):
        [found] = violations("views.py", source)
        assert found.endswith("a setting is read at import")

    def test_the_settings_module_may_not_load_itself_either(self):
        assert len(violations("conf.py", "def load(): ...\nX = load()")) == 1

    @pytest.mark.parametrize(
        "source",
        [
            "from django.conf import settings\ndef f(): return settings.DEBUG",
            "from .conf import load\ndef f(): return load()",
            "from .conf import load\nf = lambda: load()",
            "from .conf import load\nsetting_changed.connect(load.cache_clear)",
            "from django.conf import settings\nclass A:\n    x = Key(settings.AUTH_USER_MODEL)",
            "from json import load\nX = load()",
        ],
    )
    def test_a_setting_that_is_read_later_is_not(self, source):
        assert violations("views.py", source) == []
