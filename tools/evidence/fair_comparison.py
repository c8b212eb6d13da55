"""Autoencoder and VAE on equal terms, beyond what notebook 2 varies: size, KL weight, epochs.

Writes the table of docs/fair_comparison.md; a run takes minutes on one thread.
"""

import math
from functools import partial
from typing import Any

import torch
from over_seeds import kept, write_table
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Normal

import vae_helpers as vh

USUAL = {"hidden": 400, "latent": 20, "epochs": 10, "beta": 1.0}
SETTINGS: dict[str, dict[str, float]] = {
    "784-400-20, ten epochs": {},
    "784-200-10": {"hidden": 200, "latent": 10},
    "30 epochs": {"epochs": 30},
    "beta 0.1": {"beta": 0.1},
    "beta 0.3": {"beta": 0.3},
    "beta 2": {"beta": 2.0},
}
WIDTHS = {"VAE": (1.0, 1.5, 2.0, 3.0), "autoencoder": (0.1, 0.15, 0.2, 0.3)}
N_DRAWS, N_IMAGES, N_TUNING = 1000, 200, 25


class PlainAutoencoder(vh.Autoencoder):
    """The VAE's reconstruction term and nothing else."""

    def loss_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        reconstruction = vh.bernoulli_nll(self.decode(self.encode(x)), x)
        return reconstruction, torch.zeros_like(reconstruction)


def density(codes: Tensor, n_parts: int, seed: int) -> GaussianMixture:
    """A mixture fitted to codes; with no parts, N(0, I)."""
    mixture = GaussianMixture(max(1, n_parts), max_iter=200, tol=1e-2, random_state=seed)
    known = codes[:20_000].double()
    if n_parts == 0:  # two points on each axis have mean 0; scaled, covariance I
        eye = math.sqrt(codes.shape[1]) * torch.eye(codes.shape[1], dtype=torch.float64)
        known, mixture = torch.cat([eye, -eye]), mixture.set_params(reg_covar=0.0)
    return mixture.fit(known.numpy())


@torch.no_grad()
def bounds(model: Any, densities: dict, x: Tensor, centres: Tensor, widths: Tensor) -> dict:
    """Importance-weighted bounds on -log p(x) under each density, from the same draws."""
    torch.manual_seed(0)
    rows: dict[str, list[Tensor]] = {name: [] for name in densities}
    for image, centre, width in zip(x, centres, widths):
        z = centre + width * torch.randn(N_DRAWS, len(centre))
        log_w = -vh.bernoulli_nll(model.decode(z), image.expand(N_DRAWS, 1, 28, 28)).double()
        log_w = log_w - Normal(centre, width).log_prob(z).sum(dim=1)
        for name, mixture in densities.items():
            log_p_z = torch.as_tensor(mixture.score_samples(z.double().numpy()))
            rows[name].append(math.log(N_DRAWS) - (log_w + log_p_z).logsumexp(dim=0))
    return {name: torch.stack(values) for name, values in rows.items()}


def compare(setting: str, seed: int) -> dict:
    """Both models of a setting: reconstruction, and by density what the judges say."""
    chosen = {**USUAL, **SETTINGS[setting]}
    grey, labels = vh.load_mnist(train=True)
    train, test = vh.binarize(grey), vh.binarize(vh.load_mnist(train=False)[0])
    judge = vh.train_classifier(grey, labels, seed=seed)
    pca = PCA(50, svd_solver="covariance_eigh").fit(train.flatten(1).numpy())

    def features(x: Tensor) -> Tensor:
        return torch.as_tensor(pca.transform(x.flatten(1).numpy()))

    result = {}
    for name, cls in (("autoencoder", PlainAutoencoder), ("VAE", vh.VAE)):
        if name == "autoencoder" and chosen["beta"] != 1:
            continue  # it has no KL to weigh
        torch.manual_seed(seed)
        model = cls((1, 28, 28), (int(chosen["hidden"]),), int(chosen["latent"]))
        options = {"epochs": int(chosen["epochs"]), "seed": seed, "progress": False}
        vh.fit(model, train, beta=chosen["beta"], **options)
        with torch.no_grad():
            encoded = [model.encode(x) for x in (train, train[-N_TUNING:], test)]
            torch.manual_seed(seed)
            codes = model.reparameterize(*encoded[0]) if name == "VAE" else encoded[0]
        densities = {str(n): density(codes, n, seed) for n in (0, 1, 50)}

        def helper(i: int, width: float, name=name, encoded=encoded, codes=codes):
            if name == "VAE":
                return encoded[i][0], width * (0.5 * encoded[i][1]).exp()
            return encoded[i], (width * codes.std(dim=0)).expand_as(encoded[i])

        last = {"50": densities["50"]}
        tuned = {
            w: bounds(model, last, train[-N_TUNING:], *helper(1, w))["50"].mean().item()
            for w in WIDTHS[name]
        }
        width = min(tuned, key=tuned.__getitem__)
        found = bounds(model, densities, test[:N_IMAGES], *helper(2, width))
        result[name] = {"width": width}
        for key, mixture in densities.items():
            drawn, _ = mixture.sample(10_000)
            with torch.no_grad():
                pictures = model.decode(torch.as_tensor(drawn).float()).sigmoid()
            sure = vh.class_probabilities(judge, pictures).max(dim=1).values > 0.9
            distance = vh.frechet_distance(features(torch.bernoulli(pictures)), features(test))
            result[name][key] = [sure.double().mean().item(), distance, found[key].mean().item()]
    return result


def run(setting: str, seed: int) -> dict:
    return kept(f"fair-{setting}-{seed}", partial(compare, setting, seed))


def table(results: dict[tuple[str, int], dict]) -> list[str]:
    """A row a setting and model: ranges over the seeds."""
    measures = [
        f"{d}: {m}" for d in ("N(0, I)", "mixture of 50") for m in ("sure", "Fréchet", "bound")
    ]
    lines = [f"| setting | model | {' | '.join(measures)} |", "|" + "---|" * (len(measures) + 2)]
    for setting in dict.fromkeys(setting for setting, _ in results):
        for model in ("VAE", "autoencoder"):
            cells = []
            own = [r[model] for (s, _), r in results.items() if s == setting and model in r]
            if not own:
                continue
            for key in ("0", "50"):
                runs = [r[key] for r in own]
                for values, form in zip(zip(*runs), ("{:.0%}", "{:.2f}", "{:.1f}")):
                    ends = dict.fromkeys(form.format(v) for v in (min(values), max(values)))
                    cells.append(" to ".join(ends))
            lines.append(f"| {setting} | {model} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    write_table(__doc__, run, list(SETTINGS), 3, table, "fair_comparison.md")
