"""How values travel from a candidate to its judge: as numbers and texts, which can't run.

The other way they are pickled, for a candidate may trust its judge.
"""

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

LARGEST = 256 * 2**20  # bytes of a message
HEAD = struct.Struct(">Q")
DTYPES = {
    str(d).removeprefix("torch."): d
    for d in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.complex64, torch.complex128, torch.bool),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    )
}


class Unreadable(ValueError):
    """A message that is no message."""


def send(stream: BinaryIO, message: bytes) -> None:
    stream.write(HEAD.pack(len(message)) + message)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """The next message. EOFError if the stream ends, Unreadable if the message is too long."""
    (length,) = HEAD.unpack(_exactly(stream, HEAD.size))
    if length > LARGEST:
        raise Unreadable(f"a result of more than {LARGEST // 2**20} MiB")
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, n: int) -> bytes:
    data = stream.read(n)
    if len(data) < n:
        raise EOFError
    return data


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def loads(message: bytes) -> dict[str, Any]:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no message: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable("no message")
    return value


def encode(value: Any) -> Any:
    """Anything as JSON: what is neither number, text, tensor nor a container by its type's name."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        return _encode_tensor(value.detach())
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: _encode_tensor(torch.as_tensor(np.array(value)))}
    for kind, cls in (("tuple", tuple), ("list", list), ("set", set | frozenset)):
        if isinstance(value, cls):
            return {kind: [encode(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    return {"other": type(value).__name__}


def _encode_tensor(value: Tensor) -> Any:
    dense = value.to_dense() if value.layout != torch.strided else value
    flat = dense.as_subclass(Tensor).cpu().resolve_conj().resolve_neg().contiguous().flatten()
    data = base64.b64encode(flat.view(torch.uint8).numpy().tobytes()).decode()
    dtype = str(value.dtype).removeprefix("torch.")
    return {"tensor": data, "dtype": dtype, "shape": list(value.shape)}


def decode(value: Any) -> Any:
    """The value again. Raises Unreadable for what `encode` never wrote."""
    try:
        return _decode(value)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"no value: {type(error).__name__}") from None


def _decode(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if "tensor" in value:
        return _decode_tensor(value)
    if "array" in value:
        return _decode_tensor(value["array"]).numpy()
    if "scalar" in value:
        return _decode_tensor(value["scalar"]).numpy()[()]
    if "other" in value:  # checks name the type, and that's all
        return type(str(value["other"]), (), {})()
    if "dict" in value:
        return {_decode(k): _decode(v) for k, v in value["dict"]}
    containers: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "list": list, "set": set}
    ((kind, items),) = value.items()
    return containers[kind](_decode(v) for v in items)


def _decode_tensor(value: Any) -> Tensor:
    dtype, shape = DTYPES[value["dtype"]], [int(n) for n in value["shape"]]
    data = base64.b64decode(value["tensor"], validate=True)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data):
        raise Unreadable("a tensor whose shape and data differ")
    if not data:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return (flat != 0 if dtype == torch.bool else flat.view(dtype)).view(shape)
