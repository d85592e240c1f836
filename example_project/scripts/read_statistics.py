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
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

# The demo serves the API on this machine, so ignore the proxies of the environment.
open_url = build_opener(ProxyHandler({})).open


def main() -> None:
    try:
        api = os.environ["NOTES_API"]
        client = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"].strip()
    except KeyError as missing:
        sys.exit(f"Set the environment variable {missing}.")
    try:
        request = Request(f"{api}/statistics/")
        # Not sent again if the API redirects to another host.
        request.add_unredirected_header("Authorization", f"Bearer {access_token(api, *client)}")
        print(json.dumps(read(request)))
    except HTTPError as error:
        with error:
            sys.exit(f"The API responded with {error.code}.")
    except (OSError, HTTPException) as error:
        sys.exit(f"The API does not respond ({type(error).__name__}).")
    except (ValueError, KeyError, TypeError):
        sys.exit("The API sent an unexpected response.")


def access_token(api: str, client_id: str, client_secret: str) -> str:
    body = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": "statistics:read",
    }
    issued = read(Request(f"{api}/auth/token/", urlencode(body).encode()))
    return str(issued["access_token"])


def read(request: Request) -> Any:
    with open_url(request, timeout=20) as response:
        return json.load(response)


if __name__ == "__main__":
    main()
