"""How long one epoch of 784-400-20 takes: `fit` beside the loop that most tutorials use.

Both in one process, in turn, so that a noisy machine slows both; the ratio is what counts.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from conftest import write_raw_mnist
from torch import nn
from torch.utils.data import DataLoader

import vae_helpers as vh

ROUNDS = 5


class UsualVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h = torch.relu(self.fc1(x))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), mu, logvar


def usual_epoch(loader: DataLoader, model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    start, total = time.perf_counter(), 0.0
    for x, _ in loader:
        x = x.view(-1, 784).round()
        optimizer.zero_grad()
        recon_x, mu, logvar = model(x)
        loss = nn.functional.binary_cross_entropy(recon_x, x, reduction="sum")
        loss = loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss.backward()
        optimizer.step()
        total += loss.item()
    return time.perf_counter() - start


def main() -> None:
    images = vh.binarize(vh.load_mnist()[0])
    with tempfile.TemporaryDirectory() as folder:
        write_raw_mnist(Path(folder))
        items = torchvision.datasets.MNIST(folder, transform=torchvision.transforms.ToTensor())
        loader = DataLoader(items, batch_size=128, shuffle=True)
        torch.manual_seed(0)
        usual_model, model = UsualVAE(), vh.VAE()
        optimizer = torch.optim.Adam(usual_model.parameters(), lr=1e-3)
        rows = []
        for i in range(ROUNDS):
            usual = usual_epoch(loader, usual_model, optimizer)
            ours = vh.fit(model, images, epochs=1, seed=i, progress=False).seconds[0]
            rows.append((usual, ours, ours / usual))
            print(f"round {i + 1}: usual loop {usual:.1f} s, fit {ours:.1f} s", flush=True)
    print("| one epoch of 784-400-20 | min | median | max |\n|---|---|---|---|")
    for name, column in zip(("usual loop, s", "fit, s", "fit / usual"), zip(*rows)):
        low, middle, high = min(column), statistics.median(column), max(column)
        print(f"| {name} | {low:.2f} | {middle:.2f} | {high:.2f} |")


if __name__ == "__main__":
    main()
