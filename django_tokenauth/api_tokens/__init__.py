"""An optional app: API tokens for scripts, CI jobs and integrations.

A project adds ``django_tokenauth.api_tokens`` to ``INSTALLED_APPS``, migrates, and includes
``django_tokenauth.api_tokens.urls``. Code uses :mod:`django_tokenauth.api_tokens.services`.
"""
