#!/usr/bin/env python3
"""Print the notes of a user, one JSON object per line. Needs only Python.

A nightly job runs this script with an API token:

    NOTES_API=http://127.0.0.1:8000 NOTES_API_TOKEN=example_... python back_up_notes.py
"""

from __future__ import annotations

import json
import os
import sys
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

# The demo serves the API on this machine, so ignore the proxies of the environment.
open_url = build_opener(ProxyHandler({})).open


def main() -> None:
    try:
        api, token = os.environ["NOTES_API"], os.environ["NOTES_API_TOKEN"].strip()
    except KeyError as missing:
        sys.exit(f"Set the environment variable {missing}.")
    request = Request(f"{api}/notes/")
    # Not sent again if the API redirects to another host.
    request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with open_url(request, timeout=20) as response:
            notes = json.load(response)
    except HTTPError as error:
        with error:
            sys.exit(f"The API responded with {error.code}. {challenge(error)}")
    except (OSError, HTTPException) as error:
        sys.exit(f"The API does not respond ({type(error).__name__}).")
    except ValueError:
        # The text of the error could contain the token.
        sys.exit("The token cannot be sent in a header, or the response is not JSON.")
    for note in notes:
        print(json.dumps(note))


def challenge(error: HTTPError) -> str:
    return error.headers.get("WWW-Authenticate") or ""


if __name__ == "__main__":
    main()
