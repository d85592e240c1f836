"""drf-jwt. A sign-in stores nothing."""

from __future__ import annotations

from typing import Any

from rest_framework_jwt.authentication import JSONWebTokenAuthentication

Authentication = JSONWebTokenAuthentication


def credentials(user: Any) -> str:
    return f"Bearer {sign_in(user)}"


def sign_in(user: Any) -> str:
    payload = JSONWebTokenAuthentication.jwt_create_payload(user)
    return str(JSONWebTokenAuthentication.jwt_encode_payload(payload))
