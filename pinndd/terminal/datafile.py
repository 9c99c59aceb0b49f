"""Open a distilled set together with the PDE that it was distilled for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE

MODULE = "module"
"""Header entry: name or path of the PDE module, as it was typed."""


@dataclass(frozen=True)
class DataFile:
    """A distilled set, its PDE and its protocol."""

    data: SyntheticData
    pde: PDE
    protocol: str


def open_data(path: Path, module: str | None) -> DataFile:
    """Read a distilled set and load its PDE.

    Args:
        path: of the ``.npz``.
        module: name or path of the PDE module (None: what the set itself says).

    Raises:
        FileNotFoundError: there is no such file.
        DataFileError: it is damaged or foreign.
        PDEModuleError: the PDE is not found.
        ValueError: the set was distilled for another PDE, for classification, or does not say for which.
    """
    data = SyntheticData.load(path)
    protocol, name = data.header.get("protocol"), data.header.get("pde")
    if "evaluation" in data.header:
        raise ValueError(
            f"{path} was distilled for classification, not for a PDE: evaluate it from Python, "
            "pinndd.study.classification.evaluate(path, dataset)"
        )
    if protocol is None or name is None:
        raise ValueError(f"{path} does not say for which PDE and protocol it was distilled: distill it again")
    pde = load_pde(module or str(data.header.get(MODULE, name)))
    if pde.name != name:
        raise ValueError(f"{path} was distilled for the PDE {name!r}, --pde gives {pde.name!r}: name the module of {name!r}")
    return DataFile(data, pde, str(protocol))
