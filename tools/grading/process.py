"""A process for one learner's function: started with limits, listened to, ended."""

import contextlib
import functools
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

from grading import wire

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds until torch is imported, on a busy machine
NAMESPACES = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]
KEPT = {"PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"}


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


class Process:
    """Use as a context manager: `outbox.put` a message, `wait` for the next one."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.left = limits, float(PATIENCE)
        self.inbox: queue.Queue[bytes | Exception] = queue.Queue(maxsize=2)
        self.outbox: queue.Queue[bytes | None] = queue.Queue()
        # Windows keeps a folder as long as a process sits in it.
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

    def __enter__(self) -> Self:
        try:
            self.wait()
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
        end = time.monotonic() + 5  # somebody it has started may hold the pipe
        while any(thread.is_alive() for thread in self.threads) and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                self.inbox.get(timeout=0.05)
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self.folder.cleanup()

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

    def wait(self) -> dict[str, Any]:
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
