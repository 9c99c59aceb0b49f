"""Features of windows of time: each family in its own window, and zero outside it."""

import torch

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.jets.features import Encoding, draw_features
from pinndd.pinn.jets.windowed import WindowedFeatures


def test_each_family_holds_in_its_window_and_edges_belong_to_the_next() -> None:
    encoding = Encoding(Domain((0.0, 0.0), (1.0, 1.0), ("x", "t"), True, None))
    families = tuple(draw_features(encoding, count, 1.0, seed=count) for count in (2, 3, 4))
    windowed = WindowedFeatures(families, (0.3, 0.6))
    assert windowed.width == 9
    points = torch.tensor([[0.5, 0.0], [0.5, 0.3], [0.5, 0.59], [0.5, 0.6], [0.5, 1.0]], dtype=torch.float64)
    wanted = [(), (1,), (0, 0)]
    for k, jet in enumerate(windowed.jets(points, wanted)):
        parts = jet.split((2, 3, 4), -1)
        for window, (part, family) in enumerate(zip(parts, families, strict=True)):
            inside = [[0], [1, 2], [3, 4]][window]
            outside = [i for i in range(5) if i not in inside]
            assert torch.equal(part[inside], family.jets(points[inside], wanted)[k])
            assert not part[outside].any()
