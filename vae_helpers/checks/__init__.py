"""Checks of the exercises: `checks.NAME(your_function)` says what to do next, or that it is right.

Each check tries the function on several inputs. It prints "not solved yet", what is not right and a
hint, the error that the function raised, or "correct" and why the exercise matters.
"""

from .autoencoder import denoising_loss, nearest_code_distance
from .components import components_needed, pca_by_svd
from .conformal import conformal_p_values
from .directions import direction_apart
from .experiments import beta_trade_off
from .kl import kl_by_hand
from .latent_grid import posterior_ellipse, prior_mass
from .left_out import left_out_detector
from .noise import reparameterize_logistic
from .paired import auroc_difference
from .precision import average_precision
from .quantiles import aggregate_quantiles
from .stopping import early_stopping
from .vae import effective_beta, gaussian_nll
