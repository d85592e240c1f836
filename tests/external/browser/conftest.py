"""What the browser tests need: a browser, and the demo of the example project to look at.

Without a browser they are skipped and say so. Where nothing may be left out (CI=true) that is an
error, for there nobody would notice.
"""

from __future__ import annotations

import pytest

from tests.external.browser.requirements import find_chromium, what_is_missing
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
    if missing := what_is_missing():
        if skips.in_ci():
            raise pytest.UsageError(f"Nothing may be left out in CI, but {missing}.")
        skips.note(missing)


@pytest.fixture(scope="session")
def chromium():
    if missing := what_is_missing():
        pytest.skip(missing)
    return find_chromium()


# Not for the whole session: while playwright runs, Django takes this thread for an async one and
# refuses it the database.
@pytest.fixture(scope="module")
def browser(chromium):
    sync_api = pytest.importorskip("playwright.sync_api", reason=what_is_missing())
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(browser, demo):
    """Opens a browser with a storage of its own, and looks for errors when the test is over."""
    contexts, errors = [], []

    def listen(message):
        # What the Content-Security-Policy stops is said here too. That the API refused a request
        # is said as well, but it is what the tests are about.
        refused = message.text.startswith("Failed to load resource")
        if refused and message.location["url"].startswith(demo.api):
            return
        if message.type in ("error", "warning"):
            errors.append(message.text)

    def open_one(**options):
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(20_000)
        context.on("console", listen)
        context.on("weberror", lambda event: errors.append(str(event.error)))
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def context(open_browser):
    return open_browser()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo
