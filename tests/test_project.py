"""The set-up files cannot drift apart, and importing the package stays light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import vae_helpers

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FLOORS = [
    {"arguments", "progress", "history"},
    {"data", "folders", "losses", "latent", "runtime", "classify", "frechet"},
    {"models", "evaluation", "scores", "plotting", "animation", "early_stopping", "watching"},
    {"training", "anomaly", "battery"},
    {"live", "checks"},
]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name).lower(): Version(version) for name, version in pins}


def direct_requirements():
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(r) for r in [*PROJECT["dependencies"], *(r for e in extras for r in e)]]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_every_requirement_is_pinned_within_its_bound(requirement):
    pin = constraints().get(requirement.name.lower().replace("_", "-"))
    assert pin is not None, f"constraints.txt lacks {requirement.name}"
    assert pin in requirement.specifier


def test_torch_and_torchvision_are_the_pair_that_belongs_together():
    assert (str(constraints()["torch"]), str(constraints()["torchvision"])) == ("2.14.1", "0.29.1")


def test_constraints_cover_everything_installed():
    """Whatever a requirement pulls in, directly or not, is pinned to the version in use."""
    from importlib.metadata import PackageNotFoundError, requires, version

    pins, seen = constraints(), set()
    todo = [(r.name, frozenset(r.extras)) for r in direct_requirements()]
    while todo:
        name, extras = todo.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if (key, extras) in seen:
            continue
        seen.add((key, extras))
        try:
            found = version(name)
        except PackageNotFoundError:  # for another platform
            continue
        assert str(pins.get(key)) == str(Version(found)), (
            f"constraints.txt and {name} {found} differ"
        )
        for text in requires(name) or []:
            r = Requirement(text)
            if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras or {""}):
                todo.append((r.name, frozenset(r.extras)))
    assert len(seen) > 50


def test_environment_yml_installs_what_pip_users_get():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    python = next(d.split("=")[1] for d in plain if d.startswith("python="))
    assert pip == ["-c constraints.txt", "-e .[test]"]
    assert python in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert {d.split("=")[0] for d in plain} == {"python", "pip"}


def test_ci_calls_the_commands_of_the_readme():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("make test", "make run"):
        assert command in ci
        assert command in readme


def test_the_workflow_keeps_to_the_published_schema_and_the_readme():
    path = ROOT / ".github" / "workflows" / "check.yml"
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*tool, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["check"]
    systems = {name.split("-")[0] for name in job["strategy"]["matrix"]["system"]}
    assert systems == {"ubuntu", "macos", "windows"}
    pythons = job["strategy"]["matrix"]["python"]
    assert pythons == [PROJECT["requires-python"].removeprefix(">="), "3.x"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for step in job["steps"]:
        for line in step.get("run", "").splitlines():
            command = line.removesuffix(" PYTHON=python").replace("py -3 ", "py -3.11 ")
            assert command in readme or command.startswith("if "), command


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for file, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", text):
        target = (ROOT / name).parent / file if file else ROOT / name
        assert target.exists(), f"{name} links to {file}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor in anchors, f"{name} links to #{anchor} of {target.name}"


@pytest.mark.parametrize("name", [*DOCUMENTS, "Makefile", ".ci/run", "pyproject.toml"])
def test_files_that_are_named_exist(name):
    """Paths into the project, in links or not; what is built comes and goes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.])((?:tests|tools|docs|notebooks|vae_helpers)/[\w./-]*\w)", text)
    for path in named:
        assert list(ROOT.glob(path)) or list(ROOT.glob(path + "*")), f"{name} names {path}"


def test_tests_are_tests_and_nothing_else():
    for path in (ROOT / "tests").glob("*.py"):
        assert path.name.startswith("test_") or path.name == "conftest.py", path.name


def test_functions_of_the_package_are_short():
    """At most 60 lines of code in a body, without docstring and comments."""
    for path in (ROOT / "vae_helpers").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                rows = lines[body[0].lineno - 1 : node.end_lineno] if body else []
                code = [row for row in rows if row.strip() and not row.strip().startswith("#")]
                assert len(code) <= 60, f"{path.name}: {node.name} has {len(code)} lines of code"


def test_modules_import_only_from_floors_below():
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    for path in (ROOT / "vae_helpers").rglob("[a-z]*.py"):
        name = path.relative_to(ROOT / "vae_helpers").parts[0].removesuffix(".py")
        assert name in floor, f"{path.name} has no floor: add it to FLOORS"
        own_package = len(path.relative_to(ROOT).parts) - 1
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == own_package:
                imported = [node.module] if node.module else [alias.name for alias in node.names]
                for module in imported:
                    assert floor[module.split(".")[0]] < floor[name], (
                        f"{path.name} imports {module}"
                    )


def test_nobody_imports_the_checks_but_notebooks_and_tests():
    for path in (ROOT / "vae_helpers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
                assert "checks" not in names, path.name


def test_public_names_are_documented():
    for name in dir(vae_helpers):
        public = getattr(vae_helpers, name)
        if not name.startswith("_") and callable(public):
            assert public.__doc__, name


def test_import_is_light():
    """No data file, socket or display is opened, and no plotting or learning library is loaded."""
    code = """
import sys, torch
events = []
sys.addaudithook(lambda event, args: events.append((event, str(args))))
before = set(sys.modules)
import vae_helpers
opened = [a for e, a in events if e == "open" and ("datasets" in a and ".xz" in a)]
sockets = [a for e, a in events if e.startswith("socket.")]
heavy = {"matplotlib", "sklearn", "torchvision", "scipy", "IPython"} & (set(sys.modules) - before)
assert not opened and not sockets and not heavy, (opened, sockets, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
