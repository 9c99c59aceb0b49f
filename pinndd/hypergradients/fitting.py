"""Which estimator fits a learner: its own ``differentiation`` tells."""

from __future__ import annotations

from collections.abc import Callable

from pinndd.hypergradients.by_member import ByMember
from pinndd.hypergradients.exact import Exact
from pinndd.hypergradients.implicit import Implicit
from pinndd.hypergradients.minimum_norm import MinimumNorm
from pinndd.hypergradients.protocol import Hypergradient
from pinndd.hypergradients.unrolled import UnrolledAdjoint
from pinndd.problem import Learner

_FITTING: dict[str, Callable[[], Hypergradient]] = {
    "closed form": Exact,
    "implicit": Implicit,
    "unrolled": UnrolledAdjoint,
    "interpolation": MinimumNorm,
}


def fitting(learner: Learner) -> Hypergradient:
    """Return the estimator for a learner: the exact one, or `MinimumNorm` where training interpolates; of a bank, that of each member.

    Args:
        learner: its ``differentiation`` says how its training is differentiated.

    Raises:
        TypeError: it is not differentiated at all.

    Examples:
        >>> from pinndd.learners import LinearRidge, SoftmaxRegression
        >>> [type(fitting(learner)).__name__ for learner in (LinearRidge(), SoftmaxRegression())]
        ['Exact', 'Implicit']
    """
    way = learner.differentiation
    if way == "by member":
        return ByMember(fitting)
    if way not in _FITTING:
        raise TypeError(
            f"{type(learner).__name__} offers {way!r}: no estimator differentiates its training; distill with a learner that "
            f"offers {', '.join(_FITTING)}, or pass a zeroth-order estimator of pinndd.hypergradients"
        )
    return _FITTING[way]()
