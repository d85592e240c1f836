"""Swagger UI of the example: "Authorize" signs in, and "Try it out" sends requests."""

from __future__ import annotations

import pytest

from tests.external.browser.requirements import missing_requirement

sync_api = pytest.importorskip("playwright.sync_api", reason=missing_requirement())
expect = sync_api.expect


@pytest.fixture
def docs(context, demo):
    tab = context.new_page()
    tab.goto(f"{demo.api}/docs/")
    return tab


@pytest.fixture
def authorize(docs):
    """Fill in the form of the sign-in with a password, the first one in the dialog."""

    def authorize(name, password, *scopes):
        docs.locator(".scheme-container").get_by_role("button", name="Authorize").click()
        dialog = docs.locator(".dialog-ux .auth-container").first
        dialog.get_by_label("username:").fill(name)
        dialog.get_by_label("password:").fill(password)
        for scope in scopes:
            dialog.locator("label").filter(has_text=scope).click()
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
        return dialog

    return authorize


def status_of(docs, operation):
    """Try the operation out and return the status of the response."""
    block = docs.locator(f"[id$={operation}]")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table .response-col_status").last


def test_swagger_request_without_token_returns_401(docs):
    expect(status_of(docs, "notes_list")).to_contain_text("401")


def test_swagger_request_after_sign_in_returns_200(docs, demo, authorize):
    dialog = authorize("alice", demo.passwords["alice"])
    expect(dialog).to_contain_text("Authorized")
    dialog.get_by_role("button", name="Close").click()
    expect(status_of(docs, "notes_list")).to_contain_text("200")


def test_swagger_sign_in_with_wrong_password_shows_error(docs, authorize):
    dialog = authorize("alice", "a guess")
    expect(dialog.locator(".errors")).to_contain_text("Wrong username or password.")
    expect(dialog.get_by_role("button", name="Logout")).to_have_count(0)


def test_swagger_token_has_only_selected_scopes(docs, demo, authorize):
    dialog = authorize("bob", demo.passwords["bob"], "notes:read")
    expect(dialog).to_contain_text("Authorized")
    dialog.get_by_role("button", name="Close").click()
    expect(status_of(docs, "notes_list")).to_contain_text("200")
    # The list of sessions requires a token with the full scope.
    expect(status_of(docs, "auth_sessions_list")).to_contain_text("403")
