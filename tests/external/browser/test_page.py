"""The page of the example project in a browser: two origins, several tabs, two languages."""

from __future__ import annotations

import re

import pytest

from tests.external.browser.requirements import missing_requirement

sync_api = pytest.importorskip("playwright.sync_api", reason=missing_requirement())
expect = sync_api.expect


@pytest.fixture
def sign_in(demo):
    def sign_in(context, name="alice", *, device="A browser", read_only=False):
        tab = context.new_page()
        tab.goto(demo.page)
        tab.locator("[name=username]").fill(name)
        tab.locator("[name=password]").fill(demo.passwords[name])
        tab.locator("[name=device_name]").fill(device)
        tab.locator("[name=readOnly]").set_checked(read_only)
        tab.locator("#sign-in button").click()
        expect(tab.locator("#who")).to_contain_text(name)
        # The three requests after the sign-in have responses.
        expect(tab.locator("#log li")).to_have_count(4)
        return tab

    return sign_in


@pytest.fixture
def tab(context, sign_in):
    return sign_in(context)


@pytest.fixture
def second_tab(context, tab, demo):
    second = context.new_page()
    second.goto(demo.page)
    expect(second.locator("#who")).to_be_visible()
    return second


def press(tab, action):
    tab.locator(f"[data-action={action}]:visible").first.click()


def message(tab, area):
    return tab.locator(f"[data-message={area}]")


def note(tab, text):
    return tab.locator("#notes li").filter(has_text=text)


def write(tab, text):
    tab.locator("#write input").fill(text)
    tab.locator("#write button").click()


@pytest.fixture
def published(context, demo):
    """Return the public keys of the API."""
    return context.request.get(f"{demo.api}/.well-known/jwks.json").json()["keys"]


def respond_with(context, jwks):
    """Replace the public keys of the API."""
    headers = {"Access-Control-Allow-Origin": "*"}
    context.route(
        "**/.well-known/jwks.json", lambda route: route.fulfill(json=jwks, headers=headers)
    )


def access_token(tab):
    return tab.locator("#token").inner_text()


class TestSignIn:
    def test_page_shows_the_server_error_for_a_wrong_password(self, context, demo):
        tab = context.new_page()
        tab.goto(demo.page)
        tab.locator("[name=username]").fill("alice")
        tab.locator("[name=password]").fill("a guess")
        tab.locator("#sign-in button").click()
        expect(message(tab, "sign-in")).not_to_be_empty()
        expect(tab.locator("#signed-in")).to_be_hidden()
        expect(tab.locator("#log")).to_contain_text("400 invalid_grant")

    def test_page_reload_keeps_the_session(self, tab):
        tab.reload()
        expect(tab.locator("#who")).to_have_text("Signed in as alice")

    def test_page_sign_out_revokes_the_session(self, tab):
        press(tab, "sign-out")
        expect(message(tab, "sign-in")).to_have_text("You are signed out.")
        tab.reload()
        expect(tab.locator("#signed-out")).to_be_visible()

    def test_browser_storage_contains_only_the_refresh_token(self, tab):
        stored = tab.evaluate("Object.keys(localStorage)")
        everything = tab.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        assert stored == ["tokenauth.refresh_token"]
        assert access_token(tab) not in everything

    def test_page_keeps_the_session_if_the_server_is_unreachable(self, context, tab):
        context.route("**/auth/token/refresh/", lambda route: route.abort("connectionfailed"))
        # The browser logs the failed request; this is not an error of the page.
        with tab.expect_event("console"):
            tab.reload()
        expect(tab.locator("#waiting")).to_contain_text("The server does not respond.")
        context.unroute("**/auth/token/refresh/")
        press(tab, "refresh")
        expect(tab.locator("#who")).to_be_visible()


class TestTokenView:
    def test_page_shows_header_claims_and_signature_of_the_token(self, tab):
        header, claims, signature = access_token(tab).split(".")
        expect(tab.locator("#token .header")).to_have_text(header)
        expect(tab.locator("#token .claims")).to_have_text(claims)
        expect(tab.locator("#token .signature")).to_have_text(signature)
        expect(tab.locator("#token-header")).to_contain_text("at+jwt")
        expect(tab.locator("#token-claims")).to_contain_text("notes:read notes:write")

    def test_page_shows_remaining_lifetime_of_the_access_token(self, tab):
        remaining = tab.locator("#remaining")
        expect(remaining).to_have_text(re.compile(r"^Expires in [45]:\d\d$"))
        before = remaining.inner_text()
        expect(remaining).not_to_have_text(before)

    def test_refresh_button_replaces_the_access_token(self, tab):
        before = access_token(tab)
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        assert access_token(tab) != before

    def test_page_shows_401_for_a_tampered_token(self, tab):
        press(tab, "tamper")
        expect(message(tab, "token")).to_contain_text('401\nWWW-Authenticate: Bearer realm="api"')
        expect(message(tab, "token")).to_contain_text('error="invalid_token"')
        expect(message(tab, "token")).to_contain_text("the signature does not match the public key")
        write(tab, "The original token still works")
        expect(note(tab, "The original token").first).to_be_visible()

    def test_page_retries_a_rejected_request_after_a_refresh(self, context, tab):
        before = access_token(tab)

        def tamper(route):
            headers = {**route.request.headers, "authorization": f"Bearer {before[:-9]}AAAAAAAAA"}
            route.continue_(headers=headers)

        context.route("**/notes/", tamper, times=1)
        write(tab, "Sent twice, written once")
        expect(note(tab, "Sent twice, written once")).to_have_count(1)
        expect(tab.locator("#log")).to_contain_text("401 invalid_token")
        assert access_token(tab) != before


class TestKeyView:
    def test_page_verifies_the_token_and_shows_the_public_key(self, tab, demo, published):
        expect(tab.locator("#verdict")).to_contain_text("This page verified the signature")
        [key] = published
        shown = tab.locator("#token-key dd")
        for index, name in enumerate(("kid", "alg", "x")):
            expect(shown.nth(index)).to_contain_text(key[name])
        assert key["alg"] == "EdDSA"
        expect(tab.locator("#token-header")).to_contain_text(key["kid"])

    def test_page_reports_a_signature_of_another_key_with_same_kid(
        self, context, tab, demo, published
    ):
        wrong = {**published[0], "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        respond_with(context, {"keys": [wrong]})
        tab.reload()
        expect(tab.locator("#verdict")).to_contain_text("does not match the public key")
        expect(tab.locator("#token-key")).to_contain_text(wrong["x"])

    def test_page_reports_a_key_missing_in_the_key_set(self, context, tab):
        respond_with(context, {"keys": []})
        tab.reload()
        expect(tab.locator("#verdict")).to_contain_text("does not publish this key")

    @pytest.mark.parametrize(
        "script",
        [
            "Object.defineProperty(crypto, 'subtle', { value: undefined })",
            "if (crypto.subtle) crypto.subtle.importKey = () => Promise.reject(new Error())",
        ],
        ids=["no-subtle-crypto", "failing-import"],
    )
    def test_page_reports_missing_ed25519_support(self, context, sign_in, script):
        context.add_init_script(script)
        tab = sign_in(context)
        expect(tab.locator("#verdict")).to_contain_text("the browser does not support Ed25519")
        expect(tab.locator("#token-key dd")).to_have_count(3)

    def test_page_shows_the_new_key_after_a_rotation(self, tab, demo, published):
        demo.manage("tokenauth_keys", "rotate", "--now", "--directory", demo.keys)
        next_key = tab.locator("#token-key dd").first
        expect(next_key).to_contain_text(published[0]["kid"])
        # The processes poll the key folder every few seconds.
        for _ in range(60):
            press(tab, "refresh")
            expect(message(tab, "token")).to_contain_text("Received a new access token")
            if published[0]["kid"] not in next_key.inner_text():
                break
            tab.wait_for_timeout(500)
        expect(tab.locator("#verdict")).to_contain_text("This page verified the signature")
        expect(next_key).not_to_contain_text(published[0]["kid"])


class TestNotes:
    def test_page_writes_and_deletes_a_note(self, tab):
        write(tab, "Buy oranges")
        expect(note(tab, "Buy oranges")).to_have_count(1)
        note(tab, "Buy oranges").get_by_role("button").click()
        expect(note(tab, "Buy oranges")).to_have_count(0)

    def test_page_escapes_markup_in_a_note(self, tab):
        write(tab, "<img src=x onerror=alert(1)>")
        expect(note(tab, "<img src=x onerror=alert(1)>").first).to_be_visible()
        expect(tab.locator("#notes img")).to_have_count(0)

    def test_page_shows_the_scope_error_for_a_read_only_token(self, context, sign_in):
        tab = sign_in(context, "bob", read_only=True)
        write(tab, "No")
        expect(message(tab, "notes")).to_contain_text('error="insufficient_scope"')
        expect(message(tab, "notes")).to_contain_text('scope="notes:write"')


class TestTwoTabs:
    def test_page_in_second_tab_restores_the_session(self, second_tab):
        expect(second_tab.locator("#who")).to_have_text("Signed in as alice")
        expect(second_tab.locator("#sessions .mark")).to_have_count(1)

    def test_refresh_in_one_tab_keeps_both_tabs_signed_in(self, tab, second_tab):
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        write(second_tab, "From the second tab")
        expect(note(second_tab, "From the second tab").first).to_be_visible()
        press(second_tab, "refresh")
        expect(message(second_tab, "token")).to_contain_text("Received a new access token")

    def test_concurrent_refreshes_in_two_tabs_keep_the_session(self, tab, second_tab):
        before = {access_token(tab), access_token(second_tab)}
        click = "document.querySelector('#token ~ .actions [data-action=refresh]').click()"
        for _ in range(5):
            tab.evaluate(click)
            second_tab.evaluate(click)
        for each in (tab, second_tab):
            expect(message(each, "token")).to_contain_text("Received a new access token")
            each.reload()
            expect(each.locator("#who")).to_be_visible()
            assert access_token(each) not in before

    def test_sign_out_in_one_tab_signs_other_tab_out(self, tab, second_tab):
        press(tab, "sign-out")
        expect(second_tab.locator("#signed-out")).to_be_visible()
        expect(second_tab.locator("#signed-in")).to_be_hidden()

    def test_sign_in_in_one_tab_signs_other_tab_in(self, context, tab, second_tab, sign_in):
        press(tab, "sign-out")
        expect(second_tab.locator("#signed-out")).to_be_visible()
        sign_in(context, "bob")
        expect(tab.locator("#who")).to_have_text("Signed in as bob")
        expect(second_tab.locator("#who")).to_have_text("Signed in as bob")


class TestSessions:
    def test_page_signs_out_the_session_of_another_device(self, open_browser, sign_in):
        phone = sign_in(open_browser(), device="The phone to sign out")
        laptop = sign_in(open_browser(), device="A laptop")
        row = laptop.locator("#sessions li").filter(has_text="The phone to sign out")
        row.get_by_role("button").click()
        expect(row).to_have_count(0)
        write(phone, "Too late")
        expect(message(phone, "sign-in")).to_contain_text("The session expired or was revoked.")
        write(laptop, "Still here")
        expect(note(laptop, "Still here").first).to_be_visible()

    def test_page_signs_out_all_other_sessions(self, open_browser, sign_in):
        sign_in(open_browser())
        laptop = sign_in(open_browser(), device="The remaining device")
        press(laptop, "sign-out-others")
        expect(laptop.locator("#sessions li")).to_have_count(1)
        expect(laptop.locator("#sessions li")).to_contain_text("The remaining device")


class TestParties:
    def call(self, tab, *words):
        rows = tab.locator("#calls li")
        for word in words:
            rows = rows.filter(has_text=word)
        return rows

    def create_report(self, tab):
        # After the rotation of another test, the reports fetch the new key within seconds.
        for _ in range(60):
            press(tab, "create-report")
            expect(message(tab, "parties")).not_to_be_empty(timeout=30_000)
            if 'error="invalid_token"' not in message(tab, "parties").inner_text():
                break
            tab.wait_for_timeout(500)

    def test_page_gets_a_report_of_the_second_service(self, tab):
        write(tab, "Three short words")
        self.create_report(tab)
        expect(message(tab, "parties")).to_have_text(
            re.compile(r"^The report service counted \d+ notes with \d+ words\.$")
        )
        own = self.call(tab, "POST /reports/", "browser", "201")
        expect(own).to_contain_text("for https://reports.example.com")
        exchange = self.call(tab, "POST /auth/token/", "gets exchanged token")
        expect(exchange).to_contain_text("service/reports acts for the user")
        reading = self.call(tab, "GET /notes/", "sends exchanged token")
        expect(reading).to_contain_text("for https://notes.example.com · scope notes:read ·")
        # The session of this tab is still the same.
        write(tab, "After the report")
        expect(note(tab, "After the report").first).to_be_visible()

    def test_page_shows_why_a_report_is_denied(self, context, sign_in):
        tab = sign_in(context, "bob", read_only=True)
        self.create_report(tab)
        expect(message(tab, "parties")).to_contain_text('error="insufficient_scope"')
        expect(self.call(tab, "POST /reports/", "403")).to_have_count(1)

    def test_page_lists_the_script_and_the_service_account(self, tab):
        # The list has only the last calls. Those of other tests may have replaced the calls of the
        # two programs, which call once a minute.
        wait = {"timeout": 90_000}
        script = self.call(tab, "GET /notes/", "sends API token")
        expect(script).to_have_text(re.compile(r"script.*API.*…\w{4}$"), **wait)
        account = self.call(tab, "GET /statistics/", "service account")
        expect(account).to_contain_text("scope statistics:read", **wait)

    def test_list_of_calls_contains_no_token(self, tab, context, demo):
        self.create_report(tab)
        listed = context.request.get(f"{demo.page}/calls.json").text()
        assert "token_exchange" in listed
        assert re.search(r"eyJ[\w-]{20,}|example_\w{20,}", listed) is None


class TestRequestLog:
    def test_page_log_shows_no_password_and_no_full_token(self, tab, demo):
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        log = tab.locator("#log").text_content()
        assert "Authorization: Bearer eyJ" in log
        assert "••••" in log
        assert demo.passwords["alice"] not in log
        assert re.search(r"eyJ[\w-]{20,}", log) is None


class TestLanguages:
    def test_korean_browser_shows_korean_page(self, open_browser, demo):
        tab = open_browser(locale="ko-KR").new_page()
        tab.goto(demo.page)
        expect(tab.locator("html")).to_have_attribute("lang", "ko")
        expect(tab.get_by_role("button", name="로그인")).to_be_visible()

    def test_page_applies_and_stores_the_selected_language(self, tab):
        tab.get_by_role("button", name="한국어").click()
        expect(tab.locator("#who")).to_have_text("alice 님으로 로그인했습니다")
        tab.reload()
        expect(tab.locator("html")).to_have_attribute("lang", "ko")
        expect(tab.locator("#token-title")).to_have_text("액세스 토큰")
        tab.get_by_role("button", name="English").click()
        expect(tab.locator("#token-title")).to_have_text("The access token")

    def test_english_and_korean_page_strings_have_equal_keys(self, context, demo):
        tab = context.new_page()
        tab.goto(demo.page)
        missing = tab.evaluate("""async () => {
            const { STRINGS } = await import("/strings.js");
            const [english, korean] = [STRINGS.en, STRINGS.ko].map((words) => Object.keys(words));
            return [...english, ...korean].filter(
                (key) => !english.includes(key) || !korean.includes(key));
        }""")
        assert missing == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_page_fits_screen_width(open_browser, sign_in, width):
    tab = sign_in(open_browser(viewport={"width": width, "height": 844}))
    press(tab, "tamper")
    expect(message(tab, "token")).to_contain_text("401")
    for line in tab.locator("#log summary").all():
        line.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
