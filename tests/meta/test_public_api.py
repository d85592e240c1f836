"""The public names are pinned, so that every change of them is deliberate."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import django_tokenauth
from tests.support.documents import DOCS, ROOT

PACKAGE = Path(django_tokenauth.__file__).parent
PUBLIC = {
    "api_tokens.models": ["APIToken"],
    "api_tokens.services": [
        "ConcurrentRotation",
        "InvalidEndDate",
        "IssuedAPIToken",
        "create",
        "grantable_scope",
        "latest_expiry",
        "list_api_tokens",
        "pattern",
        "rename",
        "revoke",
        "rotate",
    ],
    "api_tokens.urls": ["app_name", "urlpatterns"],
    "api_tokens.views": ["APITokenListView", "APITokenRotationView", "APITokenView"],
    "authentication": [
        "AccessTokenRejected",
        "Claims",
        "JWTAuthentication",
        "StatelessJWTAuthentication",
        "TemporarilyUnavailable",
        "TokenUser",
    ],
    "decorators": ["token_required"],
    "errors": [
        "ImpersonationDenied",
        "InvalidClient",
        "InvalidGrant",
        "InvalidKey",
        "InvalidRequest",
        "InvalidScope",
        "InvalidTarget",
        "InvalidToken",
        "OAuthError",
        "ServiceUnavailable",
        "TokenAuthError",
        "TokenErrorCode",
        "TooManyRequests",
        "UnauthorizedClient",
        "UnsupportedGrantType",
        "UnsupportedTokenType",
    ],
    "middleware": ["TokenMiddleware"],
    "models": ["RevokedReason", "Session", "UTCDateTimeField"],
    "permissions": [
        *("HasFullScope", "HasScope", "InsufficientScope", "InsufficientUserAuthentication"),
        *("IsAuthenticatedWithoutToken", "IsNotImpersonated", "SignedInBy", "SignedInWithin"),
        "required_scopes",
    ],
    "serializers": [
        "ClientCredentialsSerializer",
        "IntrospectionRequestSerializer",
        "RefreshSerializer",
        "RevocationRequestSerializer",
        "SessionSerializer",
        "SignInSerializer",
        "TokenExchangeSerializer",
        "TokenSerializer",
    ],
    "services": [
        "INTROSPECTION_SCOPE",
        "IssuedToken",
        "Lifetimes",
        "TokenPair",
        "authenticate_access_token",
        "authenticate_token",
        "check_audiences",
        "check_password",
        "check_scope",
        "exchange_token",
        "full_scope",
        "get_user",
        "impersonate",
        "introspect",
        "is_revoked",
        "issue_client_token",
        "list_sessions",
        "narrow",
        "refresh",
        "revoke_sessions",
        "revoke_token",
        "set_session_data",
        "sign_in",
        "sign_out",
        "sign_out_everywhere",
        "sign_out_users",
        "step_up",
        "update_session_auth_hash",
    ],
    "signals": [
        "audit_event",
        "impersonated",
        "network_changed",
        "refresh_token_reused",
        "refreshed",
        "session_revoked",
        "signed_in",
        "stepped_up",
    ],
    "test": [
        "AsyncTokenClient",
        "AsyncTokenRequestFactory",
        "DjangoTokenClient",
        "DjangoTokenRequestFactory",
        "SignInMixin",
        "TokenClient",
        "TokenRequestFactory",
        "TokenTestMixin",
        "assert_needs_scope",
        "assert_signed_out",
        "empty_throttles",
        "expired_token",
        "forget_revoked_sessions",
        "other_audiences_token",
        "other_issuers_token",
        "revoked_token",
        "tampered_token",
        "with_test_keys",
    ],
    "urls": ["app_name", "urlpatterns"],
    "views": [
        "ForwardAuthView",
        "IntrospectView",
        "RefreshView",
        "RevokeView",
        "SessionListView",
        "SessionView",
        "TokenEndpoint",
        "TokenView",
        "VerifyView",
        "authenticate_client",
        "client_address",
        "sign_in_attempt",
        "take_audience",
        "valid_ip",
        "validated_data",
    ],
    "well_known": ["app_name", "urlpatterns"],
}
PATHS = {f"{module}.{name}" for module, names in PUBLIC.items() for name in names}
# Django imports these. Projects do not.
NOT_PUBLIC = {"__init__", "admin", "apps"}
# The modules of the optional app that are not public.
APP_PRIVATE = {
    *NOT_PUBLIC,
    *("formats", "last_use", "reader", "receivers", "schema", "serializers", "store"),
}


def definitions(module):
    """Return the names that a module defines itself, without those that start with _."""
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = set()
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        match statement:
            case ast.ClassDef(name) | ast.FunctionDef(name):
                names.add(name)
            case ast.Assign(targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(name)):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


def imports(file):
    """Return the public names that a file imports, or reads from a public module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules, names = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django_tokenauth"):
            module = node.module.removeprefix("django_tokenauth").removeprefix(".")
            for alias in node.names:
                path = f"{module}.{alias.name}".removeprefix(".")
                if path in PUBLIC:
                    modules[alias.asname or alias.name] = path
                else:
                    names.add(path)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(module), attr=name) if module in modules:
                names.add(f"{modules[module]}.{name}")
    return names


def test_modules_without_underscore_are_the_public_modules():
    files = {path.stem for path in PACKAGE.glob("*.py")} - NOT_PUBLIC
    folders = {"permissions", "services", "test"}
    app = {name for name in PUBLIC if name.startswith("api_tokens.")}
    assert {name for name in files if not name.startswith("_")} | folders == set(PUBLIC) - app
    assert {path.stem for path in (PACKAGE / "api_tokens").glob("*.py")} - APP_PRIVATE == {
        name.removeprefix("api_tokens.") for name in app
    }


@pytest.mark.parametrize("module", PUBLIC)
class TestModules:
    def test_dunder_all_of_public_module_is_pinned_and_sorted(self, module):
        names = import_module(f"django_tokenauth.{module}").__all__
        assert names == PUBLIC[module] == sorted(names)

    def test_dunder_all_lists_every_definition_without_underscore(self, module):
        assert definitions(module) <= set(PUBLIC[module])

    def test_each_name_in_dunder_all_exists(self, module):
        loaded = import_module(f"django_tokenauth.{module}")
        assert [name for name in PUBLIC[module] if not hasattr(loaded, name)] == []


def test_no_object_has_two_public_paths():
    values = [
        getattr(import_module(f"django_tokenauth.{module}"), name)
        for module, names in PUBLIC.items()
        for name in names
    ]
    objects = [id(value) for value in values if not isinstance(value, (str, list))]
    assert len(objects) == len(set(objects))


def test_api_page_lists_exactly_the_public_names():
    page = (DOCS / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\.\. auto(?:class|data|exception|function):: django_tokenauth\.(\S+)$",
        page,
        re.MULTILINE,
    )
    assert len(listed) == len(set(listed))
    assert set(listed) == PATHS


def test_typing_module_uses_every_public_name():
    files = (ROOT / "tests" / "meta").glob("public_typing*.py")
    assert set().union(*map(imports, files)) == PATHS


def test_example_and_notes_apps_import_only_public_names():
    # The demo app is excluded: it creates and rotates keys.
    folders = [ROOT / "example_project" / name for name in ("example", "notes")]
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        assert imports(path) <= PATHS


def test_documentation_imports_only_public_names():
    imported = {
        f"{module}.{name}"
        for path in (ROOT / "README.rst", *DOCS.rglob("*.rst"))
        for module, names in re.findall(
            r"^ +from django_tokenauth\.([\w.]+) import (.+)$",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        for name in names.split(", ")
    }
    # The module that the page of API tokens imports is public as a whole.
    imported -= {"api_tokens.services"}
    assert len(imported) > 10
    assert imported <= PATHS
