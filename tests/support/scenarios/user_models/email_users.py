"""All scenarios of the model ``EmailUser``, in one process."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.test import override_settings

from tests.support.scenarios.user_models import children
from tests.support.scenarios.user_models.scenario import scenario as services_scenario

SETTINGS: dict[str, dict[str, Any]] = {"pk": {}, "email": {"USER_ID_FIELD": "email"}}


def scenario() -> dict[str, Any]:
    """Return the results of the services for each subject, and those of children."""
    results: dict[str, Any] = {"children": children.scenario()}
    for subject, tokenauth in SETTINGS.items():
        get_user_model().objects.all().delete()
        with override_settings(TOKENAUTH=tokenauth):
            results[subject] = services_scenario()
    return results
