"""Kind and conditions of the packaged PDEs, kept in a file beside their modules: to load them all takes seconds.

``python -m pinndd.terminal.catalogue`` writes the file anew. A module that is not in it, or has changed since, is loaded; so are all
where the file is damaged.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from pinndd.pinn.declare.modules import PDEModuleError, checksum_of, module_files

FILE = "index.json"


class _Line(msgspec.Struct):
    """What is known of a module whose text has this checksum."""

    sha256: str
    kind: str
    conditions: str


def line_of(path: Path) -> tuple[str, str]:
    """Return kind and conditions of a PDE in a few words, from the file beside its module or from the module itself."""
    known = _index(path.parent).get(path.stem)
    if known is not None and known.sha256 == checksum_of(path.read_bytes()):
        return known.kind, known.conditions
    return loaded_line(path)


def loaded_line(path: Path) -> tuple[str, str]:
    """Return kind and conditions of a PDE in a few words; the module is loaded."""
    from pinndd.pinn.declare.loading import load_pde
    from pinndd.terminal.describing import kind

    try:
        pde = load_pde(path)
        return kind(pde), ", ".join(dict.fromkeys(c.kind for c in pde.conditions))
    except ValueError as error:
        return "does not load", f"{str(error)[:40]}..."


def write_index(folder: Path) -> None:
    """Write the file anew for all modules of a folder.

    Raises:
        PDEModuleError: one of them does not load.
    """
    found = {}
    for path in sorted(p for p in folder.glob("*.py") if not p.stem.startswith("_")):
        kind, conditions = loaded_line(path)
        if kind == "does not load":
            raise PDEModuleError(f"module {path} does not load: {conditions}")
        found[path.stem] = {"sha256": checksum_of(path.read_bytes()), "kind": kind, "conditions": conditions}
    from pinndd.storage.writing import write_json

    write_json(folder / FILE, found)


def _index(folder: Path) -> dict[str, _Line]:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=dict[str, _Line])
    except (OSError, ValueError, RecursionError):
        return {}


if __name__ == "__main__":
    for where in sorted({path.parent for path in module_files().values()}):
        write_index(where)
        print(f"wrote {where / FILE}")
