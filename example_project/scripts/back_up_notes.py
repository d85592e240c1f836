#!/usr/bin/env python3
"""Print the notes of a user, one JSON object per line. Needs only Python.

A nightly job runs this script with an API token:

    NOTES_API=http://127.0.0.1:8000 NOTES_API_TOKEN=example_... python back_up_notes.py
"""

from __future__ import annotations

import json
import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

# The demo serves the API on this machine, so ignore the proxies of the environment.
open_url = build_opener(ProxyHandler({})).open


def main() -> None:
    api, token = os.environ["NOTES_API"], os.environ["NOTES_API_TOKEN"]
    request = Request(f"{api}/notes/", headers={"Authorization": f"Bearer {token}"})
    try:
        with open_url(request, timeout=30) as response:
            notes = json.load(response)
    except HTTPError as error:
        with error:
            sys.exit(f"The API responded with {error.code}. {error.headers['WWW-Authenticate']}")
    except URLError as error:
        sys.exit(f"The API does not respond: {error.reason}")
    for note in notes:
        print(json.dumps(note))


if __name__ == "__main__":
    main()
