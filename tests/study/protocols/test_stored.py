"""A set from a file is compared with what its protocol needs before any work: one line names file, field and remedy."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import pinndd
from pinndd import SyntheticData
from pinndd.cli import app
from pinndd.constraints import Fixed
from pinndd.data import DataFileError
from pinndd.pinn.declare.loading import load_pde, remembered
from pinndd.pinn.models.solved_conditions import condition_data
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.sets.tuples import tuple_data
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.solved.bench import kernel_of
from pinndd.study.protocols.stored import require_fits

HEADER = {"protocol": "retrain", "learner": "ridge", "learner_settings": {"width": 64, "scale": 1.0, "penalty": 1e-8}, "seed": 0}


@pytest.fixture(scope="module")
def heat():
    return load_pde("heat")


@pytest.fixture(scope="module")
def points(heat):
    interior, boundary = sample_points(heat, "sobol", 16, 9, 0)
    return collocation_data(heat, interior, boundary).with_header(pde="heat", **remembered(heat), **HEADER)


def changed(data, **fields):
    """The set with fields of any shape and type, without constraints; None takes a field away."""
    kept = {n: v for n, v in {**data.fields, **fields}.items() if v is not None}
    return SyntheticData(kept, dict.fromkeys(kept, Fixed()), data.header)


@pytest.mark.parametrize("name", NAMES)
def test_sets_of_every_protocol_fit(name, heat, points):
    codes = heat.ensemble().sample(3, torch.Generator().manual_seed(0))
    both = {n: torch.cat((points[n], torch.zeros(len(points[n]), codes.shape[1])), -1) for n in ("interior", "left", "right", "start")}
    sets = {
        "retrain": points,
        "sensors": points,
        "amortised": tuple_data(heat, both.pop("interior"), both),
        "solved": condition_data(heat, codes, torch.eye(codes.shape[1], dtype=torch.float64)),
    }
    require_fits(protocol_named(name), heat, sets[name])
    for other in set(NAMES) - {name} - ({"retrain", "sensors"} if name in ("retrain", "sensors") else set()):
        with pytest.raises(DataFileError, match=r"has (the|no) (field|header.learner)"):
            require_fits(protocol_named(other), heat, changed(sets[name]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"left": None}, "has no field 'left', which the protocol retrain needs for 'heat'"),
        ({"interior": torch.rand(4, 3).double()}, r"'interior' of shape \[4, 3\], expected \[any, 2\]"),
        ({"interior": torch.rand(4).double()}, r"'interior' of shape \[4\], expected \[any, 2\]"),
        ({"boundary_weight": torch.ones(1).double()}, r"'boundary_weight' of shape \[1\], expected \[\]"),
        ({"interior": torch.rand(4, 2)}, "'interior' of type float32, expected float64"),
        ({"start": torch.zeros(4, 1, dtype=torch.int64)}, "'start' of type int64, expected float64"),
        ({"interior": torch.full((4, 2), 1.5).double()}, "'interior' with points outside the domain of the PDE, by 0.5 of its size"),
        ({"left": torch.full((4, 1), -0.25).double()}, "'left' with points outside .* by 0.25 "),
    ],
)
def test_fields_that_do_not_fit(fields, message, heat, points):
    with pytest.raises(DataFileError, match=rf"{message}.*: distill it again"):
        require_fits(protocol_named("retrain"), heat, changed(points, **fields))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"seed": {"a": 1}}, "header.seed: Expected int, got object"),
        ({"seed": -1}, "header.seed: Expected int >= 0, found -1"),
        ({"seed": 2**63}, "header.seed: Expected int"),
        ({"seed": True}, "header.seed: Expected int, got bool"),
        ({"learner": ["ridge"]}, "header.learner: Expected str, got array"),
        ({"learner": "rigde"}, "header.learner 'rigde', expected one of ridge, gauss-newton"),
        ({"learner_settings": 3}, "header.learner_settings: Expected object, got int"),
        ({"learner_settings": {"width": 0}}, "header.learner_settings.width: Expected int >= 1, found 0"),
        ({"learner_settings": {"width": "x"}}, "header.learner_settings.width: Expected int, got str, found 'x'"),
        ({"learner_settings": {"width": 10**9}}, "header.learner_settings.width: Expected int <= 100000"),
        ({"learner_settings": {"scale": float("nan")}}, "header.learner_settings.scale: Expected float"),
        ({"learner_settings": {"scale": -1.0}}, "header.learner_settings.scale: Expected float > 0"),
        ({"learner_settings": {"hidden": [[]]}}, "header.learner_settings.hidden"),
        ({"learner_settings": {"penalty": None}}, "header.learner_settings.penalty: Expected float, got null"),
    ],
)
def test_headers_that_do_not_fit(entries, message, heat, points, tmp_path):
    path = tmp_path / "set.npz"
    points.with_header(**entries).save(path)
    for arguments in (["export", str(path)], ["evaluate", str(path)]):
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert str(path) in done.stderr
        assert done.stderr.endswith(": distill it again\n")
    with pytest.raises(DataFileError, match=message):
        pinndd.evaluate(path, "heat")
    with pytest.raises(DataFileError, match=message):
        pinndd.solve("heat", {"left": 0.0, "right": 0.0, "start": 1.0}, data=path)


@pytest.mark.parametrize("protocol", ["x", 3, None, ["retrain"]])
def test_a_protocol_that_is_none(protocol, points, tmp_path):
    points.with_header(protocol=protocol).save(tmp_path / "set.npz")
    done = CliRunner().invoke(app, ["export", str(tmp_path / "set.npz")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert "protocol" in done.stderr


@pytest.mark.parametrize("stored", [{}, {"settings": 3}, *({"settings": {"kernel": {"length": v}}} for v in ("x", -1.0))])
def test_a_kernel_that_is_none(stored, heat):
    data = SyntheticData({"conditions": torch.zeros(1, 1)}, {"conditions": Fixed()}, stored)
    with pytest.raises(ValueError, match=r"Expected|must be positive"):
        kernel_of(data)


@given(drawn=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fields_of_any_kind(drawn, heat, points):
    """Any array in place of a field is taken only if it has shape and type, and lies in the domain."""
    name = drawn.draw(st.sampled_from(list(points.fields)))
    shape = drawn.draw(st.lists(st.integers(0, 3), max_size=3))
    dtype = drawn.draw(st.sampled_from([torch.float64, torch.float32, torch.int64, torch.bool, torch.complex64]))
    value = (drawn.draw(st.sampled_from([0.0, 0.5, 2.0, -1.0])) * torch.ones(shape)).to(dtype)
    data = changed(points, **{name: value})
    like = points[name]
    fits = dtype == torch.float64 and len(shape) == like.dim() and tuple(shape[1:]) == tuple(like.shape[1:])
    inside = like.dim() == 0 or not value.numel() or bool((value.real >= 0).all() and (value.real <= 1).all())
    if fits and inside:
        require_fits(protocol_named("retrain"), heat, data)
    else:
        with pytest.raises(DataFileError, match=f"has the field '{name}'"):
            require_fits(protocol_named("retrain"), heat, data)
