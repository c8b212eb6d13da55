import os
import runpy
from pathlib import Path

import hypothesis
import matplotlib
import pytest
import torch
from workers import environment, n_workers

from vae_helpers import binarize, load_mnist

matplotlib.use("agg")
# A first call may take seconds on a busy machine; no test asserts how long something takes.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# No test and no notebook may use the network: neither this process nor those that it starts.
NO_NETWORK = Path(__file__).parent / "no_network"
runpy.run_path(str(NO_NETWORK / "sitecustomize.py"))
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(NO_NETWORK), os.environ.get("PYTHONPATH")])
)


def pytest_xdist_auto_num_workers(config):
    return n_workers()


def pytest_configure(config):
    """The workers, and the kernels that they start, share the cores."""
    if config.getoption("numprocesses", None):  # false in the workers themselves
        os.environ.update(environment(config.getoption("numprocesses")))


def pytest_collection_modifyitems(items):
    """What takes long starts early, so that no worker is left alone with it at the end."""
    long = ("test_robustness", "test_grade", "test_checks")
    items.sort(key=lambda item: (item.path.suffix != ".ipynb", item.path.stem not in long))


@pytest.fixture(scope="session")
def mnist():
    """The real training set, binarized, with labels."""
    images, labels = load_mnist()
    return binarize(images), labels


@pytest.fixture(autouse=True)
def _same_numbers_in_every_order():
    torch.manual_seed(0)
