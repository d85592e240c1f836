"""Strict parsers of request bodies, with a maximum size.

The parsers do not inherit from REST framework's JSONParser, FormParser and MultiPartParser. For
subclasses of JSONParser and FormParser, REST framework 3.18 reads the whole body into memory before
it calls the parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, NoReturn

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from .. import _strict_json as strict_json
from .._audience import AUDIENCE_PARAMETERS
from ..conf.settings import load
from ..errors import InvalidTarget

#: The maximum size of a body, in bytes: two tokens of the maximum length, and 16 KiB.
MAX_BODY = 32 * 1024
# The start of a form: a name and an equals sign.
_FORM = re.compile(rb"[A-Za-z0-9_.%-]+=")
TOO_LARGE = _("The body is too large.")
_NOT_JSON = _("The body must be a JSON object in UTF-8 without duplicate names.")


class UnreadableBody(ParseError):
    """The parser cannot read the body. The response has *detail* as its description."""


class OtherFormat(UnreadableBody):
    """The body has the format of *media_type*, which is not the content type of the request."""

    def __init__(self, media_type: str) -> None:
        super().__init__(
            _("The content type does not match the body. Send the body as %(type)s.")
            % {"type": media_type}
        )


def _read(stream: IO[bytes]) -> bytes:
    try:
        body = stream.read(MAX_BODY + 1)
    except OSError:  # the client disconnected, or the server cannot decode the body
        raise ParseError from None
    if len(body) > MAX_BODY:
        raise UnreadableBody(TOO_LARGE)
    return body


class StrictJSONParser(BaseParser):
    """A parser of JSON objects, with the rules of :mod:`django_tokenauth._strict_json`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = _read(stream)
        try:
            value = strict_json.loads(body)
        except strict_json.Malformed:
            if _FORM.match(body):
                raise OtherFormat(StrictFormParser.media_type) from None
            raise UnreadableBody(_NOT_JSON) from None
        if not isinstance(value, dict):
            raise UnreadableBody(_NOT_JSON)
        return value


class StrictFormParser(BaseParser):
    """A parser of forms without duplicate names (RFC 6749 section 3.2)."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        body = _read(stream)
        # curl -d and some clients send the content type of a form with any body.
        if body.lstrip().startswith(b"{"):
            raise OtherFormat(StrictJSONParser.media_type)
        try:
            form = QueryDict(body, encoding="utf-8")
        except SuspiciousOperation:  # more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS
            raise ParseError from None
        check_form(form)
        return form


class StrictMultiPartParser(BaseParser):
    """A parser of ``multipart/form-data`` without files and without duplicate names.

    The test clients of Django and REST framework, ``FormData`` and ``curl -F`` send it.
    """

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        body = _read(stream)
        # Django's parser compares the media type, which is case-insensitive, with lower case.
        kind, semicolon, parameters = (media_type or "").partition(";")
        content_type = f"{kind.lower()}{semicolon}{parameters}"
        headers = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
        try:
            form, _files = MultiPartParser(headers, BytesIO(body), [_NoFiles()], "utf-8").parse()
        except (MultiPartParserError, SuspiciousOperation):
            raise ParseError from None
        check_form(form)
        return form


class _NoFiles(FileUploadHandler):
    """An upload handler that rejects files."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ParseError

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Required by the base class, and never called."""

    file_complete = receive_data_chunk  # type: ignore[assignment]


def check_form(form: QueryDict) -> None:
    """Raise :class:`UnreadableBody` if a name occurs twice in *form*.

    With ``AUDIENCES``, raise :class:`InvalidTarget` if only an audience occurs twice. RFC 8707
    section 2 permits several resources, but no token of this server has two audiences.
    """
    twice = {name for name, values in form.lists() if len(values) > 1}
    if twice and twice <= AUDIENCE_PARAMETERS and load().audiences:
        raise InvalidTarget
    if twice:
        raise UnreadableBody(_("Send each parameter once."))
