"""Claims and RefreshClaims: each claim has one type, and their values are immutable."""

from __future__ import annotations

import copy
import json
import operator
import pickle

import pytest

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.tokens.claims import REGISTERED, Claims, RefreshClaims, SignIn
from tests.support.raw_tokens import (
    MISSING,
    NOW,
    SESSION,
    access_members,
    apply_changes,
    refresh_members,
)

LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z

INVALID_STRINGS = [
    *(None, 0, 1, 1.0, True, False, {}, {"a": "b"}, b"bytes"),
    *("", "\x00", "a\x00b", "a\nb", "\u200b", "\ud800", "a" * 256),
]
INVALID_TIMES = [
    *(None, True, False, "1700000000", " 1700000000 ", "1_700_000_000", "", [], {}, [NOW]),
    *(1.7e9, float(NOW), NOW + 0.5, -1, LAST_SECOND + 1, 10**400, -(10**400)),
]
INVALID_LISTS = [[], [None], [""], [1], ["a", 1], [["a"]], ["a", None], [{}], ["\x00"]]
INVALID_SCOPES = [
    *("", " ", " a", "a ", "a  b", "a\tb", "a\nb", "a\n", 'a"', "a\\b", "쓰기", "\x00"),
    *(None, True, 1, ["a"], {"a": 1}, "a\u00a0b"),
]
INVALID_SESSION_IDS = [
    *(None, "", 1, True, [SESSION], {}, SESSION.upper(), SESSION.replace("-", ""), SESSION[:-1]),
    *(f"{{{SESSION}}}", f"urn:uuid:{SESSION}", f"{SESSION}\n", f" {SESSION}", f"{SESSION}\x00"),
    SESSION.replace("0", "\u0660"),
]


#: All operations that change a dict.
MUTATIONS = [
    lambda mapping, name: operator.setitem(mapping, name, 1),
    operator.delitem,
    lambda mapping, name: operator.ior(mapping, {name: 1}),
    lambda mapping, name: mapping.update({name: 1}),
    lambda mapping, name: mapping.setdefault("new", 1),
    lambda mapping, name: mapping.pop(name),
    lambda mapping, name: mapping.popitem(),
    lambda mapping, name: mapping.clear(),
]
SIGN_IN = {"auth_time": NOW - 60, "client_id": "notes", "scope": "a b", "amr": ["pwd"]}


def error_code(from_payload, members):
    with pytest.raises(InvalidToken) as caught:
        from_payload(members)
    return caught.value.code


class TestClaims:
    def test_claims_from_payload_fills_every_field(self):
        aud = ["django-tokenauth", "notes"]
        members = access_members(nbf=NOW - 5, aud=aud, acr="urn:example:mfa", staff=True)
        assert Claims.from_payload(members) == Claims(
            issuer="django-tokenauth",
            audience=("django-tokenauth", "notes"),
            subject="1",
            client_id="notes",
            issued_at=NOW,
            expires_at=NOW + 300,
            jwt_id="a1b2c3",
            session_id=SESSION,
            scope=frozenset({"notes:read", "notes:write"}),
            auth_time=NOW,
            amr=("pwd",),
            not_before=NOW - 5,
            extra={"staff": True},
            acr="urn:example:mfa",
        )

    def test_claims_without_optional_claims_have_defaults(self):
        optional = dict.fromkeys(("sid", "scope", "auth_time", "amr"), MISSING)
        claims = Claims.from_payload(access_members(**optional))
        assert (claims.session_id, claims.auth_time, claims.not_before) == (None, None, None)
        assert (claims.scope, claims.amr, dict(claims.extra)) == (frozenset(), (), {})

    @pytest.mark.standard("rfc9068-2.2-1")
    @pytest.mark.attack(73)
    @pytest.mark.parametrize("name", ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"])
    def test_claims_without_required_claim_are_rejected(self, name):
        assert (
            error_code(Claims.from_payload, access_members(**{name: MISSING}))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.attack(88, 89, 93)
    @pytest.mark.parametrize("name", ["iss", "aud", "sub", "client_id", "jti"])
    @pytest.mark.parametrize("value", INVALID_STRINGS, ids=ascii)
    def test_claims_with_invalid_string_are_rejected(self, name, value):
        assert (
            error_code(Claims.from_payload, access_members(**{name: value}))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.parametrize("name", ["iss", "sub", "client_id", "jti"])
    def test_claims_with_list_instead_of_string_are_rejected(self, name):
        assert (
            error_code(Claims.from_payload, access_members(**{name: ["a"]}))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.attack(74, 75, 76, 77, 79, 80)
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
    @pytest.mark.parametrize("value", INVALID_TIMES, ids=lambda value: ascii(value)[:20])
    def test_claims_with_invalid_time_are_rejected(self, name, value):
        assert (
            error_code(Claims.from_payload, access_members(**{name: value}))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
    @pytest.mark.parametrize("value", [0, 1, LAST_SECOND])
    def test_claims_with_time_from_1970_to_9999_are_accepted(self, name, value):
        members = Claims.from_payload(access_members(**{name: value})).to_payload()
        assert members[name] == value

    @pytest.mark.parametrize("name", ["aud", "amr"])
    @pytest.mark.parametrize("value", INVALID_LISTS, ids=ascii)
    def test_claims_with_invalid_list_items_are_rejected(self, name, value):
        assert (
            error_code(Claims.from_payload, access_members(**{name: value}))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.parametrize("value", [None, "pwd", 1, {"pwd": 1}])
    def test_claims_with_non_list_amr_are_rejected(self, value):
        assert error_code(Claims.from_payload, access_members(amr=value)) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("value", INVALID_SCOPES, ids=ascii)
    def test_claims_with_malformed_scope_are_rejected(self, value):
        assert error_code(Claims.from_payload, access_members(scope=value)) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(93)
    @pytest.mark.parametrize("value", INVALID_SESSION_IDS, ids=ascii)
    def test_claims_with_invalid_session_id_are_rejected(self, value):
        assert error_code(Claims.from_payload, access_members(sid=value)) is TokenErrorCode.CLAIMS

    def test_claims_scope_ignores_duplicate_names(self):
        assert Claims.from_payload(access_members(scope="a b a")).scope == {"a", "b"}

    def test_claims_with_255_korean_characters_are_accepted(self):
        claims = Claims.from_payload(access_members(sub="가" * 255, client_id="a b"))
        assert (claims.subject, claims.client_id) == ("가" * 255, "a b")


class TestExtraClaims:
    EXTRA = {"tenant": {"id": 7, "roles": ["a", {"b": [1]}]}, "flags": [[True], None], "n": 1.5}

    def test_extra_claims_are_read_only_at_every_depth(self):
        extra = Claims.from_payload(access_members(**copy.deepcopy(self.EXTRA))).extra
        assert extra["flags"] == ((True,), None)
        assert extra["tenant"]["roles"] == ("a", {"b": (1,)})
        for mapping in (extra, extra["tenant"], extra["tenant"]["roles"][1]):
            before = dict(mapping)
            [name, *_] = mapping
            for change in MUTATIONS:
                with pytest.raises(TypeError) as error:
                    change(mapping, name)
                assert str(error.value) == "Claims are read-only. Copy the dict to change it."
            assert mapping == before

    def test_extra_claims_are_a_deep_copy(self):
        members = access_members(**copy.deepcopy(self.EXTRA))
        claims = Claims.from_payload(members)
        members["tenant"]["id"] = 8
        members["flags"].append("more")
        members["new"] = 1
        assert claims.extra["tenant"]["id"] == 7
        assert len(claims.extra["flags"]) == 2
        assert "new" not in claims.extra

    def test_extra_claims_exclude_registered_claims(self):
        special = {"tokenauth_tenant": "a", "act": {"sub": "2"}, "acr": "mfa"}
        special["tokenauth_grant"] = "token_exchange"
        members = access_members(nbf=NOW, gen=3, **special, **self.EXTRA)
        assert set(Claims.from_payload(members).extra) == set(self.EXTRA)
        assert set(members) - set(self.EXTRA) == set(REGISTERED)

    def test_extra_claims_round_trip_through_json(self):
        members = access_members(**self.EXTRA)
        round_tripped = json.loads(json.dumps(Claims.from_payload(members).to_payload()))
        assert round_tripped == members

    def test_extra_claims_cannot_replace_registered_claims(self):
        claims = Claims.from_payload(access_members())
        forged = claims._replace(extra={"sub": "2", "exp": LAST_SECOND})
        assert forged.to_payload() == claims.to_payload()


def acting(*names, staff=None):
    """Return an ``act`` claim with the clients *names*, the one that acts now first."""
    value = None if staff is None else {"sub": staff}
    for name in reversed(names):
        own = {"sub": name, "client_id": name}
        value = own if value is None else {**own, "act": value}
    return value


INVALID_ACTORS = [
    *(None, True, 1, "2", [], {}, ["2"], [{"sub": "2"}], {"sub": None}, {"sub": 2}, {"sub": ""}),
    *({"sub": "\x00"}, {"sub": "2", "iss": "x"}, {"sub": "2", "act": {"sub": "3"}}, {"iss": "x"}),
    *({"client_id": "a"}, {"sub": "a", "client_id": "b"}, {"sub": "a", "client_id": None}),
    *({**acting("a"), "act": None}, {**acting("a"), "act": {}}, {**acting("a"), "iss": "x"}),
    *({"sub": "2", "act": acting("a")}, {"sub": "", "client_id": ""}, acting(*"abcdefghi")),
]


class TestActor:
    """The ``act`` claim (RFC 8693 section 4.1)."""

    @pytest.mark.parametrize("claims", [(Claims, access_members), (RefreshClaims, refresh_members)])
    def test_actor_is_the_subject_in_the_act_claim(self, claims):
        kind, members = claims
        assert kind.from_payload(members(act={"sub": "2"})).actor == "2"
        assert kind.from_payload(members()).actor is None

    @pytest.mark.parametrize(
        ("value", "staff", "clients"),
        [
            (acting("a"), None, ("a",)),
            (acting("a", "b"), None, ("a", "b")),
            (acting("a", staff="2"), "2", ("a",)),
            (acting(*"abcdefgh", staff="2"), "2", tuple("abcdefgh")),
        ],
        ids=["one", "two", "staff", "eight"],
    )
    def test_clients_in_the_act_claim_are_in_order(self, value, staff, clients):
        claims = Claims.from_payload(access_members(act=value))
        assert (claims.actor, claims.acting_clients) == (staff, clients)
        assert claims.to_payload()["act"] == value
        members = refresh_members(act=value)
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("value", [None, True, "", "password", ["token_exchange"], {}])
    def test_claims_of_an_unknown_grant_are_rejected(self, value):
        members = access_members(tokenauth_grant=value)
        assert error_code(Claims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("claims", [(Claims, access_members), (RefreshClaims, refresh_members)])
    @pytest.mark.parametrize("value", INVALID_ACTORS, ids=ascii)
    def test_claims_with_invalid_act_claim_are_rejected(self, claims, value):
        kind, members = claims
        assert error_code(kind.from_payload, members(act=value)) is TokenErrorCode.CLAIMS


class TestClaimsValue:
    def test_claims_fields_cannot_be_set(self):
        claims = Claims.from_payload(access_members(a=[1]))
        for name in (*Claims._fields, "tenant"):
            with pytest.raises(AttributeError):
                setattr(claims, name, None)
        with pytest.raises(TypeError):
            claims.extra["a"] = 2

    def test_equal_claims_have_equal_hashes(self):
        first, second = (Claims.from_payload(access_members(a=[1])) for _ in range(2))
        assert first == second
        assert hash(first) == hash(second)

    @pytest.mark.parametrize(
        "copied",
        [copy.copy, copy.deepcopy, lambda claims: pickle.loads(pickle.dumps(claims))],  # noqa: S301
    )
    def test_claims_can_be_copied_and_pickled(self, copied):
        claims = Claims.from_payload(access_members(a={"b": [1]}))
        assert copied(claims) == claims
        assert hash(copied(claims)) == hash(claims)

    def test_claims_can_be_rebuilt_from_asdict(self):
        claims = Claims.from_payload(access_members(a={"b": [1]}))
        assert Claims(**claims._asdict()) == claims

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"aud": ["django-tokenauth", "notes"]},
            {"nbf": NOW - 1},
            {"a": 1, "b": None},
            {"act": {"sub": "2"}},
            {"act": acting("a", "b", staff="2"), "tokenauth_grant": "token_exchange"},
            {"tokenauth_grant": "client_credentials"},
            dict.fromkeys(("sid", "scope", "auth_time", "amr"), MISSING),
        ],
    )
    def test_claims_to_payload_reverses_from_payload(self, changes):
        assert Claims.from_payload(access_members(**changes)).to_payload() == access_members(
            **changes
        )


class TestRefreshClaims:
    def test_refresh_claims_from_payload_fills_every_field(self):
        assert RefreshClaims.from_payload(refresh_members()) == RefreshClaims(
            issuer="django-tokenauth",
            subject="1",
            session_id=SESSION,
            generation=3,
            issued_at=NOW,
            expires_at=NOW + 14 * 86400,
        )

    def test_stateless_refresh_claims_contain_the_sign_in(self):
        claims = RefreshClaims.from_payload(refresh_members(**SIGN_IN))
        assert claims.sign_in == SignIn(
            auth_time=NOW - 60, client_id="notes", scope=frozenset({"a", "b"}), amr=("pwd",)
        )
        without_optional = apply_changes(SIGN_IN, {"scope": MISSING, "amr": MISSING})
        claims = RefreshClaims.from_payload(refresh_members(**without_optional))
        assert (claims.sign_in.scope, claims.sign_in.amr) == (frozenset(), ())

    @pytest.mark.parametrize(("value", "authenticated"), [(True, True), (1, False), ("x", False)])
    def test_only_true_marks_the_client_as_authenticated(self, value, authenticated):
        members = refresh_members(**SIGN_IN, client_authenticated=value)
        sign_in = RefreshClaims.from_payload(members).sign_in
        assert sign_in.client_authenticated is authenticated

    @pytest.mark.parametrize("name", ["access_lifetime", "idle_lifetime", "absolute_lifetime"])
    @pytest.mark.parametrize("value", [0, -1, True, 1.5, "60", None, 10**12])
    def test_refresh_claims_with_invalid_lifetime_are_rejected(self, name, value):
        members = refresh_members(**SIGN_IN, **{name: value})
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("value", [[], "https://a.example.com", [7], [""], None, {}])
    def test_refresh_claims_with_invalid_audiences_are_rejected(self, value):
        members = refresh_members(**SIGN_IN, audiences=value)
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize(
        "members",
        [
            {},
            SIGN_IN,
            {**SIGN_IN, "client_authenticated": True},
            {**SIGN_IN, "audiences": ["self", "https://a.example.com"]},
            {"act": {"sub": "2"}},
            apply_changes(SIGN_IN, {"scope": MISSING, "amr": MISSING}),
        ],
    )
    def test_refresh_claims_to_payload_reverses_from_payload(self, members):
        members = refresh_members(**members)
        assert RefreshClaims.from_payload(members).to_payload() == members

    @pytest.mark.standard("rfc9068-2.2-1")
    @pytest.mark.attack(73)
    @pytest.mark.parametrize("name", ["iss", "sub", "sid", "gen", "iat", "exp"])
    def test_refresh_claims_without_required_claim_are_rejected(self, name):
        members = refresh_members(**{name: MISSING})
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize(
        "aud", [MISSING, None, "notes", ["django-tokenauth"], "django-tokenauth ", "", 1]
    )
    def test_refresh_claims_for_other_audience_are_rejected(self, aud):
        assert (
            error_code(RefreshClaims.from_payload, refresh_members(aud=aud))
            is TokenErrorCode.AUDIENCE
        )

    @pytest.mark.attack(88, 89, 93)
    @pytest.mark.parametrize("name", ["iss", "sub"])
    @pytest.mark.parametrize("value", [*INVALID_STRINGS, ["a"]], ids=ascii)
    def test_refresh_claims_with_invalid_string_are_rejected(self, name, value):
        members = refresh_members(**{name: value})
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.attack(74, 75, 76, 77, 79, 80)
    @pytest.mark.parametrize("name", ["exp", "iat"])
    @pytest.mark.parametrize("value", INVALID_TIMES, ids=lambda value: ascii(value)[:20])
    def test_refresh_claims_with_invalid_time_are_rejected(self, name, value):
        members = refresh_members(**{name: value})
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize(
        "value", [None, True, False, 0, -1, 1.0, "1", [1], {}, 2**63 - 1, 10**400], ids=str
    )
    def test_refresh_claims_with_invalid_generation_are_rejected(self, value):
        assert (
            error_code(RefreshClaims.from_payload, refresh_members(gen=value))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.parametrize("value", [1, 2**63 - 2])
    def test_refresh_claims_accept_lowest_and_highest_generation(self, value):
        assert RefreshClaims.from_payload(refresh_members(gen=value)).generation == value

    @pytest.mark.attack(93)
    @pytest.mark.parametrize("value", INVALID_SESSION_IDS, ids=ascii)
    def test_refresh_claims_with_invalid_session_id_are_rejected(self, value):
        assert (
            error_code(RefreshClaims.from_payload, refresh_members(sid=value))
            is TokenErrorCode.CLAIMS
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("auth_time", value) for value in (None, True, -1, 1.5, str(NOW))),
            *(("client_id", value) for value in (MISSING, None, "", 1, "\x00")),
            *(("scope", value) for value in ("", ["a"], None, "a  b")),
            *(("amr", value) for value in ([], "pwd", [1], None)),
        ],
    )
    def test_refresh_claims_with_invalid_sign_in_are_rejected(self, name, value):
        members = refresh_members(**apply_changes(SIGN_IN, {name: value}))
        assert error_code(RefreshClaims.from_payload, members) is TokenErrorCode.CLAIMS
