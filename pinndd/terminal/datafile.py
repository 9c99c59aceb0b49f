"""Open a distilled set together with the PDE that it was distilled for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from pinndd.data import DataFileError, SyntheticData
from pinndd.outer_loop import divergence
from pinndd.pinn.declare.loading import difference, load_pde, load_remembered
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import older_weights
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.stored import require_fits
from pinndd.study.protocols.words import STATED
from pinndd.terminal.errors import warn


@dataclass(frozen=True)
class DataFile:
    """A distilled set, its PDE and its protocol."""

    data: SyntheticData
    pde: PDE
    protocol: str


def is_of_task(path: Path) -> bool:
    """Whether a file holds a set of a stated task; a file that cannot be read is of none."""
    try:
        return SyntheticData.load(path).header.get("protocol") == STATED
    except (OSError, ValueError):
        return False


def open_data(path: Path, module: str | None) -> DataFile:
    """Read a distilled set and load its PDE.

    Args:
        path: of the ``.npz``.
        module: name or path of the PDE module, which is executed (None: what the set remembers, if that is safe, see
            `pinndd.pinn.declare.loading.load_remembered`).

    Raises:
        FileNotFoundError: there is no such file.
        DataFileError: it is damaged or foreign.
        PDEModuleError: the PDE is not found, or its module has moved or was edited.
        ValueError: the set was distilled for another PDE, for classification, or does not say for which.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        data = SyntheticData.load(path)
    protocol, name = data.header.get("protocol"), data.header.get("pde")
    if "evaluation" in data.header:
        raise ValueError(
            f"{path} was distilled for classification, not for a PDE: evaluate it from Python, "
            "pinndd.study.classification.evaluate(path, dataset)"
        )
    if protocol == STATED:
        raise ValueError(
            f"{path} is the set of the stated task {data.header.get('task')!r}, and this command is for those of PDEs: "
            "'pinndd evaluate' and 'pinndd export' take it"
        )
    if protocol is None or name is None:
        raise ValueError(f"{path} does not say for which PDE and protocol it was distilled: distill it again")
    if protocol not in NAMES:
        raise DataFileError(f"{path} has the header.protocol {protocol!r}, expected one of {', '.join(NAMES)}: distill it again")
    pde = load_remembered(data.header, path) if module is None else load_pde(module)
    if pde.name != name:
        raise ValueError(f"{path} was distilled for the PDE {name!r}, --pde gives {pde.name!r}: name the module of {name!r}")
    require_fits(protocol_named(protocol), pde, data, path)
    for each in told:
        warn(each.message)
    if said := difference(pde, data.header, path, given=module is not None):
        warn(said)
    for said in filter(None, (divergence(data), older_weights(data))):
        warn(f"{path}: {said}")
    return DataFile(data, pde, protocol)
