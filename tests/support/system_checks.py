"""A project about which the system checks have nothing to say, and what they say of others."""

from __future__ import annotations

from django.core.checks import ERROR, WARNING, run_checks

# As secrets.token_urlsafe(48) prints them.
SECRET = "QkEbSGN0O3w13WRbdQfa79NE03-zCnjmJPzmLtIbdfiBNbpaXKdxCzzAxAcZaaH9"
OTHER_SECRET = "1ZNbUYvTnWq0kJ8yF7m3xGdP5rLcA2hEoVSsKiMtXuBQ-w9jRfHaDlCe4_6zOpIg"
# RFC 8037 appendix A.1.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
PUBLIC = {name: text for name, text in ED25519.items() if name != "d"}
SIGNED = {"ALGORITHM": "EdDSA", "SIGNING_KEY": ED25519}
URL = {"ISSUER": "https://auth.example.com"}
STATELESS = "django_tokenauth.authentication.StatelessJWTAuthentication"
JWT = "django_tokenauth.authentication.JWTAuthentication"


def make_good(settings):
    """A project about which there is nothing to say, on a laptop and deployed."""
    settings.SECRET_KEY = SECRET
    settings.SECRET_KEY_FALLBACKS = []
    settings.TOKENAUTH = {}
    # The one of the suite publishes keys, of which this project has none.
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
    """What is said about this app, in the order of the ids."""
    found = [message for message in run_checks(**options) if message.id.startswith("tokenauth.")]
    for message in found:
        assert message.level == (ERROR if ".E" in message.id else WARNING)
        assert message.msg
        assert message.hint or message.level == ERROR
    return sorted(found, key=lambda message: message.id)


def found(**options):
    """The numbers of what is said on a laptop."""
    return [message.id.removeprefix("tokenauth.") for message in messages(**options)]


def deployed():
    """The numbers of what is said by ``check --deploy``."""
    return found(include_deployment_checks=True)


def said(number):
    """The text and the hint of the one message with that number."""
    [message] = [m for m in messages(include_deployment_checks=True) if m.id.endswith(number)]
    return f"{message.msg} {message.hint or ''}".strip()
