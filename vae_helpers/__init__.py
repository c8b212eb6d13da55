"""Helpers for the VAE tutorial: everything public, importable from here."""

from .animation import show_gif, write_gif
from .anomaly import AnomalyDetector
from .battery import make_anomalies
from .classify import class_probabilities, train_classifier
from .data import (
    batches,
    binarize,
    load_fashion_sample,
    load_mnist,
    load_torchvision,
    load_uci_digits,
)
from .evaluation import Evaluation, active_units, evaluate, importance_weighted_nll
from .folders import load_images
from .frechet import frechet_distance
from .history import History
from .latent import inverse_cdf_grid, lerp, slerp, uniform_grid
from .live import drawing_pad, latent_explorer
from .losses import bernoulli_nll, gaussian_nll, kl_divergence, negative_elbo, squared_error
from .models import VAE, Autoencoder, ConvVAE
from .plotting import (
    plot_bars,
    plot_codes,
    plot_curves,
    plot_density,
    plot_histograms,
    plot_history,
    plot_image_grid,
    plot_images,
    plot_table,
    show,
    tile_images,
)
from .runtime import SMOKE, pick_device, seed_everything
from .scores import anomaly_scores
from .training import fit
