"""The setting ``AUDIENCES``: its values, and its scopes and those of ``SCOPES``."""

from __future__ import annotations

import pytest

from django_tokenauth.conf import settings as conf
from tests.support.raw_tokens import SECRET_KEY, read_settings

NOTES, REPORTS = "https://notes.example.com", "https://reports.example.com"
SCOPES = ["notes:read", "reports:read"]
CANARY = "canary-4711"


def problems(**values):
    return conf.read(values, (SECRET_KEY,))[1]


class TestValues:
    @pytest.mark.parametrize("value", [None, {}])
    def test_audiences_are_empty_by_default(self, value):
        assert read_settings(AUDIENCES=value).audiences == {}

    def test_audiences_have_tuples_of_scopes(self):
        value = {NOTES: {"notes:read"}, REPORTS: ["reports:read"], "urn:example:none": []}
        settings = read_settings(SCOPES=SCOPES, AUDIENCES=value)
        assert settings.audiences == {
            NOTES: ("notes:read",),
            REPORTS: ("reports:read",),
            "urn:example:none": (),
        }

    def test_audiences_are_read_only(self):
        audiences = read_settings(SCOPES=SCOPES, AUDIENCES={NOTES: []}).audiences
        with pytest.raises(TypeError):
            audiences[REPORTS] = ()

    @pytest.mark.parametrize("value", [[NOTES], NOTES, 7])
    def test_audiences_that_are_not_a_dict_are_rejected(self, value):
        [problem] = problems(AUDIENCES=value)
        assert problem.check_id == "E008"
        assert "expected a dict of audiences" in problem.message
        assert problem.hint.startswith("For example {")
        assert problem.unusable == ("audiences",)

    @pytest.mark.parametrize("name", ["notes", "/notes", f"{NOTES}#a", f"{NOTES} ", 7, None])
    def test_audience_must_be_an_absolute_uri(self, name):
        [problem] = problems(AUDIENCES={REPORTS: [], name: []})
        assert "The audience in entry 2 (of 2) must be an absolute URI" in problem.hint

    @pytest.mark.parametrize("scopes", ["notes:read", None, ["two names"], [7]])
    def test_scopes_of_audience_must_be_a_list_of_names(self, scopes):
        [problem] = problems(SCOPES=SCOPES, AUDIENCES={NOTES: scopes})
        assert "The scopes in entry 1 (of 1) must be a list of scope names" in problem.hint

    @pytest.mark.parametrize("value", [{CANARY: []}, {NOTES: CANARY}, CANARY])
    def test_error_of_audiences_shows_no_value(self, value):
        assert CANARY not in str(problems(AUDIENCES=value))

    def test_invalid_audiences_hide_no_other_problem(self):
        [problem] = problems(AUDIENCES=7, SCOPES=["a" * 1025])[1:]
        assert problem.message.startswith("SCOPES has more than")


class TestChecks:
    def test_unknown_scope_of_audience_is_reported_with_a_suggestion(self):
        [problem] = problems(SCOPES=SCOPES, AUDIENCES={REPORTS: [], NOTES: ["notes:reed"]})
        assert problem.check_id == "E008"
        assert problem.message == (
            "Entry 2 of AUDIENCES has scopes that SCOPES does not contain. It has 'notes:reed'."
        )
        assert problem.hint.startswith("Did you mean 'notes:read'? Add each scope to SCOPES")

    def test_unknown_scope_that_may_be_a_secret_is_not_shown(self):
        [problem] = problems(AUDIENCES={NOTES: [CANARY]})
        assert problem.message == "Entry 1 of AUDIENCES has scopes that SCOPES does not contain."
        assert problem.hint.startswith("Add each scope")

    def test_audiences_that_no_session_can_store_are_reported(self):
        many = {f"https://example.com/{number:03}{'a' * 77}": [] for number in range(10)}
        assert problems(AUDIENCES=many) == []
        more = {**many, "https://example.com/": []}
        [problem] = problems(AUDIENCES=more)
        assert problem.message.startswith("AUDIENCES has more than 1024 characters.")
        assert problems(AUDIENCES=more, STATELESS_REFRESH=True) == []
