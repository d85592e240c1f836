"""Settings of other packages for token authentication, and their equivalents in this package.

A hint by spelling would be wrong for these names: it could suggest a setting that turns a
protection off.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from .values import did_you_mean

_ALWAYS = "It is always on here. Remove it."
_SAME = "TOKENAUTH has a setting of the same name."
_SUBCLASS = "Subclass the view and give the subclass its own route. Remove the setting."
_SLIDING = "There are no sliding tokens: set REFRESH_TOKEN_LIFETIME and SESSION_LIFETIME."
_BEARER = 'The scheme of tokens is always "Bearer". Remove it.'
_HEADER = 'Set the attribute "header" of a subclass of JWTAuthentication. Remove the setting.'
_NO_COOKIE = "Tokens are in the response and not in a cookie. Remove it."
_LOGIN = "Connect a receiver to Django's user_logged_in or user_login_failed."
_NO_MODEL = "Tokens are signed and not stored. Remove it."

_SIMPLE_JWT = {
    **dict.fromkeys(
        ("ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_LIFETIME", "ALGORITHM", "SIGNING_KEY"), _SAME
    ),
    **dict.fromkeys(("AUDIENCE", "ISSUER", "LEEWAY", "USER_ID_FIELD"), _SAME),
    **dict.fromkeys(
        (
            *("SLIDING_TOKEN_LIFETIME", "SLIDING_TOKEN_REFRESH_LIFETIME"),
            *("SLIDING_TOKEN_LIFETIME_LATE_USER", "SLIDING_TOKEN_REFRESH_LIFETIME_LATE_USER"),
            "SLIDING_TOKEN_REFRESH_EXP_CLAIM",
        ),
        _SLIDING,
    ),
    "ROTATE_REFRESH_TOKENS": _ALWAYS,
    "BLACKLIST_AFTER_ROTATION": _ALWAYS,
    "UPDATE_LAST_LOGIN": _ALWAYS,
    "CHECK_USER_IS_ACTIVE": _ALWAYS,
    "CHECK_REVOKE_TOKEN": "A password change always ends the sessions of the user. Remove it.",
    "REVOKE_TOKEN_CLAIM": "A password change always ends the sessions of the user. Remove it.",
    "VERIFYING_KEY": "VERIFYING_KEYS takes a list of public keys.",
    "JSON_ENCODER": "EXTRA_CLAIMS may return UUIDs, dates and decimals. Remove it.",
    "JWK_URL": "Keys are not fetched from a URL: VERIFYING_KEYS takes a list of public keys.",
    "AUTH_HEADER_TYPES": _BEARER,
    "AUTH_HEADER_NAME": _HEADER,
    "USER_ID_CLAIM": 'The claim is always "sub". Remove it.',
    "JTI_CLAIM": 'The claim is always "jti". Remove it.',
    "TOKEN_TYPE_CLAIM": 'The type of a token is in its header "typ". Remove it.',
    "AUTH_TOKEN_CLASSES": "Only access tokens authenticate requests. Remove it.",
    "USER_AUTHENTICATION_RULE": "Reject users in an authentication backend. Remove it.",
    "TOKEN_USER_CLASS": "Override get_user() in a subclass of StatelessJWTAuthentication.",
    "ON_LOGIN_SUCCESS": _LOGIN,
    "ON_LOGIN_FAILED": _LOGIN,
    **dict.fromkeys(
        (
            *("TOKEN_OBTAIN_SERIALIZER", "TOKEN_REFRESH_SERIALIZER", "TOKEN_VERIFY_SERIALIZER"),
            *("TOKEN_BLACKLIST_SERIALIZER", "SLIDING_TOKEN_OBTAIN_SERIALIZER"),
            "SLIDING_TOKEN_REFRESH_SERIALIZER",
        ),
        _SUBCLASS,
    ),
}

_KNOX = {
    "SECURE_HASH_ALGORITHM": _NO_MODEL,
    "AUTH_TOKEN_CHARACTER_LENGTH": _NO_MODEL,
    "TOKEN_MODEL": _NO_MODEL,
    "TOKEN_PREFIX": _NO_MODEL,
    "TOKEN_TTL": "Set REFRESH_TOKEN_LIFETIME, and minutes as ACCESS_TOKEN_LIFETIME.",
    "USER_SERIALIZER": _SUBCLASS,
    "TOKEN_LIMIT_PER_USER": "MAX_SESSIONS_PER_USER ends the oldest sessions above the limit.",
    "AUTO_REFRESH": "Each refresh extends a session by REFRESH_TOKEN_LIFETIME. Remove it.",
    "AUTO_REFRESH_MAX_TTL": "SESSION_LIFETIME is the maximum lifetime of a session.",
    "MIN_REFRESH_INTERVAL": "Clients refresh before the access token expires. Remove it.",
    "AUTH_HEADER_PREFIX": _BEARER,
    "EXPIRY_DATETIME_FORMAT": "The response has expires_in, in seconds. Remove it.",
}

_DRF_JWT = {
    "JWT_SECRET_KEY": "SIGNING_KEY is the secret, by default derived from SECRET_KEY.",
    "JWT_GET_USER_SECRET_KEY": "A password change always ends the sessions of the user. Remove it.",
    "JWT_PRIVATE_KEY": "KEY_DIRECTORY or SIGNING_KEY contains the private key.",
    "JWT_PUBLIC_KEY": "VERIFYING_KEYS takes a list of public keys.",
    "JWT_ALGORITHM": "ALGORITHM is the algorithm of access tokens.",
    "JWT_VERIFY": _ALWAYS,
    "JWT_VERIFY_EXPIRATION": _ALWAYS,
    "JWT_ALLOW_REFRESH": _ALWAYS,
    "JWT_LEEWAY": "LEEWAY is a timedelta.",
    "JWT_EXPIRATION_DELTA": "ACCESS_TOKEN_LIFETIME is the lifetime of access tokens.",
    "JWT_REFRESH_EXPIRATION_DELTA": "SESSION_LIFETIME is the maximum lifetime of a session.",
    "JWT_AUDIENCE": "AUDIENCE is the audience of access tokens.",
    "JWT_ISSUER": "ISSUER is the issuer of tokens.",
    "JWT_PAYLOAD_HANDLER": "EXTRA_CLAIMS returns additional claims.",
    "JWT_PAYLOAD_GET_USER_ID_HANDLER": "USER_ID_FIELD is the field in the claim sub.",
    "JWT_PAYLOAD_INCLUDE_USER_ID": 'The user is always in the claim "sub". Remove it.',
    "JWT_RESPONSE_PAYLOAD_HANDLER": _SUBCLASS,
    "JWT_AUTH_HEADER_PREFIX": _BEARER,
    "JWT_AUTH_COOKIE": _NO_COOKIE,
    "JWT_IMPERSONATION_COOKIE": _NO_COOKIE,
    "JWT_DELETE_STALE_BLACKLISTED_TOKENS": "Sign-ins delete expired sessions. Remove it.",
}

_DJ_REST_AUTH = {
    "USE_JWT": _ALWAYS,
    "JWT_AUTH_RETURN_EXPIRATION": _ALWAYS,
    "LOGOUT_ON_PASSWORD_CHANGE": _ALWAYS,
    "SESSION_LOGIN": "A sign-in for a token starts no session of Django. Remove it.",
    "TOKEN_CREATOR": _NO_MODEL,
    **dict.fromkeys(
        ("LOGIN_SERIALIZER", "TOKEN_SERIALIZER", "JWT_SERIALIZER", "JWT_TOKEN_CLAIMS_SERIALIZER"),
        _SUBCLASS,
    ),
    **dict.fromkeys(
        (
            *("JWT_AUTH_REFRESH_COOKIE", "JWT_AUTH_REFRESH_COOKIE_PATH", "JWT_AUTH_SECURE"),
            *("JWT_AUTH_HTTPONLY", "JWT_AUTH_SAMESITE", "JWT_AUTH_COOKIE_DOMAIN"),
            *("JWT_AUTH_COOKIE_USE_CSRF", "JWT_AUTH_COOKIE_ENFORCE_CSRF_ON_UNAUTHENTICATED"),
        ),
        _NO_COOKIE,
    ),
}

#: The settings of projects, the module that reads each of them, and the hint for each of its keys.
DICTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "SIMPLE_JWT": ("rest_framework_simplejwt", _SIMPLE_JWT),
    "REST_KNOX": ("knox", _KNOX),
    "JWT_AUTH": ("rest_framework_jwt", _DRF_JWT),
    "REST_AUTH": ("dj_rest_auth", _DJ_REST_AUTH),
}

#: Settings of older versions of dj-rest-auth, which are not in a dict.
NAMES: Mapping[str, str] = {
    "REST_USE_JWT": _ALWAYS,
    "REST_SESSION_LOGIN": _DJ_REST_AUTH["SESSION_LOGIN"],
    "REST_AUTH_TOKEN_MODEL": _NO_MODEL,
    "REST_AUTH_TOKEN_CREATOR": _NO_MODEL,
    "REST_AUTH_SERIALIZERS": _SUBCLASS,
    "JWT_AUTH_COOKIE": _NO_COOKIE,
    "JWT_AUTH_REFRESH_COOKIE": _NO_COOKIE,
}

_ALL = {**_DJ_REST_AUTH, **_DRF_JWT, **_KNOX, **_SIMPLE_JWT}


# Settings that turn a protection off. A name of another package may resemble them.
_WEAKENING = ("STATELESS_REFRESH", "REFRESH_RETRY", "REVOKE_BY_ACCESS_TOKEN", "LEEWAY")
# Minimum similarity of a misspelled name to a setting. To STATELESS_REFRESH, STATELES_REFRESH has
# the similarity 0.97, and STATELESS_TOKENS 0.73.
_MISSPELLED = 0.9


def hint_for(name: str, known: Collection[str]) -> str:
    """Return the hint for the unknown setting *name*, or an empty string.

    *known* contains the names of the settings of this package.

    The hint for a setting of another package names the equivalent here. The hint for another name
    is "Did you mean ...?". A setting that turns a protection off is suggested only if *name* is a
    misspelling of it.
    """
    name = name.strip().upper()
    if name in known:
        return did_you_mean(name, known)
    equivalent = _ALL.get(name) or _ALL.get(f"JWT_{name}")
    if equivalent:
        return equivalent
    meant = difflib.get_close_matches(name, _WEAKENING, n=1, cutoff=_MISSPELLED)
    return did_you_mean(name, meant or [each for each in known if each not in _WEAKENING])
