"""The series keeps working away from home: no network, odd paths, other locales, read-only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from student_edition import student_edition

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Runs before anything else in every Python process, and lets nobody out of the machine.
NO_NETWORK = """
import sys

LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None}


def stay_here(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in LOCAL:
        raise RuntimeError(f"a socket was opened to {args[1]}")
    if event == "socket.getaddrinfo" and args[0] not in LOCAL:
        raise RuntimeError(f"the network was asked for {args[0]}")


sys.addaudithook(stay_here)
"""
# The editable package on the path would hide a broken copy, so the copy comes first.
EXECUTE = """
import sys, nbformat
from pathlib import Path
from nbclient import NotebookClient
import vae_helpers

home = Path(sys.argv[1])
assert Path(vae_helpers.__file__).is_relative_to(home), vae_helpers.__file__
notebook = nbformat.read(home / "notebooks" / sys.argv[2], as_version=4)
notebook.cells = notebook.cells * int(sys.argv[3])
client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": sys.argv[4]}})
client.extra_arguments = ["--log-level=ERROR"]
client.execute()
outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
assert len(outputs) > 20
print([o.text for o in outputs if o.get("name") == "stderr"])
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A copy of package and notebooks under a path with spaces and letters beyond ASCII."""
    home = tmp_path_factory.mktemp("far away") / "Übung für Anfänger 数字"
    shutil.copytree(ROOT / "vae_helpers", home / "vae_helpers")
    (home / "notebooks").mkdir()
    for path in PATHS:
        notebook = student_edition(nbformat.read(path, as_version=4))
        nbformat.write(notebook, home / "notebooks" / path.name)
    (home / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    return home


def run(home, code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(home), "VAE_SMOKE": "1", **environment},
        cwd=home,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_the_network_is_really_cut(elsewhere):
    done = run(elsewhere, "import urllib.request as r; r.urlopen('https://example.org')")
    assert "the network was asked for example.org" in done.stderr
    done = run(elsewhere, "import socket; socket.create_connection(('192.0.2.1', 80), 1)")
    assert "was" in done.stderr
    assert "192.0.2.1" in done.stderr


@pytest.mark.parametrize(
    ("number", "times", "environment"),
    [
        (0, 2, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),  # Run All, twice
        (1, 1, {"OMP_NUM_THREADS": "1", "LANG": "tr_TR.UTF-8"}),
        (2, 1, {"OMP_NUM_THREADS": "8", "TZ": "Pacific/Kiritimati"}),
        (3, 1, {"PYTHONHASHSEED": "1", "PYTHONWARNINGS": "error::ResourceWarning"}),
    ],
)
def test_notebooks_run_elsewhere_without_network(elsewhere, tmp_path, number, times, environment):
    done = run(elsewhere, EXECUTE, elsewhere, PATHS[number].name, times, tmp_path, **environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]", "a notebook complained"
    assert not list(tmp_path.iterdir()), "a notebook left something behind"


READ_ONLY = """
import os, tempfile, torch, vae_helpers as vh
try:
    open(os.path.join(os.path.dirname(vh.__file__), "x"), "w")
except OSError:
    pass
else:
    raise SystemExit("the package is not read-only at all")
images, labels = vh.load_mnist(train=False)
model = vh.VAE(hidden_dims=(32,), latent_dim=2)
vh.fit(model, vh.binarize(images[:500]), epochs=1, seed=0, progress=False)
vh.AnomalyDetector(model, n_components=2).fit(vh.binarize(images[:500])).predict(images[:5])
vh.make_anomalies(images[:20], seed=0)
vh.plot_images({"a": images[:3]}).savefig(os.path.join(tempfile.gettempdir(), "a.png"))
print("fine")
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions are set the POSIX way here")
def test_nothing_is_written_beside_the_package_or_at_home(elsewhere, tmp_path):
    home = tmp_path / "read only"
    shutil.copytree(elsewhere / "vae_helpers", home / "vae_helpers")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in tmp_path.parents:  # pytest keeps its folders private
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    names = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY],
        env={**os.environ, "PYTHONPATH": str(home), "TMPDIR": str(scratch), **names},
        cwd=home,
        capture_output=True,
        text=True,
        user=65534 if os.geteuid() == 0 else None,  # root may write anywhere
    )
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
    home.chmod(0o755)
