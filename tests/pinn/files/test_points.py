"""A distilled set as CSV."""

import csv

import pytest
import torch

from pinndd.data import SyntheticData
from pinndd.pinn.files.points import write_csv
from pinndd.pinn.sets.collocation import INTERIOR, row_scales


def test_csv_holds_every_point_and_its_weight(retrain_set, amortised_set, tmp_path):
    for pde, data in (retrain_set("heat")[:2], amortised_set("heat")):
        path = tmp_path / "new" / "points.csv"
        assert write_csv(pde, data, path) == (path,)
        rows = list(csv.DictReader(path.read_text().splitlines()))
        columns = list(rows[0])[2:-1]
        assert columns[:2] == ["x", "t"]
        for name in (INTERIOR, *(c.name for c in pde.valued)):
            mine = [r for r in rows if r["condition"] == name]
            assert {r["kind"] for r in mine} == {{"interior": "interior", "start": "initial"}.get(name, "boundary")}
            found = torch.tensor([[float(r[c]) for c in columns] for r in mine], dtype=torch.float64)
            if name != INTERIOR:
                patch = pde.patches[name]
                assert patch.contains(found[:, :2]).all()
                found = torch.cat((patch.local(found[:, :2]), found[:, 2:]), -1)
            torch.testing.assert_close(found, data[name], rtol=1e-12, atol=1e-12)
            weights = torch.tensor([float(r["weight"]) for r in mine], dtype=torch.float64)
            torch.testing.assert_close(weights, row_scales(pde, data)[name].flatten().square())
        assert [p.name for p in path.parent.iterdir()] == ["points.csv"]


def test_a_set_without_interior_points_is_refused(retrain_set, tmp_path):
    pde, data, _ = retrain_set("heat")
    fields = {k: v for k, v in data.fields.items() if k != INTERIOR}
    bare = SyntheticData(fields, {k: v for k, v in data.constraints.items() if k != INTERIOR})
    with pytest.raises(ValueError, match="no interior points"):
        write_csv(pde, bare, tmp_path / "points.csv")
    assert not list(tmp_path.iterdir())
