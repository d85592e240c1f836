"""The classes of the package as defaults of REST framework, in a separate process."""

from __future__ import annotations

from tests.support.scenarios.running import run_scenario


def test_package_classes_can_be_rest_framework_defaults():
    module = "tests.support.scenarios.default_classes"
    assert run_scenario(module, module) == [401, True]
