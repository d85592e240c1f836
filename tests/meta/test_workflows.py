"""The workflows of the forge run the tox environments; the pre-commit hooks are those of lint."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml

from tests.support import tox_file
from tests.support.documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40}\Z")


def load(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key "on" as a boolean.
    workflow["on"] = workflow.pop(True)
    return workflow


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
    ]


def commands(job):
    """Return the commands of a job."""
    return [step["run"] for step in job.get("steps", []) if "run" in step]


def holds(condition, github):
    """Evaluate the condition of a step, with Python's spelling of the operators."""
    python = condition.replace("&&", "and").replace("||", "or")
    return eval(python, {"github": github})  # noqa: S307 - a file of this repository


def versions(requirements):
    """Return the versions of exact requirements such as ``ruff==0.17.*``, by name."""
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==([\d.]+)", requirements, re.MULTILINE))


def test_tox_factor_expression_is_expanded():
    assert tox_file.expanded("py{311, 312}-django{52,60}") == [
        "py311-django52",
        "py311-django60",
        "py312-django52",
        "py312-django60",
    ]
    assert tox_file.expanded("lint") == ["lint"]


def test_workflow_runs_exactly_one_ci_script_for_each_event():
    [job] = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"].values()
    *_, quick, full = job["steps"]
    assert (quick["run"], full["run"]) == (".ci/run", ".ci/full")
    events = [
        ("pull_request", "refs/pull/1/merge", "branch", ".ci/run"),
        ("push", "refs/heads/main", "branch", ".ci/run"),
        ("push", "refs/tags/1.3.0", "tag", ".ci/full"),
        ("schedule", "refs/heads/main", "branch", ".ci/full"),
        ("workflow_dispatch", "refs/heads/main", "branch", ".ci/full"),
    ]
    for event_name, ref, ref_type, script in events:
        github = SimpleNamespace(event_name=event_name, ref=ref, ref_type=ref_type)
        run = [step["run"] for step in (quick, full) if holds(step["if"], github)]
        assert run == [script], event_name


def test_ci_run_script_runs_all_environments_of_env_list():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    words = text.partition('/tox" run-parallel')[2].split()
    assert words[-1] == '"$@"'
    assert not {"-e", "-m", "-f", "--skip-env"} & set(words)


def test_ci_full_script_runs_all_environments_except_mutation():
    [line] = (ROOT / ".ci" / "full").read_text(encoding="utf-8").splitlines()[-1:]
    assert line.endswith('/run" -m full "$@"')
    full = Counter(tox_file.environments("full"))
    named = {name.removeprefix("testenv:") for name in tox_file.read() if ":" in name}
    pairs = {name for name in full if name.startswith("py3")}
    assert len(pairs) == 7
    assert full == Counter({"py"} | pairs | named - {"mutation"})
    assert set(tox_file.environments()) < set(full)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_only_read_permission_by_default(path):
    workflow = load(path)
    assert set(workflow) <= {"name", "on", "permissions", "concurrency", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("job", jobs())
def test_job_pins_its_actions_and_calls_existing_scripts(job):
    if "uses" in job:
        assert (ROOT / job["uses"]).is_file()
        return
    assert job["runs-on"] == "ubuntu-24.04"
    assert 0 < job["timeout-minutes"] < 360
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert PINNED.match(step["uses"]), step["uses"]
    for script in re.findall(r"\.ci/\w+", "\n".join(commands(job))):
        assert (ROOT / script).is_file(), script


def test_pre_commit_hooks_have_the_versions_in_tox_ini():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = {}
    for repository in config["repos"]:
        for hook in repository["hooks"]:
            hooks[hook["id"]] = repository.get("rev", "").removeprefix("v")
            hooks |= versions("\n".join(hook.get("additional_dependencies", [])))
    assert hooks.pop("ruff-check") == hooks["ruff-format"]
    hooks["ruff"] = hooks.pop("ruff-format")
    # This hook starts tox itself.
    assert hooks.pop("mypy") == ""
    expected = versions(tox_file.read()["testenv:lint"]["deps"])
    assert set(hooks) == set(expected)
    for name, version in expected.items():
        assert hooks[name].startswith(version), name
