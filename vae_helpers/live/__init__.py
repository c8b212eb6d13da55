"""Widgets whose networks run in the reader's browser, with a kernel or without one."""

from .widgets import drawing_pad, latent_explorer
