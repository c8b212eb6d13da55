"""What a training run reports: one row per epoch."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

_TITLES = {
    "train_loss": "train loss",
    "train_nll": "train NLL",
    "train_kl": "train KL",
    "validation_loss": "validation loss",
    "test_loss": "test loss",
    "test_nll": "test NLL",
    "test_kl": "test KL",
    "seconds": "seconds",
}


@dataclass
class History:
    """Per-epoch record of `fit`; every list has one value per finished epoch.

    Losses are nats per image (mean over images), loss = NLL + beta * KL. Training figures are
    averaged while the weights change within the epoch; validation and test figures are taken at
    its end. For `Autoencoder` the NLL columns hold the squared error and the KL columns zeros.

    Attributes:
        train_loss, train_nll, train_kl: over the training images.
        validation_loss: empty without early stopping.
        test_loss, test_nll, test_kl: empty without test images.
        seconds: training time of each epoch, evaluation not counted.
        best_epoch: with early stopping, the best epoch (from 1); unless interrupted, the model
            has its weights.
        note: why training ended early, "" if it did not.
        interrupted: True if Ctrl-C ended it.
    """

    train_loss: list[float] = field(default_factory=list)
    train_nll: list[float] = field(default_factory=list)
    train_kl: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_nll: list[float] = field(default_factory=list)
    test_kl: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    note: str = ""
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.seconds)

    def add(self, part: str, beta: float, nll: float, kl: float) -> None:
        """Append one epoch's means over `part`, "train" or "test", and the loss they make."""
        for name, value in (("loss", nll + beta * kl), ("nll", nll), ("kl", kl)):
            getattr(self, f"{part}_{name}").append(value)

    def interrupt(self, note: str) -> None:
        """Record that Ctrl-C ended the training."""
        self.interrupted, self.note = True, note

    def _rows(self) -> list[list[str]]:
        """Header and formatted rows; NLL and KL are left out where the KL is zero throughout."""
        plain = not any(self.train_kl)
        names = [
            name
            for name in _TITLES
            if getattr(self, name) and not (plain and name.endswith(("_nll", "_kl")))
        ]
        rows = [["epoch", *(_TITLES[name] for name in names)]]
        for i in range(len(self)):
            row = [f"{i + 1}"]
            for name in names:
                decimals = 1 if name == "seconds" else 2
                row.append(f"{getattr(self, name)[i]:.{decimals}f}")
            rows.append(row)
        return rows

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        return "\n".join(lines + [self.note] * bool(self.note))

    def _repr_html_(self) -> str:
        head, *body = self._rows()
        html = "<tr>" + "".join(f"<th scope='col'>{cell}</th>" for cell in head) + "</tr>"
        for row in body:
            html += "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        note = f"<p>{self.note}</p>" if self.note else ""
        return f"<table>{html}</table>{note}"


class EpochMeans:
    """Means of both loss terms over the images of an epoch.

    The sums stay on the device until `read`: each value that is read makes the host wait for a GPU.
    """

    def __init__(self) -> None:
        self._sums: list[Tensor] = []
        self._n_images = 0

    def add(self, nll: Tensor, kl: Tensor) -> None:
        """Count a batch: its loss terms, one value per image, each (batch,)."""
        self._sums.append(torch.stack([nll.detach().sum(), kl.detach().sum()]))
        self._n_images += len(nll)

    def read(self) -> tuple[float, float]:
        """Return the mean NLL and the mean KL per image."""
        nll, kl = torch.stack(self._sums).cpu().double().sum(dim=0) / self._n_images
        return nll.item(), kl.item()
