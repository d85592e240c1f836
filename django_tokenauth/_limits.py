"""The maximum lengths of values in requests and sessions, in characters unless noted."""

from __future__ import annotations

#: Maximum length of ``Session.client_id``.
MAX_CLIENT_ID = 255
#: Maximum length of passwords and client secrets. A longer password or secret would only slow down
#: the hash.
MAX_PASSWORD = 4096
#: Maximum length of usernames. Django's own username field permits 150 characters.
MAX_USERNAME = 254
#: Maximum length of ``Session.device_name``.
MAX_DEVICE_NAME = 100
#: Maximum length of ``Session.user_agent`` and ``Session.last_user_agent``.
MAX_USER_AGENT = 255
#: Maximum length of ``Session.amr``.
MAX_AMR = 255
#: Maximum size of ``Session.data``, in bytes of its JSON text.
MAX_SESSION_DATA = 2048
#: Maximum length of ``APIToken.name``.
MAX_API_TOKEN_NAME = 100
