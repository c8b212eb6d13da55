"""Helpers for the VAE tutorial: everything public, importable from here."""

from .charts import plot_bars, plot_curves, plot_history
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
from .history import History
from .losses import bernoulli_nll, kl_divergence, negative_elbo, squared_error
from .models import VAE, Autoencoder, ConvVAE
from .plotting import plot_codes, plot_image_grid, plot_images, show
from .runtime import SMOKE, pick_device, seed_everything
from .training import fit
