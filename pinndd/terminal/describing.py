"""``pinndd list NAME`` and ``pinndd check``: what one PDE is like, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.conditions import Operator, Periodic
from pinndd.pinn.declare.loading import docstring_of
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.families import Family, Fourier
from pinndd.pinn.families.known import name_of
from pinndd.regions import CombinedRegion, DiskRegion, PolygonRegion, Shape
from pinndd.stated.task import StatedTask
from pinndd.terminal.errors import checking_input
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.subjects import subject_named
from pinndd.terminal.verdict import tell


def kind(pde: PDE) -> str:
    """Say what a PDE is like: ``nonlinear, order 2, (x, t)``, and the components where there are several."""
    residual = pointwise_residual(pde)
    words = ["linear" if residual.is_linear() else "nonlinear", f"order {max(len(axes) for _, axes in residual.terms)}"]
    words.append(f"({', '.join(pde.box.names)})")
    return ", ".join(words + ([f"components {', '.join(pde.components)}"] if pde.output_count > 1 else []))


def list_one(name: str) -> None:
    """Print one PDE in full: its docstring, kind, domain, conditions, shifts and protocols."""
    from pinndd.study.plan import choose_protocols
    from pinndd.study.protocols import NAMES

    with checking_input():
        pde = subject_named(name)
    if isinstance(pde, StatedTask):
        from pinndd.terminal.tasks import list_task

        list_task(name, pde)
        return
    with checking_input():
        text = docstring_of(name)
        protocols, skipped = choose_protocols(pde, NAMES)
        about = kind(pde)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{escape(pde.name)}[/]: {escape(text or pde.title)}\n" if text or pde.title else f"[bold]{pde.name}[/]"
    )
    console.print(f"kind: {about}", markup=False)
    console.print(f"domain: {_domain(pde)}", markup=False)
    for line in _conditions(pde):
        console.print(line, markup=False)
    for protocol in protocols:
        console.print(f"protocol {protocol}: makes sense here")
    for protocol, why in skipped.items():
        console.print(f"protocol {protocol}: left out, {why}", markup=False)


def _domain(pde: PDE) -> str:
    box = pde.box
    bounds = [f"{low:g} < {n} < {high:g}" for n, low, high in zip(box.names, box.low, box.high, strict=True)]
    if box.region is not None:
        bounds[:2] = [_shape(box.region)]
    return ", ".join(bounds)


def _shape(region: Shape) -> str:
    """A region in words: ``(polygon ...) without (disk ...)``."""
    if isinstance(region, DiskRegion):
        return f"disk of radius {region.radius:g} around {_numbers(region.center)}"
    if isinstance(region, PolygonRegion):
        return f"polygon with the corners {', '.join(_numbers(vertex) for vertex in region.vertices)}"
    assert isinstance(region, CombinedRegion)
    return f"({_shape(region.first)}) {_WORDS[region.operation]} ({_shape(region.second)})"


_WORDS = {"union": "and", "intersection": "within", "difference": "without"}


def _conditions(pde: PDE) -> Iterator[str]:
    """One line per condition in training, then one per condition that a shift changes."""
    numbered = {c.name: c for c in pde.valued}
    for declared in pde.conditions:
        condition = numbered.get(declared.name, declared)
        if isinstance(condition, Periodic):
            yield f"condition {condition.name}: {condition.kind} along {condition.axis}"
        else:
            joins = f", joins {' and '.join(filter(None, condition.joins))}" if condition.joins else ""
            named = pde.output_count > 1 and not isinstance(condition, Operator)
            output = f" of {pde.components[condition.component_number]}" if named else ""
            what = f"{condition.kind}{output}{_place(getattr(condition, 'at', {}))}"
            yield f"condition {condition.name}: {what}, {_short(condition.values)}{joins}"
    for shift, changes in pde.shifts.items():
        yield f"shift {shift}: " + "; ".join(f"{name} {_short(family)}" for name, family in changes.items())


def _place(at: Mapping[str, Any]) -> str:
    """Where a condition holds: `` at x = 0, y in (0, 0.5)``, `` from (0, 0) to (1, 0)``; empty for an initial one."""
    if "from" in at:
        return f" from {_numbers(at['from'])} to {_numbers(at['to'])}"
    if "circle" in at:
        (center, radius), angles = at["circle"], at.get("angle")
        part = f", angle in {_numbers(angles)}" if angles is not None else ""
        return f" at the circle around {_numbers(center)} of radius {radius:g}{part}"
    parts = [f"{k} in {_numbers(v)}" if isinstance(v, tuple | list) else f"{k} = {v:g}" for k, v in at.items()]
    return f" at {', '.join(parts)}" if parts else ""


def _numbers(values: Sequence[float]) -> str:
    return f"({', '.join(f'{v:.4g}' for v in values)})"


def _short(family: Family) -> str:
    """A family without the arguments that have their default."""
    arguments: tuple[Field[object], ...] = fields(family) if is_dataclass(family) else ()
    values = {f.name: getattr(family, f.name) for f in arguments if getattr(family, f.name) != f.default}
    said = [f"{name}={_argument(value)}" for name, value in values.items()]
    # relative to the amplitude, which a reader may take for a value
    note = ""
    if isinstance(family, Fourier) and family.constant:
        note = f" (standard deviation of its constant: {family.scales[0]:.4g})"
    return f"{type(family).__name__}({', '.join(said)}){note}"


def _argument(value: object) -> str:
    if isinstance(value, Family):
        return _short(value)
    return name_of(value) if callable(value) else repr(value)


def check(name: str, network: str | None = None, per_class: int | None = None) -> None:
    """Print what is wrong with a module or with images; exit with 2 if it cannot be used."""
    with checking_input():
        pde = subject_named(name, network)
        if isinstance(pde, PDE) and per_class is not None:
            raise ValueError(f"--per-class {per_class}: it is for stated tasks of classes, and {pde.name!r} is a PDE")
    if isinstance(pde, StatedTask):
        from pinndd.terminal.tasks import check_one

        check_one(name, pde, per_class)
        return
    with checking_input(), ProgressBars():
        findings = check_pde(pde)
    tell(f"PDE {pde.name!r}", name, findings)
