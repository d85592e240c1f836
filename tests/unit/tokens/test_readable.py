"""The check before signing: each registered claim, and the whole text of each error."""

from __future__ import annotations

import uuid
from collections import UserDict
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.tokens.claims import REGISTERED, Claims, RefreshClaims
from django_tokenauth.tokens.readable import check_readable
from tests.support.raw_tokens import NOW, Access, Refresh, access_members, refresh_members

MANY_NAMES = [f"notes:{number}" for number in range(1000)]
NOT_JSON = (
    "EXTRA_CLAIMS must return values that JSON can represent. The claim 'tenant' has an invalid "
    "value of type object."
)
REJECTED = (
    "EXTRA_CLAIMS returned a claim 'tenant' that this server would reject. It is nested too "
    "deeply, two of its names are the same in JSON, or it has an unpaired surrogate or a number "
    "with thousands of digits."
)
SUBJECT = (
    "The claim 'sub' would be rejected by this server. Its value comes from the user, the client "
    "or the session. A string has 1 to 255 printable characters."
)
LARGE_EXTRA = (
    "EXTRA_CLAIMS makes access tokens longer than 8192 bytes. The largest claim is 'roles'. Return "
    "less data."
)
LARGE_SCOPE = (
    "The user and the scope make a token longer than 8192 bytes. The largest claim is 'scope'. "
    "Return less data."
)


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_check_readable_rejects_invalid_registered_claim(name):
    with pytest.raises(ImproperlyConfigured, match=f"^The claim '{name}' would be rejected"):
        check_readable({"private": None, name: None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": {"tenant": object()}}, NOT_JSON),
        ({"extra": {"tenant": {1: "a", "1": "b"}}}, REJECTED),
        ({"subject": ""}, SUBJECT),
        ({"extra": {"tenant": "x", "roles": "x" * 8192}}, LARGE_EXTRA),
        ({"scope": frozenset(MANY_NAMES)}, LARGE_SCOPE),
    ],
    ids=["not JSON", "rejected", "subject", "large extra claims", "large scope"],
)
def test_access_token_error_has_the_claim_and_what_to_do(changes, message):
    claims = Claims.from_payload(access_members())._replace(**changes)
    with pytest.raises(ImproperlyConfigured) as error:
        Access().tokens.encode(claims)
    assert str(error.value) == message


class Level(Enum):
    HIGH = "high"


@dataclass
class Money:
    amount: int


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        *((Level.HIGH, "Level"), (Money(1), "Money"), (b"x", "bytes"), ({1}, "set")),
        *((PurePosixPath("/x"), "PurePosixPath"), (range(2), "range"), ({uuid.uuid4(): 1}, "dict")),
        *((float("nan"), "float"), (Decimal("NaN"), "Decimal"), (10**5000, "int")),
        *(([{"total": [Decimal("Infinity")]}], "Decimal"), ({"at": [Level.HIGH]}, "Level")),
        *((iter("ab"), "str_ascii_iterator"), (UserDict(a=1), "UserDict")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_names_the_claim_and_the_type_of_its_value(value, type_name):
    claims = Claims.from_payload(access_members())._replace(extra={"name": "x", "tenant": value})
    with pytest.raises(ImproperlyConfigured) as error:
        Access().tokens.encode(claims)
    assert str(error.value) == NOT_JSON.replace("type object", f"type {type_name}")


def test_refresh_token_error_has_the_claim_and_what_to_do():
    sign_in = {"auth_time": NOW, "client_id": "phone", "scope": " ".join(MANY_NAMES)}
    claims = RefreshClaims.from_payload(refresh_members(**sign_in))
    with pytest.raises(ImproperlyConfigured) as error:
        Refresh().tokens.encode(claims)
    assert str(error.value) == LARGE_SCOPE
