"""Solutions as files: what other programs read back is what was solved."""

from __future__ import annotations

from dataclasses import replace

import meshio
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from pinndd import load_pde
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.writing import files_of, require_format


def solution(name, count=1, **changes):
    """A made-up field: a sum of the coordinates, times the number of the condition, plus the number of the component."""
    pde = load_pde(name)

    def field(points):
        sums = points.sum(-1)[None, :, None] * torch.arange(1.0, count + 1, dtype=torch.float64)[:, None, None]
        return sums + torch.arange(pde.output_count, dtype=torch.float64)

    error = np.full(count, 1e-3)
    return replace(Solution(pde, field, error, error / 2, None, 10, (30, 10), 0.1, ("A note.",)), **changes)


def test_netcdf_keeps_coordinates_units_and_errors(tmp_path):
    found = solution("heat", 2, uncertainty=np.array([0.1, 0.2]))
    assert found.save(tmp_path / "field.nc", nodes=11) == (tmp_path / "field.nc",)
    with xr.open_dataset(tmp_path / "field.nc") as read:
        assert read["u"].dims == ("condition", "x", "t")
        assert (read["u"].attrs["units"], read["x"].attrs["units"], read["t"].attrs["units"]) == ("K", "m", "s")
        assert read["u"].to_numpy() == pytest.approx(found.on_grid(11)[1][..., 0])
        assert float(read["u"].sel(condition=1, x=0.5, t=1.0)) == pytest.approx(3.0)
        assert read["estimated_error"].to_numpy().tolist() == [1e-3, 1e-3]
        assert read["uncertainty"].to_numpy().tolist() == [0.1, 0.2]
        assert (read.attrs["source"], read.attrs["notes"]) == ("pinndd", "A note.")


@pytest.mark.parametrize("changes", [{}, {"uncertainty": np.array([0.1, 0.2]), "notes": ()}], ids=["notes", "uncertainty"])
@pytest.mark.parametrize("name", ["heat", "laplace_disk", "cavity"])
def test_netcdf_is_what_xarray_would_write(tmp_path, name, changes):
    found = solution(name, 2, **changes)
    degrees = replace(found, pde=replace(found.pde, title="Wärme", units=dict.fromkeys(found.pde.components, "°C")))
    degrees.save(tmp_path / "field.nc", nodes=5)
    with xr.open_dataset(tmp_path / "field.nc") as read, xr.open_dataset(degrees.dataset(5).to_netcdf(engine="scipy")) as theirs:
        xr.testing.assert_identical(read.load(), theirs.load())
        assert all(read[name].dtype == theirs[name].dtype for name in theirs.variables)


def test_csv_has_a_row_per_node_inside_the_domain(tmp_path):
    found = solution("laplace_disk")
    found.save(tmp_path / "field.csv", nodes=21)
    table = pd.read_csv(tmp_path / "field.csv")
    assert list(table.columns) == ["condition", "x", "y", "u"]
    assert (np.hypot(table["x"], table["y"]) <= 1 + 1e-9).all()
    assert len(table) == int(np.isfinite(found.on_grid(21)[1]).sum())
    assert table["u"].to_numpy() == pytest.approx((table["x"] + table["y"]).to_numpy())


def test_vtk_of_a_plane_has_the_cells_inside_and_every_component(tmp_path):
    found = solution("cavity")
    assert found.save(tmp_path / "field.vtu", nodes=6) == (tmp_path / "field.vtu",)
    mesh = meshio.read(tmp_path / "field.vtu")
    assert set(mesh.point_data) == {"u", "v", "p"}
    assert mesh.cells[0].data.shape == (25, 4)
    assert mesh.point_data["v"] == pytest.approx(mesh.points[:, :2].sum(1) + 1)
    disk = solution("laplace_disk")
    disk.save(tmp_path / "disk.vtu", nodes=21)
    mesh = meshio.read(tmp_path / "disk.vtu")
    assert np.isfinite(mesh.point_data["u"]).all()
    assert np.hypot(*mesh.points[:, :2].T).max() <= 1 + 1e-9


def test_vtk_of_an_evolution_is_a_series(tmp_path):
    found = solution("heat_2d")
    written = found.save(tmp_path / "field.vtu", nodes=5)
    assert [path.name for path in written] == ["field.pvd", *(f"field_{k:03d}.vtu" for k in range(5))]
    assert set(written) <= set(files_of(found.pde, tmp_path / "field.vtu"))
    last = meshio.read(written[-1])
    assert last.point_data["u"] == pytest.approx(last.points[:, :2].sum(1) + 1)
    assert written[0].read_text().count('timestep="') == 5
    assert found.save(tmp_path / "field.vtu")[-1].name == "field_020.vtu"


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".vtu"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"field{suffix}"
    path.write_text("before")

    def fail(*_):
        raise OSError("full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        solution("cavity").save(path, nodes=5)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_formats_that_cannot_hold_a_solution_are_refused(tmp_path):
    heat, cavity = load_pde("heat"), load_pde("cavity")
    with pytest.raises(ValueError, match=r"solutions are written as .nc, .csv, .vtu .*choose one of these endings"):
        require_format(heat, 1, tmp_path / "field.txt")
    with pytest.raises(ValueError, match=r"VTK is for two or three coordinates of space, 'heat' has 1; use .nc or .csv"):
        require_format(heat, 1, tmp_path / "field.vtu")
    with pytest.raises(ValueError, match=r"VTK holds one boundary condition, there are 3; use .nc"):
        require_format(cavity, 3, tmp_path / "field.vtu")


def test_a_solution_is_asked_inside_the_domain_alone():
    found = solution("laplace_disk", 2)
    assert found([[0.5, 0.25]]).tolist() == [[[0.75]], [[1.5]]]
    assert found(np.zeros((0, 2))).shape == (2, 0, 1)
    with pytest.raises(ValueError, match=r"the point \[0.9, 0.9\] lies outside the domain"):
        found([[0.9, 0.9]])
    with pytest.raises(ValueError, match=r"points of shape \(2,\): expected \(Q, 2\), the coordinates x, y"):
        found([0.5, 0.5])
