"""Progress bars that vanish when done, in a terminal and in a notebook."""

import sys
from typing import Any

from tqdm import tqdm


class _NotebookLine:
    """File-like target for tqdm: one notebook output, rewritten in place, empty at the end.

    tqdm's own notebook bar leaves a dead widget behind in saved notebooks; this leaves nothing.
    """

    def __init__(self) -> None:
        self.handle: Any = None

    def write(self, text: str) -> None:
        from IPython.display import display

        line = text.strip("\r\n ")
        if self.handle is not None:
            self.handle.update({"text/plain": line} if line else {}, raw=True)
        elif line:
            self.handle = display({"text/plain": line}, raw=True, display_id=True)

    def flush(self) -> None:
        pass


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def progress_bar(
    total: int, description: str, unit: str, disable: bool = False, delay: float = 0
) -> Any:
    """Return a tqdm bar on stderr, or in the notebook's output area, gone once it is closed.

    It appears after `delay` seconds.
    """
    target = _NotebookLine() if _in_notebook() and not disable else sys.stderr
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        disable=disable,
        leave=False,
        file=target,
        ncols=80,
        mininterval=0.5,
        delay=delay,
    )
