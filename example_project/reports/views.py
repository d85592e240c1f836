"""A report about a user's notes, which another service stores."""

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

# The page and the check show these claims. The response never contains the token.
SHOWN = ("aud", "scope", "act", "client_id", "exp")


class Reports(APIView):
    """The view that creates a report. It verifies the token with the public keys of the API."""

    authentication_classes = [StatelessJWTAuthentication]
    permission_classes = [HasScope]
    # The exchanged token cannot have a scope that this token does not have.
    required_scopes = ["reports:create", "notes:read"]

    def post(self, request: Request) -> Response:
        _, token = request.headers["Authorization"].split()
        try:
            exchanged = notes_api.exchange(token)
            texts = notes_api.list_texts(exchanged)
            _, claims = read_token(exchanged)
        except notes_api.SignedOut:
            # The token has not expired, so only the API knows that the session has ended.
            raise AccessTokenRejected(TokenErrorCode.REVOKED) from None
        except (notes_api.Unavailable, ValueError):
            raise TemporarilyUnavailable from None
        return Response(
            {
                "subject": cast(Claims, request.auth).subject,
                "notes": len(texts),
                "words": sum(len(text.split()) for text in texts),
                "exchanged": {name: claims.get(name) for name in SHOWN},
            },
            status=201,
        )
