"""The maximum lengths of request parameters, in characters."""

from __future__ import annotations

#: The length of ``Session.client_id``.
MAX_CLIENT_ID = 255
#: Longer passwords and secrets would only make the hash slow.
MAX_PASSWORD = 4096
#: Django's own username field has 150.
MAX_USERNAME = 254
#: The length of ``Session.device_name``.
MAX_DEVICE_NAME = 100
#: The length of ``Session.user_agent`` and ``Session.last_user_agent``.
MAX_USER_AGENT = 255
#: The length of ``Session.amr``.
MAX_AMR = 255
