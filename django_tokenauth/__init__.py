"""Signed token authentication for Django REST framework.

This module imports nothing, so that Django can import it before the models are loaded. The public
modules are ``authentication``, ``permissions``, ``services``, ``signals``, ``errors``, ``models``,
``serializers``, ``views``, ``urls`` and ``well_known``.
"""

__version__ = "0.1.0"
