"""Checks of the exercises: `checks.NAME(your_function)` says what to do next, or that it is right.

Each check tries the function on several inputs. It prints "not solved yet", what is not right and a
hint, the error that the function raised, or "correct" and why the exercise matters.
"""

from .anomalies import auroc_difference, conformal_p_values, direction_apart
from .autoencoder import components_needed, denoising_loss, nearest_code_distance, pca_by_svd
from .curves import average_precision, early_stopping
from .experiments import beta_trade_off
from .latent_grid import aggregate_quantiles, posterior_ellipse, prior_mass
from .left_out import left_out_detector
from .vae import bernoulli_nll, effective_beta, kl_by_hand, reparameterize
