"""The series keeps working away from home: no network, odd paths, other locales, read-only."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import NO_NETWORK
from student_edition import student_edition
from test_student import exercises

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
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
print(sum("not solved yet" in o.get("text", "") for o in outputs))
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
    return home


def run(home, code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{NO_NETWORK}", **environment},
        cwd=home,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import urllib.request as r; r.urlopen('https://example.org')", "example.org"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 1)", "192.0.2.1"),
    ],
)
def test_the_network_is_really_cut(elsewhere, code, words):
    """For all tests, and for the kernels in which nbval runs the notebooks."""
    done = run(elsewhere, code)
    assert re.search(f"(the network was asked for|a socket was opened to).*{words}", done.stderr)
    with pytest.raises(RuntimeError, match=words):
        exec(code)


def test_a_student_edition_runs_elsewhere_and_twice(elsewhere, tmp_path):
    """In an odd place, with another locale and folder, with little training: Run All, twice."""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "VAE_SMOKE": "1"}
    done = run(elsewhere, EXECUTE, elsewhere, PATHS[0].name, 2, tmp_path, **locale)
    assert done.returncode == 0, done.stderr[-2000:]
    complaints, unsolved = done.stdout.splitlines()
    assert complaints == "[]"
    assert int(unsolved) == 2 * len(list(exercises(PATHS[0])))
    assert not list(tmp_path.iterdir()), "the notebook left something behind"


THREADS = """
import sys, torch, vae_helpers as vh
torch.set_num_threads(int(sys.argv[1]))
images = vh.binarize(vh.load_mnist(train=False)[0][:1000])
torch.manual_seed(0)
model = vh.VAE(hidden_dims=(64,), latent_dim=4)
history = vh.fit(model, images, epochs=2, seed=0, progress=False)
print(torch.get_num_threads(), history.train_loss[-1])
"""


def test_one_thread_and_eight_learn_the_same(elsewhere):
    runs = [run(elsewhere, THREADS, n).stdout.split() for n in ("1", "8")]
    assert [n for n, _ in runs] == ["1", "8"]
    assert float(runs[0][1]) == pytest.approx(float(runs[1][1]), rel=1e-3)


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
vh.AnomalyDetector(model).fit(vh.binarize(images[:500])).predict(images[:5])
vh.make_anomalies(images[:20], seed=0)
vh.plot_images({"a": images[:3]}).savefig(os.path.join(tempfile.gettempdir(), "a.png"))
print("fine")
"""


AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # who may write anywhere


@pytest.mark.skipif(os.name != "posix", reason="permissions are set the POSIX way here")
@pytest.mark.skipif(IS_ROOT and not shutil.which("setpriv"), reason="root may write anywhere")
def test_nothing_is_written_beside_the_package_or_at_home(elsewhere, tmp_path):
    home = tmp_path / "read only"
    shutil.copytree(elsewhere / "vae_helpers", home / "vae_helpers")
    (tmp_path / "scratch").mkdir()
    paths = [home, *home.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    names = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [*(AS_ANYBODY if IS_ROOT else []), sys.executable, "-c", READ_ONLY],
        env={**os.environ, "PYTHONPATH": str(home), "TMPDIR": str(tmp_path / "scratch"), **names},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
    for path in paths:
        path.chmod(0o755)  # for pytest, which clears up
