"""Build the sdist and the wheel, compare their files, and use both.

Run it with ``python -m tests.meta.package``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "django_tokenauth"
DISTRIBUTION = "drf_tokenauth"
#: Required even if the source lacks them.
NEEDED = {
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/migrations/0001_initial.py",
    f"{PACKAGE}/locale/ko/LC_MESSAGES/django.mo",
}
#: The tests that run from the unpacked sdist: each needs other files of the repository.
SDIST_TESTS = (
    "tests/unit/tokens/test_access_and_refresh.py",
    "tests/integration/services/test_refreshing.py",
    "tests/meta/test_architecture_page.py",
)

#: The project whose code is checked against the types of the wheel.
SETTINGS = """\
SECRET_KEY = "the secret key of a project, longer than 32 bytes"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
"""
MYPY = """\
[mypy]
strict = true
warn_unreachable = true
plugins = mypy_django_plugin.main, mypy_drf_plugin.main

[mypy.plugins.django-stubs]
django_settings_module = settings
"""


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist and, from it, the wheel. Exit on a deprecation warning."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    ended = subprocess.run(
        command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if ended.returncode or "DeprecationWarning" in ended.stdout:
        sys.exit(f"{ended.stdout}\nThe build failed or raised a deprecation warning.")
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def compare(archive: Path, names: set[str], expected: set[str]) -> None:
    """Exit unless the archive holds exactly the expected files."""
    if missing := expected - names:
        sys.exit(f"{archive.name} lacks {sorted(missing)}.")
    if surplus := names - expected:
        sys.exit(f"{archive.name} must not contain {sorted(surplus)}.")


def check_sdist(sdist: Path) -> None:
    """Compare the sdist with the files of the repository."""
    with tarfile.open(sdist) as archive:
        members = [PurePosixPath(member.name) for member in archive if member.isfile()]
    names = {PurePosixPath(*member.parts[1:]).as_posix() for member in members}
    # setuptools adds these files.
    added = {name for name in names if name.startswith(f"{DISTRIBUTION}.egg-info/")} | {"PKG-INFO"}
    git = shutil.which("git") or sys.exit("git is required to list the files of the repository.")
    listed = subprocess.run(
        [git, "ls-files", "-z"], check=True, cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    compare(sdist, names - added, set(listed.stdout.split("\0")) - {""})


def check_wheel(wheel: Path) -> None:
    """Compare the wheel with the files of the package."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    compare(wheel, names, source | NEEDED)


def use_wheel(wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment outside of the source, and sign in."""
    python = new_environment(folder / "wheel", str(wheel))
    script = str(ROOT / "tests" / "meta" / "installed.py")
    if subprocess.run([python, "-I", "-W", "error", script], check=False, cwd=folder).returncode:
        sys.exit("The wheel cannot be used.")


def check_types(wheel: Path, folder: Path) -> None:
    """Check the code of a project against the types of the installed wheel."""
    python = new_environment(folder / "types", str(wheel), *type_checkers())
    project = folder / "project"
    project.mkdir()
    files = sorted((ROOT / "tests" / "meta").glob("public_typing*.py"))
    for file in files:
        shutil.copy(file, project)
    (project / "settings.py").write_text(SETTINGS, encoding="utf-8")
    (project / "mypy.ini").write_text(MYPY, encoding="utf-8")
    command = [python, "-m", "mypy", *(file.name for file in files)]
    if subprocess.run(command, check=False, cwd=project).returncode:
        sys.exit("The types of the wheel do not match its public names.")


def type_checkers() -> list[str]:
    """Return mypy and its plugins, in the versions pinned by tox.ini."""
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    names = ("django-stubs==", "djangorestframework-stubs==", "mypy==")
    found = [line for line in tox["testenv:types"]["deps"].split() if line.startswith(names)]
    if len(found) != len(names):
        sys.exit("tox.ini does not pin mypy and its plugins.")
    return found


def run_sdist_tests(sdist: Path, folder: Path) -> None:
    """Unpack the sdist, install it with its test dependencies, and run tests from it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    python = new_environment(folder / "sdist", f"{sdist}[test]")
    # Variables of the outer run, such as a coverage file, refer to the repository.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SDIST_TESTS]
    if subprocess.run(command, check=False, cwd=unpacked, env=environment).returncode:
        sys.exit("The tests of the sdist fail.")


def new_environment(folder: Path, *requirements: str) -> str:
    """Create a virtual environment with the requirements; return its Python."""
    # A pip of its own, and compiled files, would take longer than the checks.
    venv.create(folder)
    python = str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    install = ["--python", python, "install", "--quiet", "--no-compile"]
    subprocess.run([sys.executable, "-I", "-m", "pip", *install, *requirements], check=True)
    return python


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        check_sdist(sdist)
        check_wheel(wheel)
        use_wheel(wheel, folder)
        check_types(wheel, folder)
        run_sdist_tests(sdist, folder)
        print(f"{sdist.name} and {wheel.name} are complete, and both work in a new environment.")


if __name__ == "__main__":
    main()
