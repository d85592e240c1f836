"""Build the package, look into it, use it where nothing else is: ``python -m tests.package``."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "django_tokenauth"
#: Looked for by name, should the source itself lack them.
NEEDED = {
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/migrations/0001_initial.py",
    f"{PACKAGE}/locale/ko/LC_MESSAGES/django.mo",
}


def build(folder: Path) -> Path:
    """Build the source distribution and, from it, the wheel. No warning is accepted."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    ended = subprocess.run(
        command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if ended.returncode or "DeprecationWarning" in ended.stdout:
        sys.exit(f"{ended.stdout}\nThe build failed or warns of something deprecated.")
    [wheel] = folder.glob("*.whl")
    return wheel


def look_into(wheel: Path) -> None:
    """The wheel has every file of the package and nothing of the repository around it."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    if missing := (source | NEEDED) - names:
        sys.exit(f"The wheel lacks {sorted(missing)}.")
    if foreign := names - source:
        sys.exit(f"The wheel has {sorted(foreign)}, which the package does not.")


def use(wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment, away from the source, and sign in with it."""
    venv.create(folder / "empty", with_pip=True)
    python = folder / "empty" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for arguments in (
        ["-m", "pip", "install", "--quiet", str(wheel)],
        ["-W", "error", str(ROOT / "tests" / "installed.py")],
    ):
        if subprocess.run([python, "-I", *arguments], check=False, cwd=folder).returncode:
            sys.exit("The wheel cannot be used.")


def main() -> None:
    with TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        look_into(wheel)
        use(wheel, Path(folder))
        print(f"{wheel.name} is complete, and works in an empty environment.")


if __name__ == "__main__":
    main()
