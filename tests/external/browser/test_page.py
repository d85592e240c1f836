"""The page of the example project as a person uses it: two origins, several tabs, two languages."""

from __future__ import annotations

import re

import pytest

from tests.external.browser.requirements import what_is_missing

sync_api = pytest.importorskip("playwright.sync_api", reason=what_is_missing())
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
        # The three requests that follow are answered, whatever the answer is.
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


def message(tab, place):
    return tab.locator(f"[data-message={place}]")


def note(tab, text):
    return tab.locator("#notes li").filter(has_text=text)


def write(tab, text):
    tab.locator("#write input").fill(text)
    tab.locator("#write button").click()


@pytest.fixture
def published(context, demo):
    """The public keys, as the API shows them."""
    return context.request.get(f"{demo.api}/.well-known/jwks.json").json()["keys"]


def answer_with(context, jwks):
    """In the place of the API's public keys."""
    headers = {"Access-Control-Allow-Origin": "*"}
    context.route(
        "**/.well-known/jwks.json", lambda route: route.fulfill(json=jwks, headers=headers)
    )


def access_token(tab):
    return tab.locator("#token").inner_text()


class TestSigningIn:
    def test_a_wrong_password_is_refused_in_the_servers_words(self, context, demo):
        tab = context.new_page()
        tab.goto(demo.page)
        tab.locator("[name=username]").fill("alice")
        tab.locator("[name=password]").fill("a guess")
        tab.locator("#sign-in button").click()
        expect(message(tab, "sign-in")).not_to_be_empty()
        expect(tab.locator("#signed-in")).to_be_hidden()
        expect(tab.locator("#log")).to_contain_text("400 invalid_grant")

    def test_a_reload_stays_signed_in(self, tab):
        tab.reload()
        expect(tab.locator("#who")).to_have_text("Signed in as alice")

    def test_signing_out_ends_the_session(self, tab):
        press(tab, "sign-out")
        expect(message(tab, "sign-in")).to_have_text("You are signed out.")
        tab.reload()
        expect(tab.locator("#signed-out")).to_be_visible()

    def test_only_the_refresh_token_is_stored(self, tab):
        stored = tab.evaluate("Object.keys(localStorage)")
        everything = tab.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        assert stored == ["tokenauth.refresh_token"]
        assert access_token(tab) not in everything

    def test_a_server_that_does_not_answer_signs_nobody_out(self, context, tab):
        context.route("**/auth/token/refresh/", lambda route: route.abort("connectionfailed"))
        with tab.expect_event(
            "console"
        ):  # The browser's own word on it, which is no error of ours.
            tab.reload()
        expect(tab.locator("#waiting")).to_contain_text("The server does not respond.")
        context.unroute("**/auth/token/refresh/")
        press(tab, "refresh")
        expect(tab.locator("#who")).to_be_visible()


class TestTheToken:
    def test_it_is_taken_apart(self, tab):
        header, claims, signature = access_token(tab).split(".")
        expect(tab.locator("#token .header")).to_have_text(header)
        expect(tab.locator("#token .claims")).to_have_text(claims)
        expect(tab.locator("#token .signature")).to_have_text(signature)
        expect(tab.locator("#token-header")).to_contain_text("at+jwt")
        expect(tab.locator("#token-claims")).to_contain_text("notes:read notes:write")

    def test_its_time_runs_down(self, tab):
        remaining = tab.locator("#remaining")
        expect(remaining).to_have_text(re.compile(r"^Expires in [45]:\d\d$"))
        before = remaining.inner_text()
        expect(remaining).not_to_have_text(before)

    def test_a_refresh_replaces_it(self, tab):
        before = access_token(tab)
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        assert access_token(tab) != before

    def test_with_one_character_changed_it_is_refused(self, tab):
        press(tab, "tamper")
        expect(message(tab, "token")).to_contain_text('401\nWWW-Authenticate: Bearer realm="api"')
        expect(message(tab, "token")).to_contain_text('error="invalid_token"')
        expect(message(tab, "token")).to_contain_text("the signature does not match the public key")
        write(tab, "The real one is as good as before")
        expect(note(tab, "The real one").first).to_be_visible()

    def test_when_it_is_refused_the_request_is_repeated_with_a_new_one(self, context, tab):
        before = access_token(tab)

        def spoil(route):
            headers = {**route.request.headers, "authorization": f"Bearer {before[:-9]}AAAAAAAAA"}
            route.continue_(headers=headers)

        context.route("**/notes/", spoil, times=1)
        write(tab, "Sent twice, written once")
        expect(note(tab, "Sent twice, written once")).to_have_count(1)
        expect(tab.locator("#log")).to_contain_text("401 invalid_token")
        assert access_token(tab) != before


class TestTheKey:
    def test_the_page_verifies_the_token_and_shows_the_key(self, tab, demo, published):
        expect(tab.locator("#verdict")).to_contain_text("This page verified the signature")
        [key] = published
        shown = tab.locator("#token-key dd")
        for place, name in enumerate(("kid", "alg", "x")):
            expect(shown.nth(place)).to_contain_text(key[name])
        assert key["alg"] == "EdDSA"
        expect(tab.locator("#token-header")).to_contain_text(key["kid"])

    def test_another_key_of_that_name_does_not(self, context, tab, demo, published):
        other = {**published[0], "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        answer_with(context, {"keys": [other]})
        tab.reload()
        expect(tab.locator("#verdict")).to_contain_text("does not match the public key")
        expect(tab.locator("#token-key")).to_contain_text(other["x"])

    def test_a_key_that_is_not_published_is_missed(self, context, tab):
        answer_with(context, {"keys": []})
        tab.reload()
        expect(tab.locator("#verdict")).to_contain_text("does not publish this key")

    @pytest.mark.parametrize(
        "without",
        [
            "Object.defineProperty(crypto, 'subtle', { value: undefined })",
            "if (crypto.subtle) crypto.subtle.importKey = () => Promise.reject(new Error())",
        ],
    )
    def test_a_browser_without_ed25519_says_so(self, context, sign_in, without):
        context.add_init_script(without)
        tab = sign_in(context)
        expect(tab.locator("#verdict")).to_contain_text("the browser does not support Ed25519")
        expect(tab.locator("#token-key dd")).to_have_count(3)

    def test_after_a_rotation_it_is_the_next_one(self, tab, demo, published):
        demo.manage("tokenauth_keys", "rotate", "--now", "--directory", demo.keys)
        next_key = tab.locator("#token-key dd").first
        expect(next_key).to_contain_text(published[0]["kid"])
        # The processes look at the files every few seconds.
        for _ in range(60):
            press(tab, "refresh")
            expect(message(tab, "token")).to_contain_text("Received a new access token")
            if published[0]["kid"] not in next_key.inner_text():
                break
            tab.wait_for_timeout(500)
        expect(tab.locator("#verdict")).to_contain_text("This page verified the signature")
        expect(next_key).not_to_contain_text(published[0]["kid"])


class TestNotes:
    def test_one_is_written_and_deleted(self, tab):
        write(tab, "Buy oranges")
        expect(note(tab, "Buy oranges")).to_have_count(1)
        note(tab, "Buy oranges").get_by_role("button").click()
        expect(note(tab, "Buy oranges")).to_have_count(0)

    def test_markup_in_one_is_text(self, tab):
        write(tab, "<img src=x onerror=alert(1)>")
        expect(note(tab, "<img src=x onerror=alert(1)>").first).to_be_visible()
        expect(tab.locator("#notes img")).to_have_count(0)

    def test_with_the_right_to_read_only_none_is_written(self, context, sign_in):
        tab = sign_in(context, "bob", read_only=True)
        write(tab, "No")
        expect(message(tab, "notes")).to_contain_text('error="insufficient_scope"')
        expect(message(tab, "notes")).to_contain_text('scope="notes:write"')


class TestTwoTabs:
    def test_the_second_is_signed_in_by_itself(self, second_tab):
        expect(second_tab.locator("#who")).to_have_text("Signed in as alice")
        expect(second_tab.locator("#sessions .mark")).to_have_count(1)

    def test_after_a_refresh_in_one_both_go_on(self, tab, second_tab):
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        write(second_tab, "From the second tab")
        expect(note(second_tab, "From the second tab").first).to_be_visible()
        press(second_tab, "refresh")
        expect(message(second_tab, "token")).to_contain_text("Received a new access token")

    def test_refreshing_both_at_once_keeps_the_session(self, tab, second_tab):
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

    def test_signing_out_of_one_signs_out_of_the_other(self, tab, second_tab):
        press(tab, "sign-out")
        expect(second_tab.locator("#signed-out")).to_be_visible()
        expect(second_tab.locator("#signed-in")).to_be_hidden()

    def test_signing_in_to_one_signs_in_to_the_other(self, context, tab, second_tab, sign_in):
        press(tab, "sign-out")
        expect(second_tab.locator("#signed-out")).to_be_visible()
        sign_in(context, "bob")
        expect(tab.locator("#who")).to_have_text("Signed in as bob")
        expect(second_tab.locator("#who")).to_have_text("Signed in as bob")


class TestSessions:
    def test_another_device_is_signed_out_from_here(self, open_browser, sign_in):
        phone = sign_in(open_browser(), device="The phone to sign out")
        laptop = sign_in(open_browser(), device="A laptop")
        row = laptop.locator("#sessions li").filter(has_text="The phone to sign out")
        row.get_by_role("button").click()
        expect(row).to_have_count(0)
        write(phone, "Too late")
        expect(message(phone, "sign-in")).to_contain_text("The server ended this session.")
        write(laptop, "Still here")
        expect(note(laptop, "Still here").first).to_be_visible()

    def test_all_others_are_signed_out(self, open_browser, sign_in):
        sign_in(open_browser())
        laptop = sign_in(open_browser(), device="The only one left")
        press(laptop, "sign-out-others")
        expect(laptop.locator("#sessions li")).to_have_count(1)
        expect(laptop.locator("#sessions li")).to_contain_text("The only one left")


class TestTheLog:
    def test_it_shows_no_password_and_no_whole_token(self, tab, demo):
        press(tab, "refresh")
        expect(message(tab, "token")).to_contain_text("Received a new access token")
        log = tab.locator("#log").text_content()
        assert "Authorization: Bearer eyJ" in log
        assert "••••" in log
        assert demo.passwords["alice"] not in log
        assert re.search(r"eyJ[\w-]{20,}", log) is None


class TestLanguages:
    def test_a_korean_browser_gets_korean(self, open_browser, demo):
        tab = open_browser(locale="ko-KR").new_page()
        tab.goto(demo.page)
        expect(tab.locator("html")).to_have_attribute("lang", "ko")
        expect(tab.get_by_role("button", name="로그인")).to_be_visible()

    def test_the_switch_changes_every_word_and_is_remembered(self, tab):
        tab.get_by_role("button", name="한국어").click()
        expect(tab.locator("#who")).to_have_text("alice 님으로 로그인했습니다")
        tab.reload()
        expect(tab.locator("html")).to_have_attribute("lang", "ko")
        expect(tab.locator("#token-title")).to_have_text("액세스 토큰")
        tab.get_by_role("button", name="English").click()
        expect(tab.locator("#token-title")).to_have_text("The access token")

    def test_both_have_the_same_words(self, context, demo):
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
def test_nothing_is_wider_than_the_screen(open_browser, sign_in, width):
    tab = sign_in(open_browser(viewport={"width": width, "height": 844}))
    press(tab, "tamper")
    expect(message(tab, "token")).to_contain_text("401")
    for line in tab.locator("#log summary").all():
        line.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
