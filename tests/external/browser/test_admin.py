"""The admin of sessions in a browser: the width of its pages, and the sign-out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.external.browser.requirements import missing_requirement

sync_api = pytest.importorskip("playwright.sync_api", reason=missing_requirement())
expect = sync_api.expect

ROOT = Path(__file__).resolve().parents[3]
SITE = "tests.support.scenarios.admin_site"
PAGES = ["list", "list of a user", "session", "sign-out", "user"]


@pytest.fixture(scope="module")
def admin_site(tmp_path_factory):
    """Serve the admin site in another process."""
    database = tmp_path_factory.mktemp("admin") / "admin.sqlite3"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{SITE}.settings",
        "ADMIN_DATABASE": str(database),
    }
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", SITE],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()


@pytest.fixture
def open_page(browser, admin_site):
    """Open pages of the admin site as a superuser, in windows of a given width."""
    contexts = []

    def open_page(path, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        url = admin_site["address"]
        context.add_cookies([{"name": "sessionid", "value": admin_site["cookie"], "url": url}])
        page = context.new_page()
        page.goto(f"{url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def overflow(page, selector):
    """Return by how many pixels the content of the element is wider than the element."""
    element = page.locator(selector)
    return element.evaluate("each => each.scrollWidth - each.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_admin_list_fits_1280_pixels_with_both_side_bars(admin_site, open_page, scheme):
    page = open_page(admin_site["pages"]["list"], color_scheme=scheme)
    expect(page.locator("#nav-sidebar")).to_be_visible()
    expect(page.locator("#changelist-filter")).to_be_visible()
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
    assert overflow(page, "html") <= 0
    assert overflow(page, ".results") <= 0


def test_admin_list_has_no_column_narrower_than_a_word(admin_site, open_page):
    page = open_page(admin_site["pages"]["list"])
    widths = page.locator(
        "#result_list tbody tr:first-child td, #result_list tbody th"
    ).evaluate_all("cells => cells.slice(1).map(each => each.clientWidth)")
    assert min(widths) >= 40


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_admin_page_does_not_scroll_sideways(admin_site, open_page, name, width):
    # On a narrow screen, Django lets only the table of a list scroll.
    assert overflow(open_page(admin_site["pages"][name], width), "html") <= 0


def test_staff_sign_out_a_session_without_javascript(admin_site, open_page):
    page = open_page(admin_site["pages"]["user"], java_script_enabled=False)
    page.get_by_role("link", name="Sessions").last.click()
    row = page.locator("#result_list tr").filter(has_text="Alice's phone")
    row.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator(".messagelist")).to_have_text("Signed out 1 session.")
    expect(row.get_by_role("link", name="Sign out")).to_have_count(0)
    expect(page.locator("#changelist-filter")).to_contain_text("alice")
