"""How long training takes: `fit` beside the loop that most tutorials use and the bare products.

Everything in one process and in turn, so that a noisy machine slows all alike: the ratios count.
"""

import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torchvision
from raw_mnist import write_raw_mnist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

import vae_helpers as vh
from vae_helpers.runtime import matmul_precision

ROUNDS = 3
MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {  # with the size of a batch
    "VAE 784-400-20": (vh.VAE, 128),
    "VAE 784-400-150-2": (lambda: vh.VAE(hidden_dims=(400, 150), latent_dim=2), 128),
    "VAE 784-512-2": (lambda: vh.VAE(hidden_dims=(512,), latent_dim=2), 128),
    "Autoencoder 784-512-2": (vh.Autoencoder, 128),
    "ConvVAE, the zeros alone": (vh.ConvVAE, 32),
}
LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def seconds(work: Callable[..., object], *args: object, **kwargs: object) -> float:
    start = time.perf_counter()
    work(*args, **kwargs)
    return time.perf_counter() - start


def spread(values: Iterable[float], digits: int = 2) -> str:
    values = list(values)
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def rounds(name: str) -> Iterable[int]:
    return tqdm(range(ROUNDS), desc=name, unit="round", leave=False)


def table(*rows: Iterable[object]) -> None:
    for i, row in enumerate(rows):
        print("|", " | ".join(map(str, row)), "|")
        if i == 0:
            print("|" + "---|" * len(list(row)))
    print(flush=True)


def usual_epoch(loader: DataLoader, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Probabilities instead of logits, images from disk files one by one, a look at every loss."""
    total = 0.0
    for x, _ in loader:
        x = x.round()
        optimizer.zero_grad()
        if isinstance(model, vh.Autoencoder):
            loss = F.mse_loss(torch.sigmoid(model(x)[0]), x, reduction="sum")
        else:
            x_logits, mu, logvar = model(x)
            loss = F.binary_cross_entropy(torch.sigmoid(x_logits), x, reduction="sum")
            loss = loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss.backward()
        optimizer.step()
        total += loss.item()


def products(model: nn.Module, x: Tensor) -> Callable[[int], None]:
    """Some steps' products and nothing else: layers forwards, and both gradients backwards."""
    inputs: list[tuple[nn.Module, Tensor]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, LAYERS)]
    hooks = [
        layer.register_forward_pre_hook(lambda layer, args: inputs.append((layer, args[0])))
        for layer in layers
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()

    def products_of(layer: nn.Module, a: Tensor, first: bool) -> Callable[[], object]:
        weight = layer.weight.detach()
        with torch.no_grad():
            g = torch.randn_like(layer(a))
        if isinstance(layer, nn.Linear):
            results = a @ weight.T, g.T @ a, torch.empty_like(a)

            def multiply() -> None:
                torch.mm(a, weight.T, out=results[0])
                torch.mm(g.T, a, out=results[1])
                if not first:
                    torch.mm(g, weight, out=results[2])

            return multiply
        leaf = a.clone().requires_grad_(not first)
        wanted = [layer.weight] if first else [layer.weight, leaf]
        return lambda: torch.autograd.grad(layer(leaf), wanted, g)

    calls = [products_of(layer, a, i == 0) for i, (layer, a) in enumerate(inputs)]

    def steps(n: int) -> None:
        for _ in range(n):
            for call in calls:
                call()

    return steps


def processor() -> str:
    """Its name, and what it can do for matrix products: speeds travel no further than that."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = dict(re.findall(r"(.+?)\s*: (.+)", cpuinfo.read_text(encoding="utf-8")))
        family = f"family {fields['cpu family']}, model {fields['model']}"
        name = f"{fields['model name']} ({family})" if "cpu family" in fields else name
    bfloat16 = "with" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "without"
    amx = "with" if torch.cpu._is_amx_tile_supported() else "without"
    able = torch.backends.cpu.get_cpu_capability()
    return f"{name}, {able}, {bfloat16} bfloat16 and {amx} matrix tiles (AMX)"


def load_only(loader: DataLoader) -> None:
    for _ in loader:
        pass


def epochs(folder: Path) -> list[float]:
    """Print the table of an epoch of each model; return the usual loop's for the first."""
    items = torchvision.datasets.MNIST(folder, transform=torchvision.transforms.ToTensor())
    images, labels = vh.load_mnist()
    images = vh.binarize(images)
    columns = ["usual loop, s", "of it loading", "fit, s", "products, s", "at medium precision"]
    ratios = ["fit / usual loop", "fit / usual without loading", "fit / products"]
    rows, first = [["an epoch of", *columns, *ratios]], []
    for name, (make, batch_size) in MODELS.items():
        chosen = labels == 0 if "zeros" in name else labels >= 0
        subset = Subset(items, chosen.nonzero().flatten().tolist())
        loader = DataLoader(subset, batch_size=batch_size, shuffle=True)
        torch.manual_seed(0)
        usual, ours, x = make(), make(), images[chosen]
        optimizer = torch.optim.Adam(usual.parameters(), lr=1e-3)
        multiply = products(ours, x[:batch_size])
        times = []
        options = {"epochs": 1, "batch_size": batch_size, "seed": 0, "progress": False}
        for _ in rounds(name):
            turn = [
                seconds(usual_epoch, loader, usual, optimizer),
                seconds(load_only, loader),
                seconds(vh.fit, ours, x, **options),
                seconds(multiply, len(loader)),
            ]
            with matmul_precision("medium"):
                turn.append(seconds(multiply, len(loader)))
            times.append(turn)
        first = first or [t[0] for t in times]
        pairs = [(t[2] / t[0], t[2] / (t[0] - t[1]), t[2] / t[3]) for t in times]
        rows.append([name, *map(spread, zip(*times)), *map(spread, zip(*pairs))])
    table(*rows)
    print("Beyond the products, an epoch of fit draws batches, adds biases, computes ReLUs, the")
    print("two loss terms and their gradients, and takes Adam's step: many small operations.\n")
    return first


def target(usual_epochs: list[float], aim: float = 87.65, n_epochs: int = 5) -> None:
    """Training until the published loss is reached, against ten usual epochs."""
    train, test = (vh.binarize(vh.load_mnist(train=part)[0]) for part in (True, False))
    usual, times, losses = 10 * statistics.median(usual_epochs), [], []
    for seed in rounds("to the target"):
        torch.manual_seed(seed)
        model = vh.VAE()
        options = {"epochs": n_epochs, "lr": 5e-3, "seed": seed, "progress": False}
        times.append(seconds(vh.fit, model, train, **options))
        losses.append(vh.evaluate(model, test).loss)
    assert max(losses) < aim, f"the worst of {ROUNDS} seeds reached {max(losses):.2f} only"
    table(
        [f"{aim} nats or less on the test images", "seconds", "share of the usual ten epochs"],
        ["usual loop, ten times the epoch above", f"{usual:.1f}", "1"],
        [
            f"fit, {n_epochs} epochs, peak lr 5e-3, {max(losses):.2f} nats at worst",
            spread(times, 1),
            spread(t / usual for t in times),
        ],
    )


def growth() -> None:
    """How an epoch of 784-400-20 grows with what one may turn."""
    images = vh.binarize(vh.load_mnist()[0])
    cores = torch.get_num_threads()
    settings = [
        *[("batch size", n) for n in (32, 64, 128, 256, 512)],
        *[("hidden width", n) for n in (100, 200, 400, 800)],
        *[("images", n) for n in (15_000, 30_000, 60_000)],
        *[("threads", n) for n in sorted({1, cores})],
    ]

    def epoch(name: str, value: int) -> float:
        torch.set_num_threads(value if name == "threads" else cores)
        model = vh.VAE(hidden_dims=(value if name == "hidden width" else 400,))
        x = images[: value if name == "images" else None]
        batch_size = value if name == "batch size" else 128
        options = {"epochs": 1, "batch_size": batch_size, "seed": 0, "progress": False}
        return seconds(vh.fit, model, x, **options)

    times = [[epoch(*s) for s in (("", 0), *settings)] for _ in rounds("growth")]
    torch.set_num_threads(cores)
    columns = list(zip(*times))
    usual = columns[0]
    table(
        ["784-400-20 with", "an epoch, s", f"against batch 128, 60,000 images, {cores} threads"],
        *[
            [f"{name} {value:,}", spread(column), spread(a / b for a, b in zip(column, usual))]
            for (name, value), column in zip(settings, columns[1:])
        ],
    )


def shares(n: int = 8) -> None:
    """Which operations an epoch of 784-400-20 consists of; mm and addmm are the products."""
    images = vh.binarize(vh.load_mnist()[0])
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        vh.fit(vh.VAE(), images, epochs=1, seed=0, progress=False)
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    slowest = sorted(times, key=times.__getitem__, reverse=True)[:n]
    total = sum(times.values())
    table(
        ["operation in an epoch of 784-400-20", "share of the time"],
        *[[name, f"{times[name] / total:.0%}"] for name in slowest],
    )


def main() -> None:
    print("# Speed\n\nMade by `make bench`: median (smallest to largest) of", ROUNDS, "rounds,")
    print(f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, on")
    print(f"{processor()}.\n")
    print(
        "The *usual loop* draws images one by one from `torchvision`'s data set and looks at every"
    )
    print("loss; *loading* is the same loop with nothing in it. The *products* are the matrix")
    print("products of an epoch, forwards and backwards, in full precision, into memory that is")
    print("there already; at *medium precision* they are those of `fit`, which differ only where")
    print("PyTorch multiplies float32 in bfloat16. That it has instructions for bfloat16 does not")
    print("make a processor one of these: compare the two columns. On a shared machine, compare")
    print("within a row: its columns ran in turn, the rows one after another. Ratios differ from")
    print("processor to processor: loading takes the larger share, and `fit` gains the more, the")
    print("faster the products are.\n")
    with tempfile.TemporaryDirectory() as folder:
        write_raw_mnist(Path(folder))
        usual_epochs = epochs(Path(folder))
    target(usual_epochs)
    growth()
    shares()


if __name__ == "__main__":
    main()
