"""A learner's function as its judge sees it: called here, run in a process of its own."""

import builtins
import contextlib
import functools
import io
import linecache
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import psutil
import torch
from torch import Tensor, nn

from grading import wire

try:
    import cloudpickle  # scikit-learn's joblib brings it along
except ImportError:  # older versions of joblib carry it inside
    from joblib.externals import cloudpickle

ROOT = Path(__file__).parents[2]
CALLS_BACK = 500
PATIENCE = 180  # seconds until torch is imported, on a busy machine
NAMESPACES = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]
KEPT = {"PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"}
ANY_CODE = (lambda *args, **kwargs: None).__code__


class Limits(NamedTuple):
    """What a function may use for all of its calls together."""

    seconds: float = 120
    memory: float = 2.0  # GiB beyond what torch needs


class Stopped(BaseException):
    """The candidate is gone. Not an Exception: a check must not take it for the learner's."""


class NotStarted(RuntimeError):
    """There is no candidate, for a reason that is not the learner's."""


@functools.cache
def namespaces() -> list[str]:
    """Where the system lets us: no network devices, and no other process in sight."""
    if not shutil.which(NAMESPACES[0]):
        return []
    done = subprocess.run([*NAMESPACES, "true"], capture_output=True, timeout=30)
    return [] if done.returncode else NAMESPACES


def environment(folder: str) -> dict[str, str]:
    """Little of ours: a learner's code needs no keys and no home of the teacher's."""
    paths = [str(ROOT / "tools"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: value for name, value in os.environ.items() if name in KEPT},
        **dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), folder),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


class Pickler(cloudpickle.Pickler):
    """Sends each module once, and functions as something to call back."""

    def __init__(self, file: io.BytesIO, modules: list[Any], functions: list[Any]) -> None:
        super().__init__(file)
        self.modules, self.functions = modules, functions

    def persistent_id(self, thing: Any) -> tuple[str, int, bytes] | None:
        if isinstance(thing, nn.Module):
            n, new = place(thing, self.modules)
            return "module", n, cloudpickle.dumps(thing) if new else b""
        if isinstance(thing, FunctionType | MethodType) and not importable(thing):
            return "function", place(thing, self.functions)[0], b""
        return None


def importable(thing: Any) -> bool:
    module = sys.modules.get(thing.__module__)
    return getattr(module, thing.__qualname__, None) is thing


def place(thing: Any, things: list[Any]) -> tuple[int, bool]:
    """Index of a thing in a list, and whether it had to be added."""
    for i, other in enumerate(things):
        if other is thing:
            return i, False
    things.append(thing)
    return len(things) - 1, True


class _Differentiable(torch.autograd.Function):
    """The candidate's result; asks it for gradients when somebody wants them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, ask: Callable[[Tensor], list[Any]], *_: Tensor) -> Tensor:
        ctx.ask = ask
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return None, None, *ctx.ask(gradient)


class Candidate:
    """Use as a context manager; `define` a function, then call this like the function."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.left, self.calls = limits, PATIENCE, 0
        self.modules: list[nn.Module] = []
        self.functions: list[Callable[..., Any]] = []
        self.source, self.filename = "", ""
        self.called_back = 0
        self.inbox: queue.Queue[bytes | Exception] = queue.Queue(maxsize=2)
        self.outbox: queue.Queue[bytes | None] = queue.Queue()
        # Windows keeps a folder as long as a process sits in it
        self.folder = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        most = [str(int(4 * limits.seconds) + 60), str(int(limits.memory * 2**30))]
        self.process = subprocess.Popen(
            [*namespaces(), sys.executable, "-P", "-m", "grading.candidate", *most],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder.name,
            env=environment(self.folder.name),
            start_new_session=True,
        )
        # Threads, since a candidate may neither read nor write, and we have to go on.
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._listen, self._talk)]
        for thread in self.threads:
            thread.start()

    def __enter__(self) -> "Candidate":
        try:
            self._wait()
        except BaseException as error:
            self.__exit__()
            raise NotStarted(f"no process for it could be started: {error}") from None
        self.usual, self.left = self._memory(), self.limits.seconds
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.outbox.put(None)
        while any(thread.is_alive() for thread in self.threads):
            with contextlib.suppress(queue.Empty):
                self.inbox.get(timeout=0.05)
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self.folder.cleanup()

    def define(self, source: str, filename: str, name: str) -> None:
        """Run the learner's lines, after which `name` is the function to judge.

        Raises:
            Stopped: if an error, a limit or an exit ends them.
        """
        self.source, self.filename = source, filename
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        try:
            answer = self._ask("define", source, filename, name)
        except Exception as error:
            raise Stopped(f"its cells raised {type(error).__name__}: {error}") from None
        if not answer.get("callable"):
            raise Stopped(f"{name} is no function, but of type {answer.get('type')}")
        if answer.get("code"):  # for the names of the arguments, which hints mention
            self.__code__ = self._code(*answer["code"])

    def _code(self, name: str, line: int) -> CodeType:
        todo = [compile(self.source, self.filename, "exec")]
        for code in todo:
            if (code.co_name, code.co_firstlineno) == (name, line):
                return code
            todo += [c for c in code.co_consts if isinstance(c, CodeType)]
        return ANY_CODE

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        number, values = self.calls, [*args, *named.values()]
        answer = self._ask("call", number, self._pickled((args, named)))
        try:
            for i, value in answer["changed"].items():
                values[int(i)].data = wire.decode(value)
            self._take_over(answer["states"])
            result, differentiable = wire.decode(answer["result"]), answer["differentiable"]
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise Stopped(f"its process sent what is no result ({type(error).__name__})") from None
        if not (differentiable and isinstance(result, Tensor)):
            return result
        inputs = [t for v in values for t in (v.parameters() if isinstance(v, nn.Module) else [v])]
        inputs = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]

        def gradients(gradient: Tensor) -> list[Any]:
            found = [wire.decode(g) for g in self._ask("backward", number, gradient)["gradients"]]
            return found if len(found) == len(inputs) else [None] * len(inputs)

        return _Differentiable.apply(result, gradients, *inputs)

    def _take_over(self, states: dict[str, Any]) -> None:
        """What happened to the modules there, happens here: weights, and the checks' records."""
        for number, state in states.items():
            module = self.modules[int(number)]
            module.load_state_dict({k: wire.decode(v) for k, v in state["weights"].items()})
            for name, value in state["plain"].items():
                here, there = vars(module).get(name), wire.decode(value)
                if not name.startswith("_") and type(here) is type(there):
                    setattr(module, name, there)

    def _pickled(self, value: Any) -> bytes:
        file = io.BytesIO()
        Pickler(file, self.modules, self.functions).dump(value)
        return file.getvalue()

    def _ask(self, *request: Any) -> dict[str, Any]:
        """Send a request, serve what the candidate calls back, and return its answer.

        Raises an error of the learner's function again, as if it had been raised here.
        """
        self.outbox.put(pickle.dumps(request))
        while True:
            answer = self._wait()
            if "callback" in answer:
                self.outbox.put(pickle.dumps(self._called_back(answer)))
            elif "error" in answer:
                raise self._error(answer["error"])
            else:
                return answer

    def _called_back(self, request: dict[str, Any]) -> tuple[str, Any]:
        self.called_back += 1
        if self.called_back > CALLS_BACK:
            raise Stopped(f"called what it was given more than {CALLS_BACK} times")
        try:
            args, named = wire.decode(request["args"]), wire.decode(request["kwargs"])
            return "result", self._pickled(self.functions[request["callback"]](*args, **named))
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"

    def _error(self, told: Any) -> Exception:
        """The learner's error, with their line in its traceback."""
        try:
            names = [str(name)[:80] for name in told["names"]]
            text, line = str(told["text"]), int(told["line"][0])
            known = (vars(builtins).get(name) for name in names)
            bases = (c for c in known if isinstance(c, type) and issubclass(c, Exception))
            base = next(bases, Exception)
            own = {"__str__": lambda _: text, "__init__": lambda *_: None}
            error = type(names[0], (base,), own)(*([text] if told["args"] else []))
        except (KeyError, TypeError, ValueError, IndexError):
            raise Stopped("its process sent what is no error") from None
        if 0 < line <= len(self.source.splitlines()):
            at_their_line = "\n" * (line - 1) + "raise error"
            try:
                exec(compile(at_their_line, self.filename, "exec"), {"error": error})
            except Exception:  # now it has their line in its traceback
                return error
        return error

    def _listen(self) -> None:
        try:
            while True:
                self.inbox.put(wire.receive(self.process.stdout))
        except (EOFError, OSError, ValueError, MemoryError) as error:
            self.inbox.put(error)

    def _talk(self) -> None:
        with contextlib.suppress(OSError):  # it is gone, which waiting for its answer will tell
            while (message := self.outbox.get()) is not None:
                wire.send(self.process.stdin, message)

    def _wait(self) -> dict[str, Any]:
        """The next message, if it comes within the limits."""
        while True:
            start = time.monotonic()
            try:
                message = self.inbox.get(timeout=0.1)
            except queue.Empty:
                message = None
            self.left -= time.monotonic() - start
            if isinstance(message, wire.Unreadable):
                raise Stopped(f"returned {message}")
            if isinstance(message, Exception) or (message is None and self._ended()):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=2)
                status = self.process.returncode
                raise Stopped(f"its process ended before it returned (exit status {status})")
            if message is not None:
                try:
                    return wire.loads(message)
                except wire.Unreadable as error:
                    raise Stopped(f"its process sent {error}") from None
            if self.left < 0:
                raise Stopped(f"stopped after {self.limits.seconds:g} s: an endless loop?")
            if hasattr(self, "usual") and self._memory() - self.usual > self.limits.memory * 2**30:
                raise Stopped(f"stopped: it needs more than {self.limits.memory:g} GiB of memory")

    def _ended(self) -> bool:
        return self.process.poll() is not None and self.inbox.empty()

    def _memory(self) -> int:
        """Bytes in use by the candidate and what it started."""
        used = 0
        with contextlib.suppress(psutil.Error):
            one = psutil.Process(self.process.pid)
            for process in (one, *one.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    used += process.memory_info().rss
        return used
