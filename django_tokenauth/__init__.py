"""Signed token authentication for Django REST framework.

This module imports nothing, so that Django can import it before the models are loaded. The public
modules are ``authentication``, ``permissions``, ``services``, ``signals``, ``errors``, ``models``,
``serializers``, ``views``, ``urls``, ``well_known`` and, for the tests of projects, ``test``.

PYTEST_DONT_REWRITE: otherwise pytest, which loads the plugin of this package, warns in a process
that has imported this module before, such as ``manage.py test`` with a runner that calls pytest.
"""

__version__ = "0.1.0"
