"""A project that passes all system checks, and the messages of the checks."""

from __future__ import annotations

from django.core.checks import ERROR, WARNING, run_checks

# Made by secrets.token_urlsafe(48).
SECRET = "QkEbSGN0O3w13WRbdQfa79NE03-zCnjmJPzmLtIbdfiBNbpaXKdxCzzAxAcZaaH9"
OTHER_SECRET = "1ZNbUYvTnWq0kJ8yF7m3xGdP5rLcA2hEoVSsKiMtXuBQ-w9jRfHaDlCe4_6zOpIg"
# RFC 8037 appendix A.1.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
PUBLIC = {name: value for name, value in ED25519.items() if name != "d"}
SIGNED = {"ALGORITHM": "EdDSA", "SIGNING_KEY": ED25519}
URL = {"ISSUER": "https://auth.example.com"}
STATELESS = "django_tokenauth.authentication.StatelessJWTAuthentication"
JWT = "django_tokenauth.authentication.JWTAuthentication"


def configure_clean_project(settings):
    """Set the settings of a project that passes all checks, also ``check --deploy``."""
    settings.SECRET_KEY = SECRET
    settings.SECRET_KEY_FALLBACKS = []
    settings.TOKENAUTH = {}
    # The URLs of the test project publish keys, and this project has none.
    settings.ROOT_URLCONF = "django_tokenauth.urls"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://x",
        },
        "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }


def messages(**options):
    """Return the messages of this package, sorted by id."""
    package_messages = [
        message for message in run_checks(**options) if message.id.startswith("tokenauth.")
    ]
    for message in package_messages:
        assert message.level == (ERROR if ".E" in message.id else WARNING)
        assert message.msg
        assert message.hint or message.level == ERROR
    return sorted(package_messages, key=lambda message: message.id)


def check_ids(**options):
    """Return the ids of the messages of ``check``."""
    return [message.id.removeprefix("tokenauth.") for message in messages(**options)]


def deploy_check_ids():
    """Return the ids of the messages of ``check --deploy``."""
    return check_ids(include_deployment_checks=True)


def message_of(check_id):
    """Return the message and the hint of the only message with this id."""
    [message] = [m for m in messages(include_deployment_checks=True) if m.id.endswith(check_id)]
    return f"{message.msg} {message.hint or ''}".strip()
