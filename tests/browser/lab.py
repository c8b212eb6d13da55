"""A JupyterLab of its own: it starts, waits until it answers, and stops."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _settings(folder):
    """No questions about news, no look for updates, nothing of the user's own."""
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}'
    )
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "HOME": "home",
    }
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **{k: str(folder / v) for k, v in own.items()}, "PYTHONPATH": paths}


@contextmanager
def running_lab(folder, cells):
    """Serve a notebook with these cells on a free port of this machine; yields its address."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    work = folder / "work"
    work.mkdir()
    nbformat.write(notebook, work / "live.ipynb")
    port, log = _free_port(), (folder / "lab.log").open("w")
    options = [
        "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
        "--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={work}",
        "--expose-app-in-browser", "--LabApp.news_url=None", "--ServerApp.log_level=ERROR",
    ]  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", *options]
    server = subprocess.Popen(
        command, stdout=log, stderr=log, env=_settings(folder), cwd=work, stdin=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"{base}/api", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        yield f"{base}/lab/tree/live.ipynb"
    finally:
        server.terminate()  # it ends its kernels, too
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()
