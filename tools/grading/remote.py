"""A learner's function as its judge sees it: called here, run in a process of its own."""

import builtins
import io
import linecache
import pickle
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from grading import wire
from grading.process import Limits, Process, Stopped

try:
    import cloudpickle  # scikit-learn's joblib brings it along
except ImportError:  # older versions of joblib carry it inside
    from joblib.externals import cloudpickle

CALLS_BACK = 500
ANY_CODE = (lambda *args, **kwargs: None).__code__


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
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return None, None, *ctx.ask(gradient)


class Candidate(Process):
    """Use as a context manager; `define` a function, then call this like the function."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.modules: list[nn.Module] = []
        self.functions: list[Callable[..., Any]] = []
        self.source, self.filename = "", ""
        self.calls = self.called_back = 0

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
            answer = self.wait()
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
