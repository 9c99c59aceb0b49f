"""What tables and reports say about the units of an error."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.truth import typical_sizes


def truth_in_words(errors: Sequence[Tensor | None]) -> str:
    """Say where the truth comes from, a sentence; empty where it is that of a reference.

    Args:
        errors: estimated errors of the truth, ``(B,)`` for every family of test conditions.
    """
    known = torch.cat([e for e in errors if e is not None]) if any(e is not None for e in errors) else None
    if known is None:
        return ""
    return (
        "No reference is declared: errors are measured against our own dense solution, whose estimated relative error is "
        f"{float(known.median()):.1e} (median over the test conditions; largest {float(known.max()):.1e}). Smaller differences "
        "decide nothing."
    )


def scale_in_words(pde: PDE) -> str:
    """Say in what errors are measured, a sentence or two; empty where they are relative errors of u itself."""
    said = []
    if pde.output_count > 1:
        sizes = [
            f"{name} {size:.2g} {pde.units.get(name, '')}".rstrip()
            for name, size in zip(pde.components, typical_sizes(pde).tolist(), strict=True)
        ]
        said.append(
            "The error is that of all components together, each divided by its typical size in the training family: "
            f"{', '.join(sizes)}."
        )
    if pde.up_to_constant:
        verb = "is" if len(pde.up_to_constant) == 1 else "are"
        said.append(f"{' and '.join(pde.up_to_constant)} {verb} judged up to a constant.")
    if pde.ensemble().has_mean:
        said.append("Errors are relative to the deviation from the solution for the mean conditions.")
    return " ".join(said)
