"""The networks of the series. Decoders return logits; apply a sigmoid to look at a picture."""

from .convolutional import ConvVAE
from .dense import VAE, Autoencoder
