"""Swagger UI over the example: "Authorize" signs in, and what is tried out then is answered."""

from __future__ import annotations

import pytest

from tests.external.browser.requirements import what_is_missing

sync_api = pytest.importorskip("playwright.sync_api", reason=what_is_missing())
expect = sync_api.expect


@pytest.fixture
def docs(context, demo):
    tab = context.new_page()
    tab.goto(f"{demo.api}/docs/")
    return tab


@pytest.fixture
def authorize(docs):
    """Fills in the dialog and returns it as it is afterwards."""

    def authorize(name, password, *scopes):
        docs.locator(".scheme-container").get_by_role("button", name="Authorize").click()
        dialog = docs.locator(".dialog-ux")
        dialog.get_by_label("username:").fill(name)
        dialog.get_by_label("password:").fill(password)
        for scope in scopes:
            dialog.locator("label").filter(has_text=scope).click()
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
        return dialog

    return authorize


def status_of(docs, operation):
    """Tries the operation out and returns the status of the answer."""
    block = docs.locator(f"[id$={operation}]")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table .response-col_status").last


def test_without_a_token_the_answer_is_401(docs):
    expect(status_of(docs, "notes_list")).to_contain_text("401")


def test_with_the_password_it_is_200(docs, demo, authorize):
    dialog = authorize("alice", demo.passwords["alice"])
    expect(dialog).to_contain_text("Authorized")
    dialog.get_by_role("button", name="Close").click()
    expect(status_of(docs, "notes_list")).to_contain_text("200")


def test_with_another_one_the_dialog_says_what_is_wrong(docs, authorize):
    dialog = authorize("alice", "a guess")
    expect(dialog.locator(".errors")).to_contain_text("The credentials or the token are not valid.")
    expect(dialog.get_by_role("button", name="Logout")).to_have_count(0)


def test_the_scopes_that_are_ticked_are_all_it_gets(docs, demo, authorize):
    dialog = authorize("bob", demo.passwords["bob"], "notes:read")
    expect(dialog).to_contain_text("Authorized")
    dialog.get_by_role("button", name="Close").click()
    expect(status_of(docs, "notes_list")).to_contain_text("200")
    # That lists the devices of the user, for which the token must have all rights.
    expect(status_of(docs, "auth_sessions_list")).to_contain_text("403")
