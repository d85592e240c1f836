"""The project of ``docs/sign-ins.rst``."""
