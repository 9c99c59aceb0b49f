"""Solved fields of some conditions as the reference: files of every kind, what they judge, and what is wrong with them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import pinndd
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.declare.recorded import RecordedSolutionsError, solutions_from
from pinndd.pinn.solving.truth import solutions, truth_errors
from pinndd.study.protocols.conditions import fresh_tests
from pinndd.study.protocols.settings import StudySettings

AMPLITUDES = {"left": [1.0, 0.2, 0, 0, 0, 0, 0], "right": [0.0] * 7, "start": [0.5, 0.0, 0.1]}


@pytest.fixture(scope="module")
def heat():
    return pinndd.load_pde("heat")


@pytest.fixture(scope="module")
def coefficients(heat):
    ensemble = heat.ensemble()
    drawn = ensemble.sample(2, torch.Generator().manual_seed(1))
    return [{n: row[ensemble.slices[n]].tolist() for n in ensemble.families} for row in drawn]


def fields(heat, given, nodes):
    ensemble = heat.ensemble()
    row = torch.cat([torch.tensor(given[n], dtype=torch.float64) for n in ensemble.families])
    return heat.reference(BoundaryValues(ensemble, row[None]), torch.from_numpy(nodes))[0].numpy()


def write(path, nodes, u):
    x, t = nodes.T
    if path.suffix == ".csv":
        pd.DataFrame({"x": x, "t": t, "u": u}).to_csv(path, index=False)
    elif path.suffix == ".npz":
        np.savez(path, points=nodes, u=u)
    else:
        xr.Dataset({"x": ("node", x), "t": ("node", t), "u": ("node", u)}).to_netcdf(path, engine="scipy")
    return path


@pytest.fixture(params=[".csv", ".npz", ".nc"])
def recorded(request, heat, coefficients, tmp_path):
    nodes = np.random.default_rng(0).random((2500, 2))
    files = {}
    for k, given in enumerate(coefficients):
        files[write(tmp_path / f"field{k}{request.param}", nodes, fields(heat, given, nodes))] = given
    return replace(heat, reference=solutions_from(files))


def test_recorded_fields_are_interpolated_from_any_nodes(recorded, heat, coefficients):
    points = torch.rand((200, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.96 + 0.02
    rows = recorded.reference.read.coefficients
    found = solutions(recorded, BoundaryValues(recorded.ensemble(), rows), points)
    for k, given in enumerate(coefficients):
        true = fields(heat, given, points.numpy())
        assert np.linalg.norm(found[k, :, 0].numpy() - true) < 2e-3 * np.linalg.norm(true)


def test_the_recorded_conditions_judge_and_others_are_estimated(recorded):
    tests = fresh_tests(recorded, StudySettings(test_conditions=3, shifts=("none", "frequency"), device="cpu")).episodes
    torch.testing.assert_close(tests["none"].values.coefficients, recorded.reference.read.coefficients)
    assert tests["none"].truth_error is None
    assert len(tests["frequency"]) == 3
    assert (tests["frequency"].truth_error > 0).all()


def test_the_fast_solver_gives_what_is_not_recorded(recorded, heat):
    points = heat.box.scale(torch.rand((100, 2), generator=torch.Generator().manual_seed(2), dtype=torch.float64))
    ensemble = heat.ensemble()
    rows = torch.cat((recorded.reference.read.coefficients[:1], ensemble.sample(2, torch.Generator().manual_seed(5))))
    values = BoundaryValues(ensemble, rows)
    found, true = solutions(recorded, values, points), solutions(heat, values, points)
    assert ((found - true).flatten(1).norm(dim=1) < 5e-3 * true.flatten(1).norm(dim=1)).all()
    errors = truth_errors(recorded, values)
    assert errors[0] == 0
    assert (errors[1:] > 0).all()


def test_a_condition_that_is_not_recorded_is_named(recorded):
    ensemble = recorded.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(1, torch.Generator().manual_seed(9)))
    with pytest.raises(RecordedSolutionsError, match="no solution of the coefficients"):
        recorded.reference(values, torch.zeros((1, 2), dtype=torch.float64))


def test_a_field_on_a_grid_is_read_from_netcdf(heat, coefficients, tmp_path):
    axis = np.linspace(0, 1, 30)
    mesh = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    u = fields(heat, coefficients[0], mesh).reshape(30, 30)
    path = tmp_path / "grid.nc"
    xr.Dataset({"u": (("x", "t"), u)}, {"x": axis, "t": axis}).to_netcdf(path, engine="scipy")
    pde = replace(heat, reference=solutions_from({path: coefficients[0]}))
    assert pde.reference.read.nodes[0].shape == (900, 2)


def table(**changes):
    frame = pd.DataFrame({"x": [0.0, 0.5, 1.0], "t": [0.0, 0.5, 1.0], "u": [0.0, 1.0, 2.0]})
    return frame.assign(**changes)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (table().drop(columns="u"), "has no 'u': expected x, t, u, found x, t"),
        (table(u=[0.0, np.nan, 1.0]), "row 2 holds a value that is no finite number"),
        (table(x=[0.0, 0.5, 1.5]), "the node x = 1.5, t = 1 lies outside the domain"),
        (table().iloc[:0], "there are no rows"),
    ],
)
def test_damaged_tables_are_refused(heat, coefficients, tmp_path, frame, said):
    path = tmp_path / "field.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(RecordedSolutionsError, match=said):
        replace(heat, reference=solutions_from({path: coefficients[0]}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"left": AMPLITUDES["left"]}, "coefficients of left; expected those of left, right, start"),
        (AMPLITUDES | {"start": [1.0]}, r"start=\[1.0\]; expected 3 finite coefficients"),
    ],
)
def test_coefficients_must_fit_the_family(heat, tmp_path, given, said):
    path = tmp_path / "field.csv"
    table().to_csv(path, index=False)
    with pytest.raises(RecordedSolutionsError, match=said):
        replace(heat, reference=solutions_from({path: given}))


def test_files_that_are_none(heat, coefficients, tmp_path):
    with pytest.raises(RecordedSolutionsError, match="no files"):
        solutions_from({})
    with pytest.raises(FileNotFoundError, match=r"no file .*missing.csv of solved fields"):
        replace(heat, reference=solutions_from({tmp_path / "missing.csv": coefficients[0]}))
    odd = tmp_path / "field.txt"
    odd.write_text("x")
    with pytest.raises(RecordedSolutionsError, match=r"read from .csv, .nc and .npz"):
        replace(heat, reference=solutions_from({odd: coefficients[0]}))
    broken = tmp_path / "field.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(RecordedSolutionsError, match="damaged"):
        replace(heat, reference=solutions_from({broken: coefficients[0]}))
