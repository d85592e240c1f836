"""At least forty defects that a change could introduce, at least one for each component."""

from __future__ import annotations

from dataclasses import dataclass

CAMPAIGNS = "tests/campaigns/attacks"
SERVICES = "tests/integration/services"
SESSIONS = "tests/integration/sessions"
TOKENS = "tests/unit/tokens"
KEYS = "tests/unit/keys"
CHECKS = "tests/unit/checks"


@dataclass(frozen=True)
class Defect:
    """A replacement of ``old``, which occurs once in ``file`` of the package, by ``new``."""

    file: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]


DEFECTS = (
    Defect(
        "tokens/jws.py",
        "signature is not verified",
        "    if not key.verify(compact.signing_input, compact.signature):",
        "    if False:",
        (TOKENS,),
    ),
    Defect(
        "tokens/jws.py",
        "algorithm of the header may differ from the key's",
        'if key is None or header["alg"] != key.algorithm:',
        "if key is None:",
        (TOKENS, CAMPAIGNS),
    ),
    Defect(
        "tokens/jws.py",
        "critical header parameters are ignored",
        "not isinstance(algorithm, str) or not _REJECTED.isdisjoint(header)",
        "not isinstance(algorithm, str)",
        (TOKENS, CAMPAIGNS),
    ),
    Defect(
        "tokens/jws.py",
        "type of the token is not checked",
        'if not isinstance(typ, str) or typ.lower().removeprefix("application/") != self._typ:',
        "if not isinstance(typ, str):",
        (TOKENS, CAMPAIGNS),
    ),
    Defect(
        "tokens/access.py",
        "cached token is accepted after its expiry",
        "        if now >= end:",
        "        if cached is None and now >= end:",
        (TOKENS,),
    ),
    Defect(
        "tokens/access.py",
        "new keys keep the cache of verified tokens",
        "if latest is None or latest[0] is not keys:",
        "if latest is None:",
        (TOKENS, KEYS),
    ),
    Defect(
        "tokens/access.py",
        "audience is not checked",
        "if self._audience not in claims.audience:",
        "if not claims.audience:",
        (TOKENS,),
    ),
    Defect(
        "tokens/access.py",
        "verified tokens of all audiences share a cache key",
        "if settings.original is not None:",
        "if settings.by_request:",
        ("tests/integration/services/test_audiences.py",),
    ),
    Defect(
        "services/audiences.py",
        "a refresh widens the audiences of the session",
        "if not chosen or chosen[0] not in permitted:",
        "if not chosen:",
        ("tests/integration/services/test_audiences.py",),
    ),
    Defect(
        "services/issuing.py",
        "a token has scopes of other audiences",
        "    if settings.audiences:",
        "    if False:",
        ("tests/integration/services/test_audiences.py",),
    ),
    Defect(
        "tokens/claims.py",
        "lifetime of a token is unlimited",
        "claims.expires_at - claims.issued_at > max_lifetime",
        "False",
        (TOKENS,),
    ),
    Defect(
        "_strict_json.py",
        "duplicate names are accepted",
        "if len(members) != len(pairs):",
        "if len(members) > len(pairs):",
        ("tests/unit/test_strict_json.py",),
    ),
    Defect(
        "_base64url.py",
        "unused bits of the last character are accepted",
        "if rest and segment[-1] not in _LAST[rest]:",
        "if rest == 1:",
        (TOKENS,),
    ),
    Defect(
        "keys/schedule.py",
        "next key signs before its time",
        "if key.not_before <= now and not key.has_expired(now)",
        "if not key.has_expired(now)",
        (KEYS,),
    ),
    Defect(
        "keys/schedule.py",
        "secrets and key pairs share a set",
        "if len({key.algorithm in HMAC_ALGORITHMS for key in by_kid.values()}) > 1:",
        "if len(by_kid) > 1000:",
        (KEYS, CHECKS),
    ),
    Defect(
        "keys/drafts.py",
        "key files are readable by every user",
        "descriptor = os.open(draft, _CREATE, 0o600)",
        "descriptor = os.open(draft, _CREATE, 0o644)",
        (KEYS, "tests/unit/management"),
    ),
    Defect(
        "keys/directory.py",
        "later expiry of a key with two files wins",
        "= _with_expiry(files[names[key.kid]], key.expires_at)",
        "= files[names[key.kid]]",
        (KEYS,),
    ),
    Defect(
        "keys/rotating.py",
        "earlier expiry of a key is overwritten",
        "if expiry is not None and not _expires_later(current.key, expiry):",
        "if expiry is None:",
        (KEYS, "tests/unit/management"),
    ),
    Defect(
        "keys/rotating.py",
        "old key expires before its last token",
        "    expiry = start + _token_drain_time(settings)",
        "    expiry = start",
        (KEYS, "tests/unit/management"),
    ),
    Defect(
        "keys/sources.py",
        "refresh tokens are signed with the key of access tokens",
        '"refresh token"',
        '"access token"',
        (KEYS, TOKENS, CAMPAIGNS),
    ),
    Defect(
        "conf/settings.py",
        "unknown setting is ignored",
        "for position, name in enumerate(raw, 1) if name not in known",
        "for position, name in enumerate(raw, 1) if name == 0",
        ("tests/unit/conf",),
    ),
    Defect(
        "sessions/store.py",
        "rotation does not compare the generation",
        '_ROTATED_WHERE = ("id", "generation", "auth_hash")',
        '_ROTATED_WHERE = ("id", "auth_hash")',
        (SESSIONS, SERVICES),
    ),
    Defect(
        "sessions/store.py",
        "revoked session can be rotated",
        "    rows = _not_revoked(Session.objects.using(using))",
        "    rows = Session.objects.using(using)",
        (SESSIONS, SERVICES),
    ),
    Defect(
        "sessions/revocations.py",
        "snapshot is never read again",
        "        if not self._begin <= now < self._end:",
        "        if not self._begin <= now:",
        (SESSIONS,),
    ),
    Defect(
        "sessions/users.py",
        "subject may be another spelling of the key",
        "return user if user is not None and get_subject(user, id_field) == subject else None",
        "return user",
        (SESSIONS, "tests/unit/sessions", SERVICES),
    ),
    Defect(
        "sessions/users.py",
        "inactive user keeps access",
        "if user is None or not user.is_active or get_subject(user, id_field) != subject:",
        "if user is None or get_subject(user, id_field) != subject:",
        (SERVICES, "tests/integration/test_authentication_rejected.py"),
    ),
    Defect(
        "sessions/receivers.py",
        "deactivation revokes no session",
        "keep = auth_hashes(user) if user.is_active else []",
        "keep = auth_hashes(user)",
        (SESSIONS,),
    ),
    Defect(
        "sessions/pruning.py",
        "active sessions are pruned",
        "filter(idle_expires_at__lt=before)",
        "all()",
        (SESSIONS, SERVICES),
    ),
    Defect(
        "services/refreshing.py",
        "grace period covers every older token",
        "    if presented == session.generation - (2 if session.retried else 1):",
        "    if presented < session.generation:",
        (SERVICES,),
    ),
    Defect(
        "services/refreshing.py",
        "reused token does not revoke the session",
        "    _revoke_reused(refresh_request, session)\n    raise InvalidGrant",
        "    raise InvalidGrant",
        (SERVICES,),
    ),
    Defect(
        "services/refreshing.py",
        "idle expiry exceeds the absolute expiry",
        "idle_expires_at=min(idle_expires_at, session.absolute_expires_at),",
        "idle_expires_at=idle_expires_at,",
        (SERVICES,),
    ),
    Defect(
        "services/issuing.py",
        "refresh widens the scope",
        "if requested is not None and not set(requested) <= set(allowed):",
        "if False:",
        ("tests/unit/services", SERVICES),
    ),
    Defect(
        "services/signing_in.py",
        "inactive user of a custom backend signs in",
        "    if not user.is_active:\n        logger.info",
        "    if False:\n        logger.info",
        (SERVICES,),
    ),
    Defect(
        "services/verifying.py",
        "revoked session keeps access",
        "    if session is None or session.revoked_at is not None:",
        "    if session is None:",
        (SERVICES, "tests/integration/test_authentication_rejected.py"),
    ),
    Defect(
        "services/clients.py",
        "any secret of a listed client is valid",
        "any(hmac.compare_digest(encoded, each) for each in secrets_)",
        "bool(secrets_)",
        ("tests/unit/services",),
    ),
    Defect(
        "http/parsers.py",
        "duplicate parameters of a form are accepted",
        "    if twice:",
        "    if False:",
        ("tests/unit/http", "tests/integration/test_views_bodies.py"),
    ),
    Defect(
        "http/throttling.py",
        "throttle permits ten times the rate",
        "            if count > window.rate.limit:",
        "            if count > 10 * window.rate.limit:",
        ("tests/unit/http", "tests/integration/http"),
    ),
    Defect(
        "http/endpoints.py",
        "responses with tokens may be cached",
        '        response["Cache-Control"] = "no-store"\n',
        "",
        ("tests/integration/http", "tests/integration/test_views_token.py"),
    ),
    Defect(
        "authentication.py",
        "stateless class ignores the revoked sessions",
        "        if services.is_revoked(claims):",
        "        if False:",
        ("tests/integration/test_authentication_rejected.py",),
    ),
    Defect(
        "permissions/scopes.py",
        "scope of the token is not compared",
        "        if not claims.scope.issuperset(required):",
        "        if not claims.scope and required:",
        ("tests/integration/test_permissions.py",),
    ),
    Defect(
        "checks/keys.py",
        "guessable SECRET_KEY is not reported",
        "    return len(secret) < 50 or is_guessable(secret)",
        "    return False",
        (CHECKS,),
    ),
    Defect(
        "integrations/spectacular.py",
        "schema has no security scheme",
        'target_class = "django_tokenauth.authentication.JWTAuthentication"',
        'target_class = "django_tokenauth.authentication.TokenUser"',
        ("tests/integration/integrations",),
    ),
    Defect(
        "management/commands/tokenauth_prune.py",
        "dry run deletes rows",
        "        if dry_run:",
        "        if False:",
        ("tests/integration/management",),
    ),
    Defect(
        "api_tokens/reader.py",
        "old API token works after the overlap",
        "    return min(status.expires_at, status.previous_expires_at or status.created_at)",
        "    return status.expires_at",
        ("tests/integration/api_tokens/test_services.py",),
    ),
    Defect(
        "api_tokens/formats.py",
        "checksum of an API token is not compared",
        "    return _checksum(start) == checksum",
        "    return bool(start and checksum)",
        ("tests/unit/api_tokens",),
    ),
)
