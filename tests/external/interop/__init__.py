"""Libraries that we did not write verify our tokens, and we verify theirs.

Each runs in a program of its own: for a library of the page "Verify our tokens in your language"
the very file of that page, for another one a file in ``programs/``.
"""
