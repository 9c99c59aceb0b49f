"""Name true solutions by all that they depend on."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from pinndd.pinn.declare.modules import checksum_of, module_folders
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.sets.condition_code import grid_values

_NODES, _PLACES, _SEED = 17, 64, 45
"""Nodes along every coordinate of a patch, and places between them, by whose values conditions are told apart."""

_LIBRARIES = ("torch", "numpy", "scipy", "scikit-fem", "deepxde")
"""Whose versions the numbers depend on."""

_PARTS = ("pinn", "learners")
"""Folders of this package that solutions are computed by, beside its files."""


def key_of(pde: PDE, solver: str, values: BoundaryValues, points: Tensor | None = None) -> str | None:
    """Return a SHA-256 of all that a solution depends on; None for a PDE that no module on disk defines.

    That is: the module and what it imports and reads, this package, versions of libraries, who solves, the conditions and the points.

    Args:
        pde: the equation; one that was made in a script, or changed since it was loaded, has no key.
        solver: who solves, and how.
        values: the boundary conditions.
        points: where the solution is asked, ``(Q, d)`` (None: the result depends on none).
    """
    if pde.source is None:
        return None
    asked = "" if points is None else _hash_of(points)
    source = pde.source
    parts = [source.module, source.checksum, source.dependencies, *_code(), solver, fingerprint(values), asked]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def fingerprint(values: BoundaryValues) -> str:
    """Return a name of boundary conditions that depends on their values and coefficients alone."""
    ensemble, coefficients = values.ensemble, values.coefficients.detach().cpu().double()
    generator = torch.Generator().manual_seed(_SEED)
    found = [_hash_of(coefficients)]
    for name, table in grid_values(ensemble, coefficients, _NODES).items():
        # a sine may be zero at every node of a grid
        patch = ensemble.patches[name]
        s = patch.drawn(_PLACES, generator)
        found += [name, _hash_of(table), _hash_of(ensemble.value(name, coefficients[:, None, :], s))]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _hash_of(tensor: Tensor) -> str:
    array = tensor.detach().cpu().double().contiguous().numpy()
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


@lru_cache(maxsize=1)
def _code() -> tuple[str, ...]:
    """Return hashes of the files of this package, and versions of libraries."""
    package = Path(__file__).resolve().parents[2]
    files = [*package.glob("*.py"), *(file for part in _PARTS for file in (package / part).rglob("*.py"))]
    files += [file for folder in module_folders() for file in folder.glob("*.py")]
    hashes = [f"{file.name} {checksum_of(file.read_bytes())}" for file in sorted(files)]
    return *hashes, *(f"{name} {_version(name)}" for name in _LIBRARIES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
