"""Signed token authentication for Django REST framework.

Nothing is imported here, so that naming the app in ``INSTALLED_APPS`` costs nothing. The doors
are ``django_tokenauth.authentication``, ``.permissions``, ``.services``, ``.signals``, ``.urls``.
"""

__version__ = "0.1.0"
