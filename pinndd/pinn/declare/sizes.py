"""How large everything is: u, the terms of every equation, what every condition says. Training works in these units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinndd.pinn.jets.probe import COUNT, Probe, Term
from pinndd.pinn.jets.residual import PointwiseResidual

if TYPE_CHECKING:
    from pinndd.pinn.declare.pde import PDE

_DRAWS, _PLACES = 64, 64


@dataclass(frozen=True)
class Sizes:
    """Typical sizes, in the units of the user. What is as large as its size is 1 for training.

    Attributes:
        values: by how much each component of u varies in the training family, ``(outputs,)``.
        means: what it varies about, the mean of what the conditions give, ``(outputs,)``.
        equations: root sum of squares of the terms of each equation there, sources left out, ``(equations,)``.
        conditions: the same of what each condition says of u, by name.
    """

    values: Tensor
    means: Tensor
    equations: Tensor
    conditions: Mapping[str, float]

    def to(self, like: Tensor) -> Sizes:
        """Return the sizes on the device and in the dtype of a tensor."""
        # training asks at every step, and a GPU would be waited for
        key = like.device, like.dtype
        if key not in self._moved:
            moved = Sizes(self.values.to(like), self.means.to(like), self.equations.to(like), self.conditions)
            moved.__dict__["has_means"] = self.has_means
            self._moved[key] = moved
        return self._moved[key]

    @cached_property
    def _moved(self) -> dict[tuple[torch.device, torch.dtype], Sizes]:
        return {}

    @cached_property
    def _of_terms(self) -> dict[tuple[Term, ...], tuple[Tensor, Tensor]]:
        return {}

    @cached_property
    def has_means(self) -> bool:
        """Whether any component varies about something else than 0."""
        return bool(self.means.any())

    def of_u(self, jets: Sequence[Tensor], axes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return u or its derivatives ``(..., outputs)``, one for each of ``axes``, from those of a network in these units."""
        return [self.values * jet if a else self.means + self.values * jet for jet, a in zip(jets, axes, strict=True)]

    def resting(self, terms: Sequence[Term]) -> Tensor:
        """Return what terms are where u is its mean, ``(K,)``."""
        return self._known(tuple(terms))[0]

    def units(self, terms: Sequence[Term]) -> Tensor:
        """Return the size of the component that each term is of, ``(K,)``."""
        return self._known(tuple(terms))[1]

    def _known(self, terms: tuple[Term, ...]) -> tuple[Tensor, Tensor]:
        if terms not in self._of_terms:
            resting = torch.stack([self.means.new_zeros(()) if axes else self.means[component] for component, axes in terms])
            self._of_terms[terms] = resting, torch.stack([self.values[component] for component, _ in terms])
        return self._of_terms[terms]


def probe_of(pde: PDE, values: Tensor | None = None, means: Tensor | None = None) -> Probe:
    """Return a probe of the domain, for u of given sizes about given means, ``(outputs,)`` each (None: of size 1 about 0)."""
    box, outputs = pde.box, pde.output_count
    unit = torch.rand((COUNT, box.dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = [high - low for low, high in zip(box.low, box.high, strict=True)]
    sizes = torch.ones(outputs) if values is None else values
    return Probe(box.scale(unit), lengths, sizes.tolist(), [0.0] * outputs if means is None else means.tolist())


def residual_and_sizes(pde: PDE) -> tuple[PointwiseResidual, Sizes]:
    """Look at a PDE: its residual as a function of the jet, probed in the domain at the sizes that its families give, and the sizes.

    A component that no condition says anything of is as large as it must be to count in the equations.

    Raises:
        UserCodeError: a family, an operator or the residual fails.
    """
    given, means = _values_given(pde)
    residual = _residual(pde, probe_of(pde, given, means))
    if not bool((given > 0).all()):
        given = _completed(residual, given)
        residual = _residual(pde, probe_of(pde, given, means))
    felt = (_felt(residual) * given[_of(residual)]).square().sum(-1).sqrt()
    conditions = {}
    for name, operator in pde.operators.items():
        places = pde.patches[name].points(pde.patches[name].drawn(_PLACES, _seeded(0)))
        terms = operator.coefficients(places).detach().double() * residual.probe.sizes(operator.terms)
        conditions[name] = _or_one(float(terms.square().sum(-1).mean().sqrt()))
    equations = torch.tensor([_or_one(float(size)) for size in felt], dtype=torch.float64)
    return residual, Sizes(given, means, equations, conditions)


def _residual(pde: PDE, probe: Probe) -> PointwiseResidual:
    return PointwiseResidual(pde.residual, pde.box.dimension, pde.output_count, pde.name, probe)


def _values_given(pde: PDE) -> tuple[Tensor, Tensor]:
    """Return by how much the conditions let each component vary, 0 where they say nothing, and its mean, ``(outputs,)`` each.

    Conditions on derivatives count as the u that changes by its own size over the domain. One on several components counts for those
    that no condition is about alone, as if each of them had to meet it alone. Where nothing varies, what is fixed counts.
    """
    ensemble = pde.ensemble()
    coefficients, nothing = ensemble.sample(_DRAWS, _seeded(0))[:, None], torch.zeros((1, 1, 0), dtype=torch.float64)
    rest, unit = ensemble.rest(), probe_of(pde)
    alone: list[list[float]] = [[] for _ in pde.components]
    mixed: list[list[float]] = [[] for _ in pde.components]
    still: list[list[float]] = [[] for _ in pde.components]
    means: list[list[Tensor]] = [[] for _ in pde.components]
    for condition in pde.valued:
        patch, operator = pde.patches[condition.name], pde.operators[condition.name]
        s = patch.drawn(_PLACES, _seeded(1))
        drawn, known = ensemble.value(condition.name, coefficients, s), rest.value(condition.name, nothing, s)[0].expand(len(s))
        if operator.component is not None:
            means[operator.component].append(known)
        spread, whole = (float(v.square().mean().sqrt()) for v in (drawn.std(0), drawn))
        varies = spread > _NOTHING * whole
        felt = operator.coefficients(patch.points(s)).detach().double().square().mean(0).sqrt() * unit.sizes(operator.terms)
        components = {component for component, _ in operator.terms}
        for component in components:
            own = max(float(share) for (of, _), share in zip(operator.terms, felt, strict=True) if of == component)
            if own > 0 and whole > 0:
                kinds = still if not varies else alone if len(components) == 1 else mixed
                kinds[component].append((spread if varies else whole) / own)
    middle = torch.stack([torch.cat(values).mean() if values else unit.points.new_zeros(()) for values in means])
    apart = torch.stack([torch.cat(values).std() if values else unit.points.new_zeros(()) for values in means])
    found = [max(one) if one else min(several, default=0.0) for one, several in zip(alone, mixed, strict=True)]
    sizes = (torch.tensor(found, dtype=torch.float64).square() + apart.square()).sqrt()
    fixed = torch.tensor([max(values, default=0.0) for values in still], dtype=torch.float64)
    return torch.where(sizes > 0, sizes, fixed), middle


def _completed(residual: PointwiseResidual, given: Tensor) -> Tensor:
    """Return sizes of all components: those given, others from the equations, by what else is in them, or by their sources.

    The residual is asked where the others are zero.
    """
    sizes, of, felt = given.clone(), _of(residual), _felt(residual)
    nothing = torch.zeros_like(residual.probe.jets(residual.terms, 1, 0)[0])
    sources = residual(residual.probe.points, nothing).detach().nan_to_num(0.0, 0.0, 0.0).square().mean(0).sqrt()
    for _ in given:
        for component in (sizes <= 0).nonzero()[:, 0].tolist():
            own = felt[:, of == component].amax(-1)
            others = ((felt * sizes[of]).square().sum(-1) + sources.square()).sqrt()
            wanted = (others / own)[(own > 0) & (others > 0)]
            if len(wanted):
                sizes[component] = wanted.max()
    return torch.where(sizes > 0, sizes, 1.0)


def _of(residual: PointwiseResidual) -> Tensor:
    """Return the component of every term."""
    return torch.tensor([component for component, _ in residual.terms])


def _felt(residual: PointwiseResidual) -> Tensor:
    """Return how much every term is felt in every equation, ``(equations, K)``, for components of size 1: root mean square."""
    jets = residual.probe.jets(residual.terms, 1, 2)
    slopes = residual.linearise(residual.probe.points, jets)[1].detach()[0]
    unit = replace(residual.probe, values=(1.0,) * residual.outputs).sizes(residual.terms)
    return (slopes * unit).nan_to_num(0.0, 0.0, 0.0).square().mean(0).sqrt()


def _or_one(size: float) -> float:
    return size if 0 < size < float("inf") else 1.0


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


_NOTHING = 1e-12
"""Part of the values of a condition below which they do not vary."""
