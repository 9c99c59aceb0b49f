"""Levenberg-Marquardt on all weights of a network, many networks at once: PINNs that are trained to the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.free_memory import available_memory
from pinndd.learners.cuda_graphs import graphed_functions
from pinndd.learners.jacobian import Jacobian, solve_factored
from pinndd.learners.recorded import RecordedFunctions
from pinndd.problem import Episodes


class NotFiniteError(RuntimeError):
    """Training met a number that is not finite; the message names the condition and the step."""


class NetworksJacobian(Jacobian, Protocol):
    """J of networks, of which some leave the batch and others are linearised anew."""

    def update(self, index: Tensor, other: Any) -> None:
        """Put that of other networks in place of that of some."""


class LeastSquaresNetworks(Protocol):
    """A model whose training is non-linear least squares in the weights of E networks."""

    @property
    def parameter_count(self) -> int:
        """Number P of weights of one network."""

    def initial(self, episodes: Episodes, like: Tensor) -> Tensor:
        """Draw initial weights ``(E, P)`` on the device and in the dtype of ``like``."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the weights, differentiably in the data."""

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return data of the same size, drawn anew."""

    def select(self, prepared: Any, index: Tensor) -> Any:
        """Return what the episodes ``index`` need."""

    def training_bytes(self, prepared: Any) -> int:
        """Estimate the memory that a step of one network takes, in bytes."""

    def rows(self, prepared: Any, parameters: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)``."""

    def linearise(self, prepared: Any, parameters: Tensor) -> tuple[Tensor, NetworksJacobian]:
        """Return the rows ``(E, R)`` and their Jacobian, off the graph."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Any:
        """Return the networks with weights ``(E, P)``."""


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Fit ``min_θ ‖ρ(θ)‖²`` in float64, every network with its own damping (Levenberg 1944, Marquardt 1963).

    A step v solves ``(JᵀJ + λ I) v = -Jᵀ ρ``, with fewer rows than weights in its dual form ``v = -Jᵀ (J Jᵀ + λ I)⁻¹ ρ``. To it half
    of the acceleration a is added, ``(JᵀJ + λ I) a = -Jᵀ ρ''``, with ρ'' the second derivative of the rows along v: a step bends
    with the surface of equal rows, and half as many are needed (geodesic acceleration; Transtrum & Sethna 2012, arXiv 1201.5885).

    All networks of a batch take a trial at a time. Where it does not lower the loss of a network, its damping grows and the next
    trial uses the same Jacobian; where it does, the damping shrinks and the Jacobian is computed anew. A network leaves the batch
    when it is done.

    Args:
        model: gives the rows ρ and their Jacobian.
        iterations: most steps of a network.
        damping: first λ, relative to the mean of the diagonal of the smaller Gram matrix.
        shrink: factor on λ after an accepted step.
        grow: factor on λ after a refused one; its square after a second one in a row, and so on.
        attempts: most trials of λ a step; a network none of whose trials lowers the loss is done.
        tolerance: a network is done when its loss has fallen below this part of the loss it began with.
        acceleration: largest length of the acceleration, as a part of that of v, with which a step is accepted; 0 for plain steps.
        memory: size in bytes of what is held for the networks that are trained at a time, on a GPU half of what is free if that is
            more; more networks are trained in several batches.
        fresh: the ceiling "fresh samples": draw all points anew at every step, as many as the set has; all iterations are taken.
        cuda_graphs: take whole trials as CUDA graphs, one for every shape of the data; the data are on a CUDA device, and the model
            prepares a mapping of tensors. Networks that are done leave the batch once half of it is.

    Raises:
        ValueError: a setting is out of its range, or ``fresh`` and ``cuda_graphs`` are both asked for.
    """

    model: LeastSquaresNetworks
    iterations: int = 100
    damping: float = 1e-3
    shrink: float = 0.5
    grow: float = 2.0
    attempts: int = 8
    tolerance: float = 1e-7
    acceleration: float = 1.5
    memory: int = 2**27
    fresh: bool = False
    cuda_graphs: bool = False
    _recorded: RecordedFunctions = field(default_factory=graphed_functions, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.attempts < 1 or self.damping <= 0 or not 0 < self.shrink < 1 < self.grow:
            raise ValueError(
                f"LevenbergMarquardt: iterations={self.iterations} and attempts={self.attempts} must be at least 1, "
                f"damping={self.damping} positive, shrink={self.shrink} in (0, 1) and grow={self.grow} above 1"
            )
        if self.acceleration < 0 or self.tolerance < 0 or self.memory < 1:
            raise ValueError(
                f"LevenbergMarquardt: acceleration={self.acceleration} and tolerance={self.tolerance} must not be negative, and "
                f"memory={self.memory} must be at least 1"
            )
        if self.fresh and self.cuda_graphs:
            raise ValueError(
                "LevenbergMarquardt: with fresh=True every step has points of its own, and cuda_graphs=True would have no effect: "
                "leave one of them out"
            )

    @property
    def differentiation(self) -> str:
        """The rows are zero at the end, which is differentiated, unless the points are drawn anew at each step."""
        return "none" if self.fresh else "interpolation"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Train one network per episode, from its own initial weights.

        Raises:
            NotFiniteError: a row or a derivative of it is not finite.
            MemoryError: there is not memory enough for one network.
        """
        with torch.no_grad():
            theta = self.initial(data, episodes)
            if self.fresh:
                return self.model.fitted(self._train_on_fresh(data, episodes, theta), episodes)
            return self.model.fitted(self.train(self.prepare(data, episodes), theta), episodes)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Return what training needs of the data, in float64, differentiably."""
        return self.model.prepare(data.to(next(iter(data.fields.values())).device, torch.float64), episodes)

    def initial(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Draw initial weights ``(E, P)``."""
        return self.model.initial(episodes, next(iter(data.fields.values())).to(torch.float64))

    def train(self, prepared: Any, theta: Tensor, iterations: int | None = None) -> Tensor:
        """Return trained weights ``(E, P)``, from given ones.

        Args:
            prepared: from `prepare`, or of the same form.
            theta: where to begin, ``(E, P)``.
            iterations: most steps (None: those of the learner).

        Raises:
            NotFiniteError: a row or a derivative of it is not finite.
            MemoryError: there is not memory enough for one network.
        """
        index = torch.arange(theta.shape[0], device=theta.device)
        results = []
        for part in torch.split(index, self.batch(prepared, theta.device)):
            batch = _Batch(self, self.model.select(prepared, part), theta[part], part)
            results.append((batch.train_by_graphs if self.cuda_graphs else batch.train)(iterations or self.iterations))
        return torch.cat(results)

    def batch(self, prepared: Any, device: torch.device | str = "cpu") -> int:
        """Return how many networks are trained at a time.

        Raises:
            MemoryError: there is not memory enough for one of them.
        """
        needed, free = self.model.training_bytes(prepared), available_memory(device)
        if free is not None and needed > free:
            raise MemoryError(
                f"LevenbergMarquardt: a network takes about {needed / 2**30:.1f} GiB on these points, and {free / 2**30:.1f} GiB "
                "are free: its memory grows with the square of the number of rows, so give it fewer points, or train on them with "
                "Adam (mlp-adam)"
            )
        # a GPU computes many networks in the time of few
        room = self.memory if free is None or torch.device(device).type == "cpu" else max(self.memory, round(_SHARE * free))
        return max(1, room // needed)

    def _train_on_fresh(self, data: SyntheticData, episodes: Episodes, theta: Tensor) -> Tensor:
        """Take every step on points of its own, which all networks share."""
        generator = torch.Generator().manual_seed(episodes.seed)
        index = torch.arange(theta.shape[0], device=theta.device)
        parts = torch.split(index, self.batch(self.prepare(data, episodes), theta.device))
        damping: list[Tensor | None] = [None] * len(parts)
        for step in range(self.iterations):
            prepared = self.prepare(self.model.redraw(data, generator), episodes)
            for k, part in enumerate(parts):
                steps = torch.full_like(part, step)
                batch = _Batch(self, self.model.select(prepared, part), theta[part], part, damping[k], steps=steps)
                batch.check()
                batch.attempt()
                theta[part], damping[k] = batch.theta, batch.damping
        return theta


class _Batch:
    """Networks that are trained together, and what they need for the next trial."""

    def __init__(
        self,
        learner: LevenbergMarquardt,
        prepared: Any,
        theta: Tensor,
        names: Tensor,
        damping: Tensor | None = None,
        refusals: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> None:
        self.learner, self.prepared, self.names = learner, prepared, names
        self.theta = theta.clone()
        self.rows, self.jacobian = learner.model.linearise(prepared, self.theta)
        self.dual = self.jacobian.rows <= self.jacobian.columns
        self.gram = self._gram(self.jacobian)
        self.loss = self.rows.square().sum(-1)
        diagonal = self.gram.diagonal(dim1=-2, dim2=-1).mean(-1)
        self.damping = learner.damping * diagonal if damping is None else damping
        self.refusals = torch.zeros_like(names) if refusals is None else refusals
        self.steps = torch.zeros_like(names) if steps is None else steps

    def train(self, iterations: int) -> Tensor:
        """Return the weights of all networks when each is done."""
        self.check()
        results, place = self.theta.clone(), torch.arange(len(self.names), device=self.names.device)
        goal = self.learner.tolerance * self.loss
        going = self.loss > goal
        # the one place where a trial waits for the device, beside the new Jacobians below
        while (kept := going.nonzero()[:, 0]).numel():
            if kept.numel() < len(going):
                self._keep(kept)
                place, goal = place[kept], goal[kept]
            better = self.attempt()
            results[place] = self.theta
            going = (self.loss > goal) & (self.steps < iterations) & (self.refusals < self.learner.attempts)
            again = (better & going).nonzero()[:, 0]
            if again.numel():
                self._linearise(again)
        return results

    def train_by_graphs(self, iterations: int) -> Tensor:
        """Return the same from CUDA graphs of whole trials, each of which computes all Jacobians anew.

        Raises:
            TypeError: what the model prepares is no mapping of tensors.
        """
        learner, prepared, names = self.learner, self.prepared, self.names
        if not isinstance(prepared, dict):
            raise TypeError(
                "LevenbergMarquardt: cuda_graphs=True needs a model that prepares a mapping of tensors; "
                f"{type(learner.model).__name__} prepares {type(prepared).__name__}: leave cuda_graphs out"
            )
        fields = tuple(prepared)
        self.check()

        def trial(theta: Tensor, damping: Tensor, refusals: Tensor, steps: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            places = torch.arange(len(theta), device=theta.device)
            batch = _Batch(learner, dict(zip(fields, tensors, strict=True)), theta, places, damping, refusals, steps)
            finite = batch.finite()
            batch.attempt()
            return batch.theta, batch.damping, batch.refusals, batch.steps, batch.loss, finite

        results, place = self.theta.clone(), torch.arange(len(names), device=names.device)
        state: tuple[Tensor, ...] = (self.theta, self.damping, self.refusals, self.steps)
        loss = self.loss
        goal = learner.tolerance * loss
        going = loss > goal
        while (kept := going.nonzero()[:, 0]).numel():
            if 2 * kept.numel() <= len(going):
                prepared, state = learner.model.select(prepared, kept), tuple(each[kept] for each in state)
                place, names, goal, loss, going = place[kept], names[kept], goal[kept], loss[kept], going[kept]
            *after, reached, finite = learner._recorded(learner.model, trial, (*state, *prepared.values()))
            _require_finite(finite | ~going, loss, names, state[-1])
            state, loss = tuple(after), reached
            theta, _, refusals, steps = state
            results[place] = torch.where(going[:, None], theta, results[place])
            going = going & (loss > goal) & (steps < iterations) & (refusals < learner.attempts)
        return results

    def attempt(self) -> Tensor:
        """Try a step of every network with its damping; return which took it, ``(E,)``."""
        learner, model = self.learner, self.learner.model
        factor = self._factor()
        step, along = self._solved(factor, self.rows)
        fair = torch.ones_like(self.refusals, dtype=torch.bool)
        if learner.acceleration:
            near = model.rows(self.prepared, self.theta + _PROBE * step)
            turn, _ = self._solved(factor, ((near - self.rows) / _PROBE - along) / _PROBE)
            fair = turn.norm(dim=-1) <= 0.5 * learner.acceleration * step.norm(dim=-1)
            step = step + turn
        trial = self.theta + step
        reached = model.rows(self.prepared, trial).square().sum(-1)
        better = fair & (reached < self.loss)
        self.theta = torch.where(better[:, None], trial, self.theta)
        self.loss = torch.where(better, reached, self.loss)
        self.refusals = torch.where(better, 0, self.refusals + 1)
        self.steps = self.steps + better
        self.damping = self.damping * torch.where(better, learner.shrink, learner.grow ** self.refusals.to(self.damping))
        return better

    def _factor(self) -> Tensor:
        damped = self.gram.clone()
        damped.diagonal(dim1=-2, dim2=-1).add_(self.damping[:, None])
        factor: Tensor
        factor, info = torch.linalg.cholesky_ex(damped)
        # where rounding has made a matrix indefinite the step is not finite, does not lower the loss, and the damping grows
        factor.diagonal(dim1=-2, dim2=-1).masked_fill_((info > 0)[:, None], torch.nan)
        return factor

    def _solved(self, factor: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``v = -(JᵀJ + λ I)⁻¹ Jᵀ ρ``, ``(E, P)``, from the factor of the smaller damped Gram matrix, and ``J v``."""
        if self.dual:
            solved = solve_factored(factor, rows)
            return -self.jacobian.transposed_times(solved), self.damping[:, None] * solved - rows
        solved = solve_factored(factor, self.jacobian.transposed_times(rows))
        return -solved, -self.jacobian.times(solved)

    def _gram(self, jacobian: Jacobian) -> Tensor:
        return jacobian.gram() if self.dual else jacobian.normal()

    def _linearise(self, index: Tensor) -> None:
        """Compute rows, Jacobian and Gram matrix of some networks anew."""
        whole = index.numel() == len(self.names)
        prepared = self.prepared if whole else self.learner.model.select(self.prepared, index)
        rows, jacobian = self.learner.model.linearise(prepared, self.theta if whole else self.theta[index])
        if whole:
            self.rows, self.jacobian, self.gram = rows, jacobian, self._gram(jacobian)
        else:
            self.rows[index], self.gram[index] = rows, self._gram(jacobian)
            self.jacobian.update(index, jacobian)
        self.check(index)

    def _keep(self, index: Tensor) -> None:
        """Let the other networks go."""
        self.prepared, self.jacobian = self.learner.model.select(self.prepared, index), self.jacobian.select(index)
        for name in ("names", "theta", "rows", "gram", "loss", "damping", "refusals", "steps"):
            setattr(self, name, getattr(self, name)[index])

    def finite(self) -> Tensor:
        """Return whether the rows of every network and their derivatives are finite, ``(E,)``."""
        return (self.gram.diagonal(dim1=-2, dim2=-1).sum(-1) + self.loss).isfinite()

    def check(self, index: Tensor | slice = slice(None)) -> None:
        """Refuse rows and derivatives of some networks that are not finite."""
        _require_finite(self.finite()[index], self.loss[index], self.names[index], self.steps[index])


def _require_finite(finite: Tensor, loss: Tensor, names: Tensor, steps: Tensor) -> None:
    """Refuse networks whose rows, or derivatives of them, are not finite; all are ``(E,)``."""
    if bool(finite.all()):
        return
    bad = int((~finite).nonzero()[0, 0])
    what = "a derivative of its rows" if bool(loss[bad].isfinite()) else "a row"
    raise NotFiniteError(
        f"LevenbergMarquardt: condition {int(names[bad])}, step {int(steps[bad])}: {what} is not finite; check the "
        "values of that condition, and whether the residual is defined for every u that a network may take"
    )


_SHARE = 0.5
"""Part of the free memory of a GPU for what is held for the networks that are trained at a time."""

_PROBE = 0.1
"""Part of a step at which the rows are evaluated for their second derivative along it."""
