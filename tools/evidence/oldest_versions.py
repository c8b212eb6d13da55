"""Print constraints that pin each requirement of the package to its lower bound."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
for requirement in project["project"]["dependencies"]:
    print(requirement.replace(">=", "=="))
