"""Re-train what the notebooks claim, seed after seed, and say how far each claim is from failing.

Each run executes a notebook with another SEED; every comparison in a check is recorded instead
of asserted. Then each notebook runs with a plausible break, to see which checks notice.
Results of single runs lie in build/evidence/, so that an interrupted call goes on where it stopped;
the summary is docs/evidence.json and docs/evidence.md.
"""

import argparse
import ast
import hashlib
import json
import math
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import controls
import nbformat
from breaks import BREAKS
from nbclient import NotebookClient
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from run_notebooks import notebooks_named  # noqa: E402
from workers import environment, n_cores, n_workers  # noqa: E402

RUNS = ROOT / "build" / "evidence"
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
PRELUDE = r"""
import json, math, torch
import vae_helpers as vh
vh.show = vh.show_gif = lambda *a, **k: None
_claims = {}

def _claim(key, left, sign, right):
    # keep the pair of numbers that is closest to failing
    if isinstance(left, list):  # equal, or not
        left, right = 0.0, float(left != right)
    pair = torch.broadcast_tensors(*(torch.as_tensor(v).double().cpu() for v in (left, right)))
    margins = (pair[1] - pair[0]) * (1 if sign in ("<", "<=") else -1)
    here = margins.flatten().nan_to_num(nan=-math.inf).argmin()
    found = [v.flatten()[here].item() for v in pair] + [margins.flatten()[here].item()]
    if key not in _claims or not found[2] >= _claims[key][2]:
        _claims[key] = found
    return True

"""


class Claim(NamedTuple):
    """A comparison: the assertion's text, its sign, and the constants added to either side."""

    text: str
    sign: str
    left: float
    right: float


def split(side: ast.expr) -> tuple[ast.expr, float]:
    """A side of a comparison as an expression and the constant that is added to it."""
    try:
        return ast.Constant(0.0), float(ast.literal_eval(side))
    except (TypeError, ValueError):  # it is more than a number
        pass
    if isinstance(side, ast.BinOp) and isinstance(side.right, ast.Constant):
        if isinstance(side.op, ast.Add):
            return side.left, side.right.value
        if isinstance(side.op, ast.Sub):
            return side.left, -side.right.value
    return side, 0.0


class Recorder(ast.NodeTransformer):
    """Turns what an assert or an entry of a dict compares into a recorded comparison.

    Such asserts become bare expressions, so that a run goes on after a claim that fails. Constants
    stay out of the record: after a change of a limit, the runs need not be repeated.
    """

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self.claims: dict[str, Claim] = {}

    def recorded(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.BoolOp):
            return ast.BoolOp(node.op, [self.recorded(value) for value in node.values])
        known = isinstance(node, ast.Compare) and all(type(op) in COMPARISONS for op in node.ops)
        if not known:
            return node
        sides = [node.left, *node.comparators]
        text, calls = ast.unparse(node), []
        for left, op, right in zip(sides, node.ops, sides[1:]):
            sign = COMPARISONS[type(op)]
            a = b = 0.0
            if sign != "==":
                (left, a), (right, b) = split(left), split(right)
            key = f"{self.cell}: {ast.unparse(left)} {sign} {ast.unparse(right)}"
            self.claims[key] = Claim(text, sign, a, b)
            arguments = [ast.Constant(key), left, ast.Constant(sign), right]
            calls.append(ast.Call(ast.Name("_claim", ast.Load()), arguments, []))
        return calls[0] if len(calls) == 1 else ast.BoolOp(ast.And(), calls)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        test = self.recorded(node.test)
        return node if test is node.test else ast.Expr(test)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        return ast.Dict(node.keys, [self.recorded(value) for value in node.values])


def sources(
    path: Path, slips: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[str], dict[str, Claim]]:
    """The notebook's code cells, less the exercises, with recording checks; and the claims."""
    cells = nbformat.read(path, as_version=4).cells
    for right, wrong in slips.items():
        assert any(right in cell.source for cell in cells), f"{path.stem} has no line {right!r}"
        for cell in cells:
            cell.source = cell.source.replace(right, wrong)
    code, claims = [], {}
    for number, cell in enumerate(cells, start=1):
        exercise = "NotImplementedError" in cell.source
        if cell.cell_type != "code" or exercise or "solution" in cell.metadata.get("tags", []):
            continue
        if "assert " in cell.source:
            recorder = Recorder(number)
            tree = recorder.visit(ast.parse(cell.source))
            code.append(ast.unparse(ast.fix_missing_locations(tree)))
            claims |= recorder.claims
        else:
            code.append(cell.source)
    return code, claims


def run(path: Path, seed: int, fault: str = "") -> dict[str, list[float]]:
    """Execute a notebook with this seed, and return key -> [left, right], constants left out."""
    prelude, slips = BREAKS[path.stem][fault] if fault else ("", {})
    code, _ = sources(path, slips)
    text = "\n".join([*code, prelude])
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    file = RUNS / f"{path.stem}-{fault.replace(' ', '-') or 'sound'}-{seed}-{digest}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    code = [source.replace("SEED = 0\n", f"SEED = {seed}\n") for source in code]
    code = [PRELUDE + prelude, *code, "print(json.dumps(_claims))"]
    cells = [nbformat.v4.new_code_cell(source) for source in code]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=None, allow_errors=True)
    client.extra_arguments = ["--log-level=ERROR"]
    client.execute(env=environment(n_cores()))  # a thread each, so that runs are alike
    text = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    claims = json.loads(text)
    file.write_text(json.dumps(claims, indent=1), encoding="utf-8")
    return claims


def margin(claim: Claim, found: list[float] | None) -> float:
    """Distance from failing; minus infinity where the cell raised an error."""
    if found is None:
        return -math.inf
    left, right = found[0] + claim.left, found[1] + claim.right
    if claim.sign == "==":
        return math.inf if left == right else -math.inf
    return right - left if claim.sign in ("<", "<=") else left - right


def summary(path: Path, seeds: list[int]) -> list[dict]:
    """A row a claim: worst and best margin over the seeds, and the breaks that it notices."""
    _, claims = sources(path)
    sound = {seed: run(path, seed) for seed in seeds}
    broken = {fault: run(path, 0, fault) for fault in BREAKS[path.stem]}
    rows = {}
    for key, claim in claims.items():
        margins = {seed: margin(claim, sound[seed].get(key)) for seed in seeds}
        worst, best = (choose(margins, key=margins.get) for choose in (min, max))
        found = [sound[seed][key] for seed in seeds if key in sound[seed]]
        noticed = [f for f in broken if not margin(claim, broken[f].get(key)) > 0]
        row = {
            "notebook": path.stem, "cell": int(key.split(": ")[0]), "claim": claim.text,
            "values": [left + claim.left for left, _, _ in found],
            "limits": [right + claim.right for _, right, _ in found],
            "worst": [margins[worst], worst], "best": [margins[best], best],
            "noticed": noticed,
        }  # fmt: skip
        # Of a chain, a < b < c, the link that is closest to failing is shown.
        other = rows.setdefault((row["cell"], claim.text), row)
        row["noticed"] = other["noticed"] = sorted({*noticed, *other["noticed"]})
        if row["worst"] < other["worst"]:
            rows[row["cell"], claim.text] = row
    return list(rows.values())


def table(rows: list[dict], n: int) -> str:
    lines = [
        "# Evidence",
        "",
        f"Every size that a check compares, over {n} seeds. *Left* and *limit* are the sides",
        "of the comparison; the *margin* is the distance between them, in the same unit, with the",
        "seed that gave it. Below zero the claim fails; `inf` stands for an exact equality that",
        "held. Of a loop, an array or a chain (a < b < c), the comparison that is closest to",
        "failing is shown.",
        "",
        "The last column names the breaks (`breaks.py`) that make the claim fail: models left",
        "*untrained*, the *KL dropped* from the loss, *beta 10* instead of 1, *labels shuffled*,",
        "or *slips*: plausible mistakes in many cells at once, such as a lost factor or a wrong",
        "sign. Made by `make evidence`.",
        "",
        "| notebook, cell | claim | left, range | limit, range | worst margin | best | noticed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ranges = [
            f"{min(v):.4g} to {max(v):.4g}" if None not in v else "-"
            for v in (row["values"], row["limits"])
        ]
        worst, best = (f"{row[k][0]:.3g} (seed {row[k][1]})" for k in ("worst", "best"))
        claim = row["claim"].replace("|", "\\|")
        place = f"{row['notebook'][:2]}, {row['cell']}"
        noticed = ", ".join(row["noticed"])
        lines.append(
            f"| {place} | `{claim}` | {' | '.join(ranges)} | {worst} | {best} | {noticed} |"
        )
    lines += ["", "## Controls and rivals", "", *controls.table()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks (part of the name); default: all")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=n_workers(), help="runs side by side")
    options = parser.parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    paths = notebooks_named(options.names)
    seeds = list(range(options.seeds))
    todo = [(path, 0, fault) for path in paths for fault in BREAKS[path.stem]]
    todo += [(path, seed, "") for seed in seeds for path in paths]
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, *job) for job in todo]
        for done in tqdm(as_completed(waiting), total=len(waiting), unit="run"):
            done.result()
    store = ROOT / "docs" / "evidence.json"
    stored = json.loads(store.read_text(encoding="utf-8")) if store.exists() else []
    named = {path.stem for path in paths}
    rows = [row for row in stored if row["notebook"] not in named]  # those stand as they are
    rows += [row for path in paths for row in summary(path, seeds)]
    rows.sort(key=lambda row: (row["notebook"], row["cell"]))
    text = table(rows, len(seeds))
    print(text)
    store.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    store.with_suffix(".md").write_text(text, encoding="utf-8")
    return 1 if any(row["worst"][0] <= 0 for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
