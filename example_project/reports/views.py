"""A report over the notes of a user, which this service does not have."""

from __future__ import annotations

from typing import cast

from django_tokenauth.authentication import (
    AccessTokenRejected,
    Claims,
    StatelessJWTAuthentication,
    TemporarilyUnavailable,
)
from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.permissions import HasScope
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from demo.client import read_token
from reports import notes_api


class Reports(APIView):
    """Create a report. Verifies the token with the public keys of the API, without a query."""

    authentication_classes = [StatelessJWTAuthentication]
    permission_classes = [HasScope]
    # The exchanged token cannot have a scope that this token does not have.
    required_scopes = ["reports:create", "notes:read"]

    def post(self, request: Request) -> Response:
        _, token = request.headers["Authorization"].split()
        try:
            exchanged = notes_api.exchange(token)
            texts = notes_api.list_texts(exchanged)
        except notes_api.SignedOut:
            # The token has not expired, so only the API knows that the session has ended.
            raise AccessTokenRejected(TokenErrorCode.REVOKED) from None
        except notes_api.Unavailable:
            raise TemporarilyUnavailable from None
        _, claims = read_token(exchanged)
        return Response(
            {
                "subject": cast(Claims, request.auth).subject,
                "notes": len(texts),
                "words": sum(len(text.split()) for text in texts),
                # For the page and the check: what the exchanged token permits. Never the token.
                "exchanged": {
                    name: claims[name] for name in ("aud", "scope", "act", "client_id", "exp")
                },
            },
            status=201,
        )
