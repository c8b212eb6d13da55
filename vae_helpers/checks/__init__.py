"""Checks of the exercises: `checks.NAME(your_function)` says what to do next, or that it is right.

Each check tries the function on several inputs. It prints "not solved yet", what is not right and a
hint, the error that the function raised, or "correct" and why the exercise matters.
"""

from .anomalies import auroc, slerp, two_sided_kl
from .autoencoder import components_needed, denoising_loss, nearest_code_distance, pca_by_svd
from .experiments import beta_trade_off, left_out_detector
from .latent_grid import aggregate_log_density, inverse_cdf_grid, posterior_ellipse, prior_mass
from .vae import bernoulli_nll, effective_beta, kl_by_hand, reparameterize
