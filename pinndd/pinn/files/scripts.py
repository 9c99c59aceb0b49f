"""The points of a distilled set as a script that trains on them: in DeepXDE, or in a plain loop of PyTorch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from pinndd.data import SyntheticData
from pinndd.pinn.declare.conditions import Condition, Initial, Neumann, Robin
from pinndd.pinn.declare.modules import module_files
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.files.points import weight_columns, write_csv
from pinndd.pinn.sets.collocation import point_counts
from pinndd.pinn.sets.points import is_amortised
from pinndd.storage.writing import write_atomically

FRAMEWORKS: Mapping[str, str] = {"deepxde": "DeepXDE", "torch": "a plain loop of PyTorch"}
"""Names of what a script can be written for, and what they mean."""

_SEED = 0


@dataclass(frozen=True)
class _Line:
    """What the script says of one condition.

    Attributes:
        name: of the condition.
        says: what it gives the values of, for people: ``u``, ``∂u/∂t``.
        component: output of the network, where it gives the value itself; else None.
        operator: an expression of ``x`` and ``u`` for anything else.
    """

    name: str
    says: str
    component: int | None
    operator: str


def write_script(pde: PDE, data: SyntheticData, path: Path | str, framework: str) -> tuple[Path, Path]:
    """Write a script that trains a network on a distilled set, and the points that it reads, beside it.

    The script takes residual and domain from the PDE module, by its packaged name, or by its path from the script. The values of
    every condition are functions at its top, to be edited; those that stand there are one draw of the training family. With
    the weights that it gives to the losses, the loss is that of pinndd, up to one factor in DeepXDE.

    Args:
        pde: the equation that the set was distilled for, loaded from its module.
        data: a set of the retrain or the sensor protocol.
        path: of the script; the points go to the same name with ``.csv``. Its folder is made if it is not there.
        framework: ``deepxde`` or ``torch``.

    Returns:
        The two files.

    Raises:
        ValueError: there is no such framework, the set has no interior points, its points come with conditions of their own, or the
            PDE was not loaded from a module.
    """
    path = Path(path)
    require_script(pde, data, framework)
    assert pde.source is not None
    interior, boundary = point_counts(pde, data)
    text = _template(framework).render(
        title=pde.title or pde.name,
        seed=_SEED,
        interior=interior,
        boundary=boundary,
        module=_module(pde.source.module, path),
        coordinates=list(pde.box.names),
        lines=_lines(pde),
        joined=[c.name for c in pde.valued if c.joins],
        periodic=bool(pde.periodic_axes),
        columns=_columns(pde),
        inputs=pde.box.dimension + len(pde.periodic_axes),
        outputs=pde.output_count,
        weights=weight_columns(pde),
        time=pde.box.has_time,
    )
    points = path.with_suffix(".csv")
    write_csv(pde, data, points)
    with write_atomically(path) as file:
        file.write(text.encode(errors="surrogateescape"))
    return path, points


def require_script(pde: PDE, data: SyntheticData, framework: str) -> None:
    """Make sure that a script can be written (arguments as in `write_script`).

    Raises:
        ValueError: it cannot.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework {framework!r}: there is none of that name; expected {', '.join(FRAMEWORKS)}")
    if is_amortised(pde, data):
        raise ValueError(
            f"PDE {pde.name!r}: every point of this set comes with a condition of its own, and a script trains for one; export the "
            "set as CSV, or train with pinndd.pinn.deepxde.exporting.to_deepxde"
        )
    if pde.source is None:
        raise ValueError(
            f"PDE {pde.name!r} was not loaded from a module, or was changed since; write it into a file, and load that with "
            "pinndd.load_pde"
        )


def _module(module: str, script: Path) -> str:
    """An expression for the module: its packaged name, or its path from the script."""
    if module in module_files():
        return _quoted(module)
    relative = Path(os.path.relpath(module, script.resolve().parent)).as_posix()
    return f"Path(__file__).parent / {_quoted(relative)}"


def _columns(pde: PDE) -> list[str]:
    """What the network sees, of coordinates ``s`` scaled to [-1, 1]: a periodic one by its cosine and sine."""
    columns = [(f"s[:, {k}:{k + 1}]", k in pde.periodic_axes) for k in range(pde.box.dimension)]
    return [f"torch.cos(torch.pi * {s}), torch.sin(torch.pi * {s})" if periodic else s for s, periodic in columns]


def _lines(pde: PDE) -> list[_Line]:
    return [_Line(c.name, _says(pde, c), pde.operators[c.name].component, _operator(pde, c)) for c in pde.valued]


def _says(pde: PDE, condition: Condition) -> str:
    operator = pde.operators[condition.name]
    if isinstance(condition, Neumann | Robin | Initial) or operator.component is not None:
        u = pde.components[operator.terms[0][0]]
        if isinstance(condition, Neumann):
            return f"∂{u}/∂n, n the outward normal"
        if isinstance(condition, Robin):
            return f"{condition.value:g} {u} + {condition.slope:g} ∂{u}/∂n, n the outward normal"
        order = condition.order if isinstance(condition, Initial) else 0
        power = {1: "", 2: "²", 3: "³"}.get(order, f"^{order}")
        return f"∂{power}{u}/∂{pde.box.names[-1]}{power}" if order else u
    return "the operator of the module"


def _operator(pde: PDE, condition: Any) -> str:
    """An expression of x and u: a derivative where the condition is one in time, else that of the module."""
    if isinstance(condition, Initial) and condition.order in (1, 2):
        axis, component = pde.box.dimension - 1, pde.operators[condition.name].terms[0][0]
        if condition.order == 1:
            return f"dde.grad.jacobian(u, x, i={component}, j={axis})"
        return f"dde.grad.hessian(u, x, component={component}, i={axis}, j={axis})"
    return f"pde.operators[{_quoted(condition.name)}](x, u)"


def _quoted(value: Any) -> str:
    """A text or a list of texts as Python writes it, in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def _template(framework: str) -> Any:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["quoted"] = _quoted
    source = resources.files("pinndd.pinn.files").joinpath(f"{framework}.py.jinja").read_text(encoding="utf-8")
    return environment.from_string(source)
