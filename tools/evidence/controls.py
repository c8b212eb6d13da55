"""What each headline claim is measured against: its control, and its strongest simple rival.

A control shows what the measure says where the effect is known to be absent (or present); a rival
is the simplest thing that might do as well. The last entry is a piece of the check that holds it.
"""

from typing import NamedTuple


class Controlled(NamedTuple):
    """A claim in words, what it is measured against, and a piece of its check."""

    claim: str
    control: str
    rival: str
    check: str


CONTROLS: dict[str, list[Controlled]] = {
    "01_autoencoder": [
        Controlled(
            "a curved surface copies better than a flat one",
            "the mean image as the answer to everything",
            "PCA with as many numbers",
            "ae_error < pca_error",
        ),
        Controlled(
            "the share of empty grid cells says nothing of holes",
            "a cloud without holes, as many points",
            "-",
            "control > 0.35",
        ),
        Controlled(
            "the codes have gaps for one Gaussian, hardly any for a mixture",
            "other real codes; a Gaussian cloud and the Gaussian fitted to it",
            "mixtures of 10 and of 50",
            "astray['mixture of 50']",
        ),
        Controlled(
            "a density fitted afterwards generates; N(0, I) does not",
            "real digits; copies of real digits",
            "one Gaussian fitted to the same codes",
            "frechet[best] < frechet[plain]",
        ),
        Controlled(
            "the larger code with a good density is the better generator",
            "copies at each size",
            "the same mixture at the smaller sizes, equal epochs",
            "frechet[best] < frechet[small]",
        ),
    ],
}


def table() -> list[str]:
    """The lines of the table in docs/evidence.md."""
    lines = [
        "| notebook | claim | control | strongest simple rival | held by |",
        "|---|---|---|---|---|",
    ]
    for name, rows in CONTROLS.items():
        for row in rows:
            check = row.check.replace("|", "\\|")
            lines.append(f"| {name[:2]} | {row.claim} | {row.control} | {row.rival} | `{check}` |")
    return lines
