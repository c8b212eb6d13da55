"""Unit tests with the newest versions of everything, on every Python at hand from 3.11 on.

Each Python gets an environment of its own in build/newest, made anew. The tests to run are the
arguments. Ends with a table; fails if any of them failed, or if there is no Python to try.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def pythons() -> dict[str, str]:
    """Version -> command, of those that start: a version manager may leave empty shells behind."""
    found = {}
    for name in ["python3", *(f"python3.{minor}" for minor in range(11, 30))]:
        command = shutil.which(name)
        if command is None:
            continue
        code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
        done = subprocess.run([command, "-c", code], capture_output=True, text=True)
        version = done.stdout.strip()
        if done.returncode == 0 and tuple(map(int, version.split("."))) >= (3, 11):
            found[version] = command
    return found


def try_python(version: str, command: str, tests: list[str]) -> tuple[str, list[str]]:
    """The last line of the tests, and the versions of what the package needs."""
    folder = ROOT / "build" / "newest" / version
    subprocess.run([command, "-m", "venv", "--clear", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--upgrade", "-e", ".[test]"]
    subprocess.run(install, cwd=ROOT, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [Requirement(r).name for r in project["dependencies"]]
    code = f"from importlib.metadata import version as v\nfor n in {names}: print(n, v(n))"
    versions = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    pytest = [python, "-m", "pytest", "-o", "addopts=", "-W", "default", "-q", *tests]
    with subprocess.Popen(pytest, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.strip())
    passed = process.returncode == 0
    return ("" if passed else "FAILED: ") + lines[-1], versions.stdout.splitlines()


def main() -> int:
    results = {}
    for version, command in pythons().items():
        print(f"Python {version}: installing the newest of everything", flush=True)
        results[version] = try_python(version, command, sys.argv[1:])
    for version, (outcome, versions) in results.items():
        print(f"Python {version}: {outcome}\n  {', '.join(versions)}")
    return int(not results or any(o.startswith("FAILED") for o, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
