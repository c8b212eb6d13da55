"""The process that runs one learner's function: it answers its judge with results, not verdicts.

Nothing here is trusted. The limits and the guard below keep honest mistakes and playful students
from doing harm; they don't hold back somebody who knows how to get around Python.
"""

import builtins
import contextlib
import io
import os
import pickle
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from grading import wire

GRAPHS = 8  # as many calls back may a judge ask for gradients
FORBIDDEN = {
    **dict.fromkeys(("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn"), "start"),
    **dict.fromkeys(("os.system", "os.startfile", "subprocess.Popen", "pty.spawn"), "start"),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), "kill"),
}
WRITING = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"}
WRITING |= {"os.chmod", "os.chown", "shutil.rmtree", "shutil.move", "shutil.copyfile"}
MESSAGES = {
    "start": "a graded function may not start other programs",
    "kill": "a graded function may not stop other programs",
    "socket": "a graded function may not use the network",
    "write": "a graded function may write in its own empty folder only",
}


def guard(folder: str) -> None:
    """Refuse the network, other processes, and writing outside of a folder, until the end."""
    inside, real, text = folder + os.sep, os.path.realpath, os.fsdecode
    to_write = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    forbidden, writing, messages = dict(FORBIDDEN), frozenset(WRITING), dict(MESSAGES)

    def outside(path: Any) -> bool:
        if isinstance(path, int) or path is None:
            return False
        where = real(text(path))
        return where != os.devnull and not (where + os.sep).startswith(inside)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in forbidden:
            raise PermissionError(messages[forbidden[event]])
        if event.startswith("socket."):
            raise PermissionError(messages["socket"])
        if event == "open":
            path, mode, flags = args
            writes = flags & to_write if mode is None else bool(set(mode) & set("wax+"))
            if writes and outside(path):
                raise PermissionError(messages["write"])
        elif event in writing and any(outside(p) for p in args if isinstance(p, str | bytes)):
            raise PermissionError(messages["write"])

    sys.addaudithook(hook)


def limit(seconds: int, memory: int) -> None:
    """Bound processor time, memory (bytes, beyond what is in use now) and files of this process."""
    try:
        import resource
    except ImportError:  # Windows; there the judge watches
        return
    bounds = [
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 2**24),
        (resource.RLIMIT_CORE, 0),
    ]
    with contextlib.suppress(OSError):  # pages in use; Linux alone tells
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bounds.append((resource.RLIMIT_AS, pages * resource.getpagesize() + memory))
    for which, most in bounds:
        with contextlib.suppress(OSError, ValueError):  # a lower limit is in force already
            resource.setrlimit(which, (most, most))


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The judge's two pipes, out of the way of what a cell prints or reads."""
    source, sink = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


def described(error: BaseException, filename: str) -> dict[str, Any]:
    """What a judge needs in order to raise the same."""
    try:
        text = str(error)[:1000]
    except Exception:
        text = "(an error without a text)"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.filename == filename]
    names = [cls.__name__ for cls in type(error).__mro__]
    return {"names": names, "text": text, "args": bool(error.args), "line": lines[-1:] or [0]}


class Candidate:
    """Serves the requests of a judge."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.source, self.sink = source, sink
        self.modules: dict[int, nn.Module] = {}
        self.graphs: dict[int, tuple[Tensor, list[Tensor]]] = {}
        self.filename = ""
        self.function: Callable[..., Any] | None = None

    def answer(self, **message: Any) -> None:
        wire.send(self.sink, wire.dumps(message))

    def unpickle(self, data: bytes) -> Any:
        """Objects of the judge: a module that came before is the same one again."""
        unpickler = pickle.Unpickler(io.BytesIO(data))
        unpickler.persistent_load = self.known
        return unpickler.load()

    def known(self, key: tuple[str, int, bytes]) -> Any:
        kind, number, data = key
        if kind == "function":
            return lambda *args, **kwargs: self.call_back(number, args, kwargs)
        if number not in self.modules:
            self.modules[number] = pickle.loads(data)
        return self.modules[number]

    def call_back(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Have the judge call one of its own functions, make_model() for example."""
        self.answer(callback=number, args=wire.encode(args), kwargs=wire.encode(kwargs))
        kind, data = pickle.loads(wire.receive(self.source))
        if kind == "error":
            raise RuntimeError(data)
        return self.unpickle(data)

    def define(self, source: str, filename: str, name: str) -> None:
        self.filename = filename
        names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        exec(compile(source, filename, "exec"), names)
        self.function = names[name]
        code = getattr(self.function, "__code__", None)
        where = [code.co_name, code.co_firstlineno] if code else None
        self.answer(callable=callable(self.function), code=where, type=type(self.function).__name__)

    def call(self, number: int, data: bytes) -> None:
        args, named = self.unpickle(data)
        values = [*args, *named.values()]
        before = [a.detach().clone() if isinstance(a, Tensor) else None for a in values]
        result = self.function(*args, **named)
        changed = {
            i: wire.encode(a)
            for i, (a, b) in enumerate(zip(values, before, strict=True))
            if b is not None and (a.shape != b.shape or not torch.equal(a, b))
        }
        differentiable = isinstance(result, Tensor) and result.requires_grad
        if differentiable:
            self.graphs[number] = (result, leaves(values))
            self.graphs.pop(number - GRAPHS, None)
        self.answer(
            result=wire.encode(result),
            differentiable=differentiable,
            changed=changed,
            states={i: state(module) for i, module in self.modules.items()},
        )

    def backward(self, number: int, gradient: Tensor) -> None:
        result, inputs = self.graphs[number]
        found = torch.autograd.grad(result, inputs, gradient, retain_graph=True, allow_unused=True)
        self.answer(gradients=[wire.encode(g) for g in found])

    def serve(self) -> None:
        while True:
            what, *arguments = pickle.loads(wire.receive(self.source))
            try:
                getattr(self, what)(*arguments)
            except BaseException as error:  # theirs: SystemExit and KeyboardInterrupt, too
                self.answer(error=described(error, self.filename))


def leaves(args: Sequence[Any]) -> list[Tensor]:
    """What gradients are asked for: tensors that require one, and the weights of modules."""
    found = []
    for a in args:
        tensors = a.parameters() if isinstance(a, nn.Module) else [a]
        found += [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]
    return found


def state(module: nn.Module) -> dict[str, Any]:
    """Weights, and the plain attributes in which a check's own module may keep a record."""
    plain = {k: v for k, v in vars(module).items() if not k.startswith("_")}
    plain = {k: v for k, v in plain.items() if isinstance(v, bool | int | float | str | set)}
    weights = {k: wire.encode(v) for k, v in module.state_dict().items()}
    return {"weights": weights, "plain": {k: wire.encode(v) for k, v in plain.items()}}


def main() -> None:
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    candidate = Candidate(*private_streams())
    import vae_helpers  # noqa: F401 - before the clock starts, like torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - theirs may draw from the global state
    torch.manual_seed(0)
    limit(seconds, memory)
    guard(os.path.realpath(Path.cwd()))
    candidate.answer(ready=True)
    with contextlib.suppress(EOFError):
        candidate.serve()
    os._exit(0)  # without what they registered for the end


if __name__ == "__main__":
    main()
