"""Progress bars that vanish when done, in a terminal and in a notebook."""

import sys
from typing import Any

from tqdm import tqdm


class _NotebookLine:
    """File-like target for tqdm: one notebook output, rewritten in place, empty at the end.

    tqdm's own notebook bar leaves a dead widget behind in saved notebooks; this leaves nothing.
    """

    def __init__(self) -> None:
        from IPython.display import display

        self.handle: Any = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        self.handle.update({"text/plain": line} if line else {}, raw=True)

    def flush(self) -> None:
        pass


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def progress_bar(total: int, description: str, unit: str, disable: bool = False) -> Any:
    """Return a tqdm bar on stderr, or in the notebook's output area, gone once it is closed."""
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
    )
