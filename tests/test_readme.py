"""The README's blocks of code, run as they stand."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.+?)^```", README, flags=re.MULTILINE | re.DOTALL)


def patches(photograph, size=32, step=16):
    """Overlapping squares of a photograph (H, W, 3), row by row."""
    rows, columns = ((side - size) // step + 1 for side in photograph.shape[:2])
    starts = [(step * i, step * j) for i in range(rows) for j in range(columns)]
    return [photograph[top : top + size, left : left + size] for top, left in starts]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Patches of scikit-learn's two photographs: the flower is normal, the temple unusual."""
    temple, flower = (patches(image) for image in load_sample_images().images)
    order = np.random.default_rng(0).permutation(len(flower))
    held_out = [flower[i] for i in order[:200]]
    folders = {"normal": [flower[i] for i in order[200:]], "unusual": temple}
    for name, pictures in folders.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / "photos" / name / f"{i:04d}.png")
    monkeypatch.chdir(tmp_path)
    return torch.from_numpy(np.stack(held_out)).movedim(3, 1).float() / 255


def test_your_own_images(photos, tmp_path, capsys):
    """From a folder to a detector, and it tells the photographs apart."""
    (code,) = [block for block in BLOCKS if "load_images" in block]
    names = {}
    exec(code, names)
    assert {p.name for p in tmp_path.iterdir()} == {
        "photos", "map.png", "samples.png", "detector.pt"
    }  # fmt: skip
    assert re.search(r"alarms: \d+%", capsys.readouterr().out)
    scores = [names["detector"].score(x) for x in (photos, names["unusual"])]
    is_unusual = torch.cat([torch.full((len(s),), float(i)) for i, s in enumerate(scores)])
    assert roc_auc_score(is_unusual, torch.cat(scores)) > 0.9  # seeds 0 to 9: 0.94 to 0.96


def test_the_first_block_trains_and_samples(monkeypatch, mnist):
    """As it stands, but for the time it takes: one epoch on a tenth of the digits."""
    (code,) = [block for block in BLOCKS if "load_mnist" in block]
    code = code.replace("epochs=10", "epochs=1").replace("model, train, test", "model, train[::10]")
    names = {}
    exec(code, names)
    assert names["digits"].shape == (16, 1, 28, 28)
    assert names["history"].train_loss[0] < 300
