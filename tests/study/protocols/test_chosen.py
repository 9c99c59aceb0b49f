"""Magic points and pivoted QR as baselines: their sizes, their places, and what they determine."""

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.collocation import collocation_data, point_counts
from pinndd.study.protocols.retrain import chosen
from pinndd.study.protocols.retrain.chosen import MAGIC_POINTS, PIVOTED_QR, candidates_of, chosen_by_features

SIZE = {"points": 10, "boundary_points": 9}


@pytest.fixture(autouse=True)
def small_cloud(monkeypatch, few_designs):
    monkeypatch.setattr(chosen, "CLOUD", (120, 60))


# a second order in time with two conditions at one place; a system with derivatives; single points; a nonlinear system
@pytest.mark.parametrize("name", ["wave", "elasticity", "burgers", "cavity"])
def test_both_sets_have_the_size_of_the_study_and_points_on_every_condition(opened, name):
    pde = load_pde(name)
    size = {"points": 10, "boundary_points": max(9, len(pde.valued) + 2)}
    (bench,) = opened("retrain", pde, size=size, learner=None).benches(0)
    methods = chosen_by_features(bench)
    assert [m.name for m in methods] == [MAGIC_POINTS, PIVOTED_QR]
    for method in methods:
        assert point_counts(pde, method.data) == (10, sum(chosen.allocate(pde, size["boundary_points"]).values()))
        assert all(len(method.data[c.name]) >= 1 for c in pde.valued)
        assert len(method.data["interior"].unique(dim=0)) == 10
        assert method.details.startswith("weights")
        assert not method.ceiling


def test_candidates_know_what_equation_and_conditions_make_of_the_features(opened):
    (bench,) = opened("retrain", "wave", size=SIZE).benches(0)
    found = candidates_of(bench)
    assert found.values.shape == (120, bench.learner.model.width)
    # by hand: a least-squares matrix of unit weights
    data = collocation_data(bench.pde, found.interior, found.boundary, 60.0, interior_weight=120.0)
    matrix, _ = bench.learner.model.system(data, bench.conditions.plain[:1].with_seed(bench.training_draw))
    assert torch.allclose(torch.cat((found.residuals, found.traces)), matrix, atol=1e-12)
    assert found.conditions.bincount().tolist() == [0, *(len(b) for b in found.boundary.values())]
    interior, boundary = found.chosen([3, 1], [0, len(found.conditions) - 1])
    assert torch.equal(interior, found.interior[[3, 1]])
    names = list(found.boundary)
    assert torch.equal(boundary[names[0]], found.boundary[names[0]][:1])
    assert torch.equal(boundary[names[-1]], found.boundary[names[-1]][-1:])


def test_pivots_span_a_larger_volume_than_every_design(opened):
    (bench,) = opened("retrain", "heat", size={"points": 20, "boundary_points": 12}).benches(0)
    best = min(bench.designs, key=lambda m: m.error)
    _, pivoted = chosen_by_features(bench)
    episodes = bench.conditions.plain[:1].with_seed(bench.training_draw)

    def volume(data):
        """Return the logarithm of the volume that the rows span, with equal weights."""
        fields = {name: best.data[name] for name in ("interior_weight", "boundary_weight")}
        return float(torch.linalg.svdvals(bench.learner.model.system(data.with_fields(fields), episodes)[0]).log().sum())

    assert volume(pivoted.data) > max(volume(m.data) for m in bench.designs)


def test_a_nonlinear_residual_is_linearised_at_several_fits(opened):
    (bench,) = opened("retrain", "burgers", size=SIZE).benches(0)
    found = candidates_of(bench)
    assert found.residuals.shape == (120, chosen.LINEARISED * found.traces.shape[-1])
    parts = found.residuals.split(found.traces.shape[-1], -1)
    assert not torch.allclose(parts[0], parts[1])


def test_a_network_without_features_chooses_nothing(opened):
    (bench,) = opened("retrain", "heat", size=SIZE, learner="mlp-lm").benches(0)
    assert chosen_by_features(bench) == []
    assert not any("are chosen from" in note for note in bench.study.notes(bench))


def test_a_first_look_with_a_slow_learner_says_that_they_are_left_out(opened):
    study = opened("retrain", "burgers", size=SIZE)
    (bench,) = study.benches(0)
    assert any("magic-points, pivoted-qr) are left out" in note for note in study.notes(bench))
    assert not {MAGIC_POINTS, PIVOTED_QR} & {m.name for m in bench.rivals()}
