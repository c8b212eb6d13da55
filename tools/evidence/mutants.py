"""After `mutmut run`: how many mutants the unit tests killed, and why the others live.

Writes docs/mutants.md. Fails if a module is below the bar, or a survivor has no reason.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BAR = 0.95
# A test failed, a Ctrl-C got out of a test that sends one, or the mutant hung or crashed.
KILLED = {1, 2, 3, -24, 24, 36, 152, 255}
# What a surviving line looks like, and why no test can tell it from the original.
REASONS = {
    r"\b1001\b": "how many images at a time: memory, and which noise they get",
    r"zip\(.*(strict=(None|False)|, \))": "a precaution: all are equally long by construction",
    r"usedforsecurity|md5\(raw, \)": "differs on machines that forbid MD5 only",
    r"i, None, optim": "differs on a GPU only: on the CPU, every loss is looked at",
    r"(stored|dtype), (device=None)?\)|device=None\)\.resh|to\(None\)": "differs on a GPU only",
    r"(is_cpu|== .cpu.)\) or True|else (16 /|17 \*|20001)": "differs on a GPU only",
    r"max\(2, most": "how many rows at a time: memory",
    r"precision\(None\)": "differs on processors that multiply in bfloat16 only",
    r"shade in \(1, 1[67], 12[89]\)|corner >(= 127| 128)": "another shade off, as good as this one",
    r"corner = .*astype\(None\)": "shades as floats, and the same bytes in the end",
    r"ends = .*(len\(stack\) \+ 2|astype\(None\))": "a time too many, or not rounded: as good",
    r"missing_ok": "the unfinished file is always there",
    r"improps": "the format is told from the data, too",
    r"refresh=None": "as false as False",
    r"2 if patience is None": "it stands for patience in a check that any count passes",
    r"<= 1e-6": "no two codes meet at exactly this sine",
}


def survivor(name: str) -> tuple[str, str]:
    """The line of the original and that of the mutant."""
    command = [str(Path(sys.executable).parent / "mutmut"), "show", name]
    diff = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    old, new = (
        " ".join(s[1:].strip() for s in diff.splitlines() if re.match(rf"\{sign}[^{sign}]", s))
        for sign in "-+"
    )
    return old, new


def main() -> int:
    rows, lines, failed = [], [], False
    for file in sorted((ROOT / "mutants" / "vae_helpers").glob("*.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not codes:
            continue
        killed = sum(code in KILLED for code in codes.values())
        module = file.name.removesuffix(".py.meta")
        rows.append(f"| {module} | {len(codes)} | {killed} | {killed / len(codes):.1%} |")
        failed |= killed / len(codes) < BAR
        for name, code in codes.items():
            if code in KILLED:
                continue
            old, new = survivor(name)
            reason = next((why for line, why in REASONS.items() if re.search(line, new)), "?")
            failed |= reason == "?"
            cells = (text.replace("|", "\\|") for text in (old, new))
            lines.append(f"| {module} | {' | '.join(f'`{c}`' for c in cells)} | {reason} |")
    text = "\n".join(
        [
            "# Mutants",
            "",
            "`make mutants` changes the package a little, one place at a time, and runs the unit",
            "tests on each mutant. A mutant that no test notices is a gap in the tests, unless it",
            "does the same as the original.",
            "",
            "| module | mutants | killed | share |",
            "|---|---|---|---|",
            *rows,
            "",
            "The survivors, and why no test on a CPU notices them:",
            "",
            "| module | original | mutant | reason |",
            "|---|---|---|---|",
            *lines,
        ]
    )
    print(text)
    (ROOT / "docs" / "mutants.md").write_text(text + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
