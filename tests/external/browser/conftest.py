"""Fixtures of the browser tests: Chromium, and the demo of the example project.

Without a browser, the tests are skipped with a note. If ``CI`` is set, this is an error.
"""

from __future__ import annotations

import pytest

from tests.external.browser.requirements import find_chromium, missing_requirement
from tests.support import skips
from tests.support.running_demo import running_demo

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure():
    if missing := missing_requirement():
        if skips.in_ci():
            raise pytest.UsageError(f"CI must not skip tests. Missing: {missing}.")
        skips.note(missing)


@pytest.fixture(scope="session")
def chromium():
    if missing := missing_requirement():
        pytest.skip(missing)
    return find_chromium()


# The scope is this folder: while Playwright runs, Django treats the thread as asynchronous and
# rejects database access.
@pytest.fixture(scope="package")
def browser(chromium):
    sync_api = pytest.importorskip("playwright.sync_api", reason=missing_requirement())
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(browser, demo):
    """Open browsers with separate storage, and check for console errors at the end."""
    contexts, errors = [], []

    def record_error(message):
        # Chromium reports rejected API requests here, which the tests expect. Violations of the
        # Content-Security-Policy are errors.
        rejected = message.text.startswith("Failed to load resource")
        if rejected and message.location["url"].startswith((demo.api, demo.reports)):
            return
        if message.type in ("error", "warning"):
            errors.append(message.text)

    def open_context(**options):
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(20_000)
        context.on("console", record_error)
        context.on("weberror", lambda event: errors.append(str(event.error)))
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def context(open_browser):
    return open_browser()


@pytest.fixture(scope="package")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo
