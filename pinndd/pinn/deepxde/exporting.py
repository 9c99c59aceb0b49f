"""A distilled set as a ``dde.data`` object, with the loss weights and the network that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE, BoundaryValues, pointwise_residual
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.sets.points import boundary_points, is_amortised


def to_deepxde(pde: PDE, data: SyntheticData, values: BoundaryValues | None = None, index: int = 0) -> Any:
    """Turn a distilled set into a DeepXDE problem: ``dde.Model(to_deepxde(...), net)`` trains on its points.

    The interior points are its anchors, every condition a ``PointSetBC``; nothing else is sampled. DeepXDE puts the points of
    the conditions before the anchors and evaluates the residual at all of them, but cuts those rows off before it takes the
    mean (``dde.data.PDE.losses``, DeepXDE 1.15): with `loss_weights` its loss is ours. Points and values are rounded to the float
    type of DeepXDE at the time of the call. Give the network the inputs of `feature_transform`: a periodic axis has no
    condition.

    A set of the amortised protocol becomes a ``dde.data.PDE`` over the hypercube of positions and coefficients, d + C inputs. The
    residual works unchanged, as long as it names its coordinates from the front (``x[:, 1:2]``, not ``x[:, -1:]``).

    Args:
        pde: the equation that the set was distilled for.
        data: a set of the retrain or of the amortised protocol.
        values: boundary conditions (retrain); None for the amortised protocol, whose tuples have their own.
        index: which of them.

    Returns:
        A ``dde.data.TimePDE`` if the domain has time and the protocol is retrain, else a ``dde.data.PDE``.

    Raises:
        ValueError: the set has no interior points, its tuples have no box, or values are missing, or given where there should
            be none.
    """
    dde, amortised = import_deepxde(), is_amortised(pde, data)
    if amortised == (values is not None):
        raise ValueError(
            f"PDE {pde.name!r}: the set is of the amortised protocol, its tuples hold their conditions; leave values out"
            if amortised
            else f"PDE {pde.name!r}: the set is of the retrain protocol; give the boundary values of the condition to train for"
        )
    points = boundary_points(pde, data)
    bcs = []
    for condition in pde.valued:
        local = data[condition.name].detach().double().cpu()
        k = pde.patches[condition.name].dimension
        if values is None:
            target = pde.ensemble().value(condition.name, local[:, k:], local[:, :k])
        else:
            target = BoundaryValues(values.ensemble, values.coefficients[index : index + 1].cpu())[condition.name](local)[0]
        place = points[condition.name].numpy()
        wanted = target.detach().numpy()[:, None]
        if condition.gives_value:
            bcs.append(dde.icbc.PointSetBC(place, wanted, component=condition.component_number))
        else:
            operator = pde.operators[condition.name]
            bcs.append(dde.icbc.PointSetOperatorBC(place, wanted, lambda x, u, _, operator=operator: operator(x, u)))
    anchors = data[INTERIOR].detach().double().cpu().numpy()
    if amortised:
        box = data.constraints[INTERIOR]
        if not isinstance(box, Box):
            raise ValueError(f"PDE {pde.name!r}: the interior tuples have the constraint {box}; expected a Box")
        geometry = dde.geometry.Hypercube(list(box.low), list(box.high))
        return dde.data.PDE(geometry, pde.residual, bcs, num_domain=0, num_boundary=0, anchors=anchors)
    if pde.box.has_time:
        return dde.data.TimePDE(pde.domain, pde.residual, bcs, num_domain=0, num_boundary=0, anchors=anchors)
    return dde.data.PDE(pde.domain, pde.residual, bcs, num_domain=0, num_boundary=0, anchors=anchors)


def loss_weights(pde: PDE, data: SyntheticData) -> list[float]:
    """Return the ``loss_weights`` of ``dde.Model.compile`` for `to_deepxde`: the weighted loss of DeepXDE is then ours.

    DeepXDE takes a mean for every equation and every condition: the former weigh ``interior_weight`` each, a condition with n of
    all M boundary points ``boundary_weight · n / M``, divided by the squares of their sizes, since DeepXDE computes in the units of
    the user.

    Raises:
        ValueError: the set has no interior points.
    """
    is_amortised(pde, data)
    scales = row_scales(pde, data)
    weights = {name: scale.detach().double().square().sum(0) for name, scale in scales.items()}
    return [*weights[INTERIOR].tolist(), *(float(weights[c.name]) for c in pde.valued)]


def term_names(pde: PDE) -> list[str]:
    """Return what each of DeepXDE's losses is about, in its order: the equations, then the conditions."""
    count = equation_count(pde)
    equations = ["the equation"] if count == 1 else [f"equation {k}" for k in range(count)]
    return equations + [f"condition {c.name!r}" for c in pde.valued]


def equation_count(pde: PDE) -> int:
    """Return the number of equations."""
    return pointwise_residual(pde).equations


def make_network(pde: PDE, data: SyntheticData, hidden: Sequence[int] = (32, 32, 32)) -> Any:
    """Return a fresh ``dde.nn.FNN`` for `to_deepxde`, tanh, Glorot normal, with our inputs; u is mean plus size times its outputs.

    Its weights are drawn by torch's global generator.

    Raises:
        ValueError: the set has no interior points.
    """
    transform, inputs = feature_transform(pde, pde.ensemble().size if is_amortised(pde, data) else 0)
    network = import_deepxde().nn.FNN([inputs, *hidden, pde.output_count], "tanh", "Glorot normal")
    network.apply_feature_transform(transform)
    sizes = pde.sizes
    network.apply_output_transform(lambda x, u: sizes.to(u).means + sizes.to(u).values * u)
    return network


def feature_transform(pde: PDE, extra: int = 0) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return what ``net.apply_feature_transform`` takes, and the number of inputs that it makes.

    Coordinates are scaled to [-1, 1], a periodic one becomes cosine and sine, and coefficients come in units of their standard
    deviation in training, as in the networks of pinndd.

    Args:
        pde: gives domain and periodic axes.
        extra: number C of coefficients that follow the coordinates (amortised protocol).
    """
    encoding, d = Encoding(pde.box, pde.periodic_axes), pde.box.dimension
    if not extra:
        return lambda x: encoding.derivative(x, ()), encoding.size
    scales = code_scales(pde.ensemble())
    return lambda x: torch.cat((encoding.derivative(x[:, :d], ()), x[:, d:] / scales.to(x)), -1), encoding.size + extra
