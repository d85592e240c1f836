"""The settings that both projects share."""

from __future__ import annotations

from typing import Any

from tests.support.documents import Section

FOLDER = "tests.support.scenarios.tenants"
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "the secret key of a project, longer than 32 bytes",
    "ALLOWED_HOSTS": [".example.com"],
    "ROOT_URLCONF": "tests.support.scenarios.urls",
    "USE_TZ": True,
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
}


def documented_settings(page: Section, module: str) -> dict[str, Any]:
    """Return the settings in *page*, with *module* in place of ``mysite.tenants``."""
    [text] = [block.text for block in page.blocks if block.file == "mysite/settings.py"]
    text = text.replace("mysite.tenants", f"{FOLDER}.{module}")
    settings: dict[str, Any] = {}
    exec(text.replace('"customers"', f'"{FOLDER}"'), {}, settings)  # noqa: S102
    return {**SETTINGS, **settings}
