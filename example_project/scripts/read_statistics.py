#!/usr/bin/env python3
"""Print the numbers of users and notes. Needs only Python.

A service account gets an access token for itself (RFC 6749 section 4.4), with its client id and
its secret:

    NOTES_API=http://127.0.0.1:8000 CLIENT_ID=service/statistics CLIENT_SECRET=... \\
        python read_statistics.py
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

# The demo serves the API on this machine, so ignore the proxies of the environment.
open_url = build_opener(ProxyHandler({})).open


def main() -> None:
    api = os.environ["NOTES_API"]
    body = {
        "grant_type": "client_credentials",
        "client_id": os.environ["CLIENT_ID"],
        "client_secret": os.environ["CLIENT_SECRET"],
        "scope": "statistics:read",
    }
    try:
        issued = read(Request(f"{api}/auth/token/", urlencode(body).encode()))
        headers = {"Authorization": f"Bearer {issued['access_token']}"}
        print(json.dumps(read(Request(f"{api}/statistics/", headers=headers))))
    except HTTPError as error:
        with error:
            sys.exit(f"The API responded with {error.code}: {error.read().decode()}")
    except URLError as error:
        sys.exit(f"The API does not respond: {error.reason}")


def read(request: Request) -> Any:
    with open_url(request, timeout=30) as response:
        return json.load(response)


if __name__ == "__main__":
    main()
