"""A DeepXDE residual as a pointwise function of u and its derivatives (its *jet*).

A residual ``r(x, u)`` that calls ``dde.grad.jacobian(u, x, ...)`` is pointwise: at each point it is a function of the point,
of u, and of finitely many derivatives of u there. `PointwiseResidual` finds out which derivatives it asks for, and evaluates
it on values of them that come from anywhere: closed forms of random features, Taylor mode, or autograd. Derivatives of an
expression, such as ``dde.grad.jacobian(k * u_x, x)``, follow from the chain rule.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.probe import Probe, Term
from pinndd.user_code import Signal, UserCodeError, calling, calling_place, place_of

__all__ = ["PointwiseResidual", "ResidualError", "Term"]


class ResidualError(UserCodeError):
    """A residual that cannot be evaluated, or that returns something of the wrong shape."""


class PointwiseResidual:
    """Evaluate ``residual(x, u)`` on given derivatives of u.

    Args:
        residual: the function that DeepXDE takes; returns a tensor ``(N, 1)`` or a list of such.
        dimension: number of coordinates d.
        outputs: number of components of u.
        name: name of the PDE, for messages.
        probe: where, and on which values, it is run to see what it asks for and whether it is linear (None: in the unit cube, on
            values of size 1).

    Attributes:
        terms: the derivatives that the residual asks for, values first.
        places: the line of the user that asks for each of them first, in words.
        equations: number of equations.

    Raises:
        ResidualError: the residual fails or returns something of the wrong shape.
    """

    def __init__(
        self,
        residual: Callable[[Any, Any], Any],
        dimension: int,
        outputs: int = 1,
        name: str = "",
        probe: Probe | None = None,
    ) -> None:
        self.residual, self.dimension, self.outputs, self.name = residual, dimension, outputs, name
        self.terms: tuple[Term, ...] = tuple((c, ()) for c in range(outputs))
        self.probe = Probe.of_unit_cube(dimension, outputs) if probe is None else probe
        self.places: dict[Term, str] = {}
        random: dict[Term, Tensor] = {}

        def draw(term: Term) -> Tensor:
            self.places.setdefault(term, calling_place())
            if term not in random:
                random[term] = self.probe.jets([term], 1, 0)[0]
            return random[term]

        self._on_graph = False
        try:
            values, jet = self._run(self.probe.points, {}, draw)
        except _NeedsGraph:
            self._on_graph = True
            values, jet = self._run(self.probe.points, {}, draw)
        self.equations = values.shape[-1]
        self.terms = tuple(dict.fromkeys((*self.terms, *sorted(jet.known, key=lambda t: (len(t[1]), t)))))

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """The distinct derivatives that are needed, whatever the component."""
        return tuple(dict.fromkeys(axes for _, axes in self.terms))

    @property
    def order(self) -> int:
        """Highest order of derivative."""
        return max(len(axes) for axes in self.axes)

    def __call__(self, points: Tensor, jets: Tensor) -> Tensor:
        """Evaluate the residual.

        Args:
            points: ``(N, d)`` or ``(..., N, d)``.
            jets: ``(..., N, K)``, one value for each of `terms`.

        Returns:
            Residuals ``(..., N, equations)``.
        """
        return self._at(points, list(torch.split(jets.reshape(-1, len(self.terms)), 1, -1)), jets.shape[:-1])

    def _at(self, points: Tensor, columns: Sequence[Tensor], shape: torch.Size) -> Tensor:
        """Evaluate the residual on one column ``(n, 1)`` for each of `terms`."""
        x = points.expand(*shape, self.dimension).reshape(-1, self.dimension)
        values, _ = self._run(x, dict(zip(self.terms, columns, strict=True)), self._missing)
        return values.reshape(*shape, self.equations)

    def linearise(self, points: Tensor, jets: Tensor, *, create_graph: bool = False) -> tuple[Tensor, Tensor]:
        """Return the residual ``(..., N, equations)`` and its derivative in the jet ``(..., N, equations, K)``."""
        values, slopes = self.trace(points, jets, create_graph=create_graph)
        return values, slopes()

    def trace(self, points: Tensor, jets: Tensor, *, create_graph: bool = False) -> tuple[Tensor, Callable[[], Tensor]]:
        """Return what `linearise` does, the derivative as a function that computes it, once, when it is called."""
        shape = jets.shape[:-1]
        with torch.enable_grad():
            columns = [column.reshape(-1, 1) for column in jets.unbind(-1)]
            if not jets.requires_grad:
                columns = [column.detach().requires_grad_() for column in columns]
            values = self._at(points, columns, shape)

        def slopes() -> Tensor:
            with torch.enable_grad():
                found = [self._slopes(part, columns, create_graph) for part in values.flatten(0, -2).unbind(-1)]
            # one column after the other in memory, as products with them are made
            return torch.stack([torch.stack(each) for each in found]).view(*found_shape).movedim((0, 1), (-2, -1))

        found_shape = (self.equations, len(columns), *shape)
        return values, slopes

    def curvature(self, points: Tensor, jets: Tensor) -> Tensor:
        """Return the second derivative of the residual in the jet, ``(..., N, equations, K, K)``."""
        with torch.enable_grad():
            leaf = jets.detach().requires_grad_()
            _, slopes = self.linearise(points, leaf, create_graph=True)
            rows = [
                torch.stack([self._slopes(slopes[..., e, k], [leaf], True)[0] for k in range(len(self.terms))], -2)
                for e in range(self.equations)
            ]
        return torch.stack(rows, -3).detach()

    def is_linear(self, size: float = 1.0) -> bool:
        """Whether the residual is affine in u and its derivatives: its slopes do not change with them.

        Tested at random points of the probe, on values of its size and four times as large. A change counts that is felt beside the
        other terms of an equation at that point.

        Args:
            size: of the values, in units of the probe.
        """
        jets = size * self.probe.jets(self.terms, len(_FACTORS), 1)
        slopes = self.linearise(self.probe.points, jets * jets.new_tensor(_FACTORS)[:, None, None])[1].detach()
        felt = slopes * self.probe.sizes(self.terms)
        change = (felt - felt[:1]).abs().amax(0)
        return bool((change <= _ROUNDING * felt[0].abs().amax(-1, keepdim=True)).all())

    @staticmethod
    def _slopes(values: Tensor, columns: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
        """Return the derivatives of one equation in every column."""
        if not values.requires_grad:
            return [torch.zeros_like(column) for column in columns]
        found = torch.autograd.grad(values.sum(), columns, create_graph=create_graph, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(column) if slope is None else slope for column, slope in zip(columns, found, strict=True)]

    def _missing(self, term: Term) -> Tensor:
        raise ResidualError(
            f"PDE {self.name!r}: the residual asks for the derivative {term} at some points only; it must ask for the same "
            "derivatives whatever the values"
        )

    def _run(self, points: Tensor, known: dict[Term, Tensor], missing: Callable[[Term], Tensor]) -> tuple[Tensor, _Jet]:
        with torch.set_grad_enabled(torch.is_grad_enabled() or self._on_graph):
            jet = _Jet(points, known, missing, self._on_graph)
            values = self._evaluate(points, jet)
        return values if torch.is_grad_enabled() else values.detach(), jet

    def _evaluate(self, points: Tensor, jet: _Jet) -> Tensor:
        u = jet.values(self.outputs)
        before = [(tensor, tensor._version) for tensor in (jet.points, u)]
        try:
            with _answer(jet), calling(f"PDE {self.name!r}: residual", self.residual, ResidualError):
                result = self.residual(jet.points, u)
        except UserCodeError as error:
            advice = _advice(error)
            if not advice:
                raise
            raise ResidualError(f"{error}{advice}") from error
        if any(tensor._version != version for tensor, version in (*before, *jet.made)):
            raise ResidualError(
                f"PDE {self.name!r}: residual changes x, u or a derivative in place, which derivatives do not survive; make a new "
                f"tensor: u = 2 * u for u *= 2, torch.cat for u[:, 0] = ...{self.place}"
            )
        parts = list(result) if isinstance(result, list | tuple) else [result]
        for part in parts:
            shape = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            if shape != (points.shape[0], 1):
                raise ResidualError(
                    f"PDE {self.name!r}: residual returned shape {shape}, expected {(points.shape[0], 1)} for a network "
                    f"with {self.outputs} output{'s' if self.outputs > 1 else ''}{_SHAPE_ADVICE}{self.place}"
                )
        return torch.cat(parts, -1)

    @property
    def place(self) -> str:
        """Where a user defines the residual: `` (FILE, line 3, where residual is defined)``, or nothing."""
        return place_of(ResidualError(), getattr(self.residual, "__wrapped__", self.residual))


_FACTORS = (1.0, 1.0, 4.0)
"""Sizes of u, relative to that of the probe, at which linearity is tested."""

_ROUNDING = 1e-11
"""Largest change of a term of a linear equation, relative to the largest term."""


_SHAPE_ADVICE = "; u[:, 0:1] is a column, u[:, 0] is not"


def _advice(error: UserCodeError) -> str:
    """Say what usually helps against an error of torch's."""
    said = str(error)
    for sign, advice in _ADVICE.items():
        if sign in said:
            return f"; {advice}"
    return ""


_ADVICE = {
    "numpy() on Tensor": "it must stay in torch to be differentiated in x: np.sin(x) becomes torch.sin(x)",
    "in-place operation": "change nothing in place: u = 2 * u for u *= 2, torch.cat for u[:, 0] = ...",
    "inplace operation": "change nothing in place: u = 2 * u for u *= 2, torch.cat for u[:, 0] = ...",
    "the same dtype": "x and u come in double precision: make tensors of your own with dtype=x.dtype, or convert them by .to(x)",
    "but found Float": "x and u come in double precision: make tensors of your own with dtype=x.dtype, or convert them by .to(x)",
    "but found Double": "x and u come in double precision: make tensors of your own with dtype=x.dtype, or convert them by .to(x)",
}
"""What helps, by a part of the message of torch."""


class _Jet:
    """The derivatives of u at hand, and what DeepXDE's jacobian and hessian answer from them."""

    def __init__(self, points: Tensor, known: dict[Term, Tensor], missing: Callable[[Term], Tensor], on_graph: bool) -> None:
        self.on_graph = on_graph
        # a clone: the derivative in the points must not reach u through the points that u was computed from
        self.points = self._leaf(points.clone())
        self.known = {term: self._leaf(value) for term, value in known.items()}
        self.missing = missing
        self.u = points
        self.made = [(value, value._version) for value in self.known.values()]

    def _leaf(self, value: Tensor) -> Tensor:
        return value.detach().requires_grad_() if self.on_graph and not value.requires_grad else value

    def values(self, outputs: int) -> Tensor:
        """Return u, ``(N, outputs)``."""
        self.u = torch.cat([self[(c, ())] for c in range(outputs)], -1)
        return self.u

    def __getitem__(self, term: Term) -> Tensor:
        if term not in self.known:
            self.known[term] = self._leaf(self.missing(term))
            self.made.append((self.known[term], self.known[term]._version))
        return self.known[term]

    def derivative(self, y: Tensor, component: int, axis: int) -> Tensor:
        """Return the total derivative of ``y[:, component]`` along ``axis``, ``(N, 1)``."""
        if y is self.u:
            return self[_extend((component, ()), axis)]
        for term, value in self.known.items():
            if value is y:
                return self[_extend(term, axis)]
        return self._chain_rule(y[:, component], axis)

    def _chain_rule(self, y: Tensor, axis: int) -> Tensor:
        if not self.on_graph:
            raise _NeedsGraph
        terms = list(self.known)
        inputs = (self.points, *self.known.values())
        slopes = torch.autograd.grad(y.sum(), inputs, create_graph=True, allow_unused=True)
        total = torch.zeros_like(y[:, None]) if slopes[0] is None else slopes[0][:, axis : axis + 1]
        for term, slope in zip(terms, slopes[1:], strict=True):
            if slope is not None:
                total = total + slope * self[_extend(term, axis)]
        return total


class _NeedsGraph(Signal):
    """The residual differentiates an expression, for which the jet must be on the graph."""


def _extend(term: Term, axis: int) -> Term:
    return term[0], tuple(sorted((*term[1], axis)))


def _entry(ys: Tensor, xs: Tensor, i: int | None, j: int | None) -> tuple[int, int | None]:
    """Return component and axis that ``dde.grad.jacobian`` is asked for, by its rules; no axis: all of them."""
    outputs, dimension = _columns(ys, "jacobian"), xs.shape[-1]
    if i is None and j is None and (outputs > 1 or dimension > 1):
        raise ValueError(
            f"dde.grad.jacobian is given neither i nor j; for y with {outputs} component(s) and {dimension} coordinate(s) DeepXDE "
            "needs i, the component, or j, the coordinate"
        )
    if i is None and outputs > 1:
        raise ValueError(f"dde.grad.jacobian is given no i; DeepXDE needs it, since y has {outputs} components: 0 to {outputs - 1}")
    if i is not None:
        _require_index("jacobian", "i", i, outputs)
    if j is not None:
        _require_index("jacobian", "j", j, dimension)
    return 0 if i is None else int(i), None if j is None else int(j)


def _columns(ys: Tensor, function: str) -> int:
    """Return the number of components of what is differentiated."""
    if ys.dim() != 2:
        raise ValueError(
            f"dde.grad.{function} of a tensor of shape {tuple(ys.shape)}; expected one column per component, (N, 1): write u[:, 0:1], "
            "not u[:, 0]"
        )
    return ys.shape[1]


def _require_index(function: str, name: str, index: Any, count: int) -> None:
    """Refuse an index that DeepXDE refuses, or that would mean something else."""
    try:
        number = -1 if isinstance(index, bool) else operator.index(index)
    except TypeError:
        number = -1
    if not 0 <= number < count:
        what = "y has that many components" if name == "component" or (function, name) == ("jacobian", "i") else "as many coordinates"
        raise ValueError(
            f"dde.grad.{function}(..., {name}={index!r}): expected a number from 0 to {count - 1} ({what}, DeepXDE counts from 0 and "
            "takes no negative numbers)"
        )


@contextmanager
def _answer(jet: _Jet) -> Iterator[None]:
    """Let DeepXDE's ``jacobian`` and ``hessian`` answer from a jet for its own u and x, and as usual for all else."""
    import_deepxde()
    from deepxde.gradients import gradients_reverse as reverse

    jacobians, hessians = reverse.jacobian._Jacobians, reverse.hessian._Hessians

    def jacobian(ys: Tensor, xs: Tensor, i: int | None = None, j: int | None = None) -> Tensor:
        if xs is not jet.points:
            return jacobians(ys, xs, i=i, j=j)  # type: ignore[no-any-return]
        component, axis = _entry(ys, xs, i, j)
        axes = range(xs.shape[-1]) if axis is None else (axis,)
        return torch.cat([jet.derivative(ys, component, axis) for axis in axes], -1)

    def hessian(ys: Tensor, xs: Tensor, component: int = 0, i: int = 0, j: int = 0) -> Tensor:
        if xs is not jet.points:
            return hessians(ys, xs, component=component, i=i, j=j)  # type: ignore[no-any-return]
        _require_index("hessian", "component", component, _columns(ys, "hessian"))
        for name, axis in (("i", i), ("j", j)):
            _require_index("hessian", name, axis, xs.shape[-1])
        if ys is jet.u:
            return jet[_extend(_extend((component, ()), i), j)]  # not by way of the first derivative: nobody may need that
        return jet.derivative(jet.derivative(ys, component, i), 0, j)

    reverse.jacobian._Jacobians, reverse.hessian._Hessians = jacobian, hessian
    try:
        yield
    finally:
        reverse.jacobian._Jacobians, reverse.hessian._Hessians = jacobians, hessians
