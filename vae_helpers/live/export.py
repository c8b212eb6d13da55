"""A network as bytes and a plan, for `layers.js` to run in a browser."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..arguments import as_array
from ..models import Autoencoder
from ..models.base import GaussianVAE
from ..runtime import device_of, evaluating


def exportable(model: Any) -> GaussianVAE:
    """Return the VAE itself, also of a compiled one, or raise ValueError: there is none."""
    plain = getattr(model, "_orig_mod", model)
    if isinstance(plain, Autoencoder):
        raise ValueError(
            "model is an Autoencoder, which has no prior and no posterior to show: "
            "train a VAE of the same sizes"
        )
    if not isinstance(plain, GaussianVAE):
        raise ValueError(
            f"model must be a VAE or ConvVAE of vae_helpers, got {type(plain).__name__}: "
            f"the browser knows no other layers"
        )
    for name in ("encode", "decode"):
        if getattr(type(plain), name) is not getattr(GaussianVAE, name):
            raise ValueError(
                f"model has a method {name} of its own, which the browser cannot run: "
                f"change its layers instead"
            )
    tensors = [*plain.parameters(), *plain.buffers()]
    if any(t.is_meta for t in tensors):
        raise ValueError("model is on the meta device, where weights have no data")
    if not all(bool(t.isfinite().all()) for t in tensors):
        raise ValueError("model has weights that are NaN or infinite: train it again, more slowly")
    return plain


class Block:
    """Arrays, one behind the other in one block of bytes, and a table of where each lies."""

    def __init__(self) -> None:
        self.table: list[dict[str, Any]] = []
        self._bytes = bytearray()

    def add(self, values: Any, kind: str, **extra: Any) -> int:
        """Append an array as "float32", "int16" or "uint8"; returns its place in the table."""
        array = np.ascontiguousarray(as_array(values)).astype(np.dtype(kind).newbyteorder("<"))
        self._bytes += b"\0" * (-len(self._bytes) % 4)  # browsers want arrays aligned
        entry = {"kind": kind, "offset": len(self._bytes), "length": array.size, **extra}
        self._bytes += array.tobytes()
        self.table.append(entry)
        return len(self.table) - 1

    def add_weights(self, weights: Tensor) -> int:
        """Append weights, 16 bits each: whole numbers, with one factor for each row.

        A row (of an output) is as exact as its largest weight allows, to 1 in 32,767: better than
        float16, which has no more than 11 bits of each weight.
        """
        rows = weights.detach().cpu().double().flatten(1)
        largest = rows.abs().amax(dim=1, keepdim=True)
        scale = torch.where(largest > 0, largest, torch.ones_like(largest)) / 32767
        factors = self.add(scale, "float32")
        stored = scale.float().double()  # what the browser multiplies by
        return self.add((rows / stored).round().clamp(-32767, 32767), "int16", row_scale=factors)

    def add_columns(self, values: Tensor, bits: int) -> int:
        """Append a matrix, `bits` a number: even steps from least to largest of each column."""
        low, high = torch.aminmax(values, dim=0)
        step = ((high - low) / (2**bits - 1)).clamp(min=1e-12)
        whole = ((values - low) / step).round().clamp(0, 2**bits - 1).numpy().astype(np.uint16)
        in_bits = whole.reshape(-1, 1) >> np.arange(bits - 1, -1, -1, dtype=np.uint16) & 1
        extra = {"column_low": self.add(low, "float32"), "column_step": self.add(step, "float32")}
        packed = np.packbits(in_bits.astype(np.uint8))
        return self.add(packed, "uint8", bits=bits, numbers=whole.size, **extra)

    def __len__(self) -> int:
        return len(self._bytes)

    def to_bytes(self) -> bytes:
        """The whole block."""
        return bytes(self._bytes)


def _flat(network: nn.Module) -> Iterator[nn.Module]:
    for layer in network if isinstance(network, nn.Sequential) else [network]:
        if isinstance(layer, nn.Sequential):
            yield from _flat(layer)
        elif not isinstance(layer, nn.Identity | nn.Dropout):  # they do nothing in evaluation
            yield layer


def _fused(network: nn.Module) -> list[Any]:
    """The layers in order, each batch normalization taken into the convolution before it."""
    layers: list[Any] = []
    for layer in _flat(network):
        before = layers[-1] if layers else None
        convolution = isinstance(before, nn.Conv2d | nn.ConvTranspose2d)
        if isinstance(layer, nn.BatchNorm2d) and convolution:
            transposed = isinstance(before, nn.ConvTranspose2d)
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer, transpose=transposed)
        else:
            layers.append(layer)
    return layers


def _convolution(layer: Any, shape: tuple[int, ...], block: Block) -> dict[str, Any]:
    plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        raise ValueError(f"model has {layer}, which the browser cannot run: use a plain one")
    transposed = isinstance(layer, nn.ConvTranspose2d)
    weight = layer.weight.transpose(0, 1) if transposed else layer.weight  # (out, in, kh, kw)
    return {
        "type": "up" if transposed else "conv",
        "weight": block.add_weights(weight),
        "kernel": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "from": list(shape[1:]),
    }


def export_network(network: nn.Module, x: Tensor, block: Block) -> tuple[list[dict], Tensor]:
    """Append a network's weights to `block`.

    Args:
        network: a layer, or nn.Sequential of layers.
        x: any one input (1, ...); it tells the shapes in between.
        block: takes the weights.

    Returns:
        The plan, one entry a layer, for `run` of layers.js, and the network's output for `x`.

    Raises:
        ValueError: if `layers.js` lacks a layer.
    """
    plan: list[dict] = []
    for layer in _fused(network):
        if isinstance(layer, nn.Flatten | nn.Unflatten):
            x = layer(x)  # the browser's arrays are flat all the time
            continue
        before = tuple(x.shape)
        if isinstance(layer, nn.Linear):
            entry: dict[str, Any] = {"type": "linear", "weight": block.add_weights(layer.weight)}
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            entry = _convolution(layer, before, block)
        elif isinstance(layer, nn.ReLU | nn.LeakyReLU):
            entry = {"type": "leaky", "slope": getattr(layer, "negative_slope", 0.0)}
        else:
            raise ValueError(f"model has a layer {layer}, which the browser cannot run")
        x = layer(x)
        bias = getattr(layer, "bias", None)
        if bias is not None:
            entry["bias"] = block.add(bias, "float32")
        if entry["type"] in ("conv", "up"):
            entry["to"] = list(x.shape[1:])
        plan.append(entry)
    return plan, x


def export_vae(model: GaussianVAE, block: Block) -> dict[str, Any]:
    """Append a VAE's weights to `block`; returns the plan that the class `Vae` of vae.js takes."""
    device, dtype = device_of(model), next(model.parameters()).dtype
    networks = {}
    with evaluating(model):
        x = torch.zeros(1, *model.image_shape, device=device, dtype=dtype)
        networks["encoder"], h = export_network(model.encoder, x, block)
        networks["mu"], z = export_network(model.mu_head, h, block)
        networks["logvar"], _ = export_network(model.logvar_head, h, block)
        networks["decoder"], _ = export_network(model.decoder, z, block)
        std = model.pixel_std
    return {
        "image_shape": list(model.image_shape),
        "latent_dim": model.latent_dim,
        "pixel_std": None if std is None else float(std),
        "networks": networks,
    }
