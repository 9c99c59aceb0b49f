"""Protocols: stored, read back, and refused where they do not fit."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pinndd.data import SyntheticData
from pinndd.study.classification import ARCHITECTURES, EvaluationProtocol, random_samples, whitened
from pinndd.study.classification.protocol import numbers
from pinndd.vision.whitening import ZCA

PROTOCOLS = {
    "plain": EvaluationProtocol(),
    "all": EvaluationProtocol(
        "MLP", {"hidden": (8, 4)}, steps=7, learning_rate=0.03, final=0.5, decay=0.001, loss="squared-error", batch=5,
        augmentation={"strategies": ("crop", "scale"), "crop": 0.2}, retrainings=3, seed=9, dtype="float64", dataset="shapes",
        mean=(0.1,), std=(0.9,), whitening=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_comes_back_from_the_file_of_a_set(shapes, generator, tmp_path, name):
    path = tmp_path / "set.npz"
    PROTOCOLS[name].store(random_samples(shapes, 2, generator)).save(path)
    assert EvaluationProtocol.stored(SyntheticData.load(path)) == PROTOCOLS[name]


def test_a_protocol_names_builds_and_trains(shapes):
    protocol = PROTOCOLS["all"]
    assert protocol.name == "MLP(hidden=(8, 4))"
    assert protocol.seeds == (9, 10, 11)
    model = protocol.model((1, 8, 8), 3)
    assert model.size == 64 * 8 + 8 + 8 * 4 + 4 + 4 * 3 + 3
    learner = protocol.learner(model)
    assert (learner.steps, learner.learning_rate, learner.final, learner.dtype) == (7, 0.03, 0.5, torch.float64)
    assert protocol.augment().strategies == ("crop", "scale")
    assert EvaluationProtocol().augment() is None
    assert [EvaluationProtocol(mixed=mixed).model((1, 8, 8), 3).mixed for mixed in (False, True)] == [False, True]
    conv = protocol.with_network("ConvNet", width=4, depth=2)
    assert conv.model((1, 8, 8), 3).network[0].out_channels == 4
    assert (conv.steps, conv.seed) == (7, 9)


def test_a_registry_of_ones_own(shapes):
    def linear(shape, classes, **options):
        return lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

    protocol = EvaluationProtocol("linear")
    assert protocol.model((1, 8, 8), 3, {**ARCHITECTURES, "linear": linear}).size == 195
    with pytest.raises(ValueError, match="architecture 'linear' is unknown: expected one of ConvNet, MLP; pass the builder"):
        protocol.model((1, 8, 8), 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"retrainings": 0}, "retrainings=0 must be at least 1"),
        ({"seed": -1}, "seed=-1 not negative"),
        ({"batch": 0}, "batch=0 None or at least 1"),
        ({"loss": "hinge"}, "loss='hinge', expected one of cross-entropy, squared-error"),
        ({"dtype": "half"}, "dtype='half', expected one of float32, float64"),
        ({"mixed": True, "dtype": "float64"}, "mixed precision needs dtype='float32', got 'float64'"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        EvaluationProtocol(**settings)


def test_options_that_do_not_fit():
    with pytest.raises(ValueError, match=r"architecture ConvNet\(hidden=3\) cannot be built.*'hidden'; correct its options"):
        EvaluationProtocol("ConvNet", {"hidden": 3}).model((1, 8, 8), 3)
    with pytest.raises(ValueError, match=r"examples have shape \(64,\), expected channels, height and width: take an MLP"):
        EvaluationProtocol("ConvNet").model((64,), 3)
    with pytest.raises(ValueError, match=r"augmentation .*'size'.* cannot be built"):
        EvaluationProtocol(augmentation={"size": 2}).augment()


def test_headers_that_hold_no_protocol(shapes, generator):
    data = random_samples(shapes, 1, generator)
    with pytest.raises(ValueError, match="the header of the set has no 'evaluation': store one with"):
        EvaluationProtocol.stored(data)
    with pytest.raises(
        ValueError, match="the protocol of the set has the entry 'momentum', which this version does not know"
    ):
        EvaluationProtocol.stored(data.with_header(evaluation={"steps": 3, "momentum": 0.9}))
    with pytest.raises(ValueError, match=r"'evaluation' that is none \(Expected `int`, got `str` - at `\$.steps`"):
        EvaluationProtocol.stored(data.with_header(evaluation={"steps": "x"}))


def test_sets_and_data_sets_that_do_not_fit(shapes, generator):
    data, protocol = random_samples(shapes, 1, generator), EvaluationProtocol().on(shapes)
    protocol.check(data, shapes)
    assert protocol.dataset == "shapes"
    assert protocol.mean == numbers(shapes.mean)
    with pytest.raises(ValueError, match="the protocol is for the data set 'shapes', got 'other'"):
        protocol.check(data, replace(shapes, name="other"))
    with pytest.raises(
        ValueError, match=r"the set is for inputs standardised with mean .* load the data set in the same way"
    ):
        protocol.check(data, replace(shapes, mean=shapes.mean + 0.1))
    # means are compared in units of the spread: of seconds since 1970, an hour is a ten-thousandth of a ten-thousandth
    late = replace(shapes, mean=shapes.mean.double() + 1.7e9)
    with pytest.raises(ValueError, match="standardised with mean"):
        EvaluationProtocol().on(late).check(data, replace(late, mean=late.mean + 3600))
    with pytest.raises(ValueError, match="standardised with std"):
        protocol.check(data, replace(shapes, std=shapes.std.expand(3, 1, 1)))
    with pytest.raises(
        ValueError, match=r"the set has inputs of shape \(1, 4, 8\) and targets \(3,\), 'shapes' has \(1, 8, 8\)"
    ):
        protocol.check(data.with_fields({"inputs": data["inputs"][:, :, :4]}), shapes)
    with pytest.raises(ValueError, match="whitening=False, but the set holds a whitening"):
        protocol.check(whitened(data, ZCA.fit(shapes.train_inputs)), shapes)
    with pytest.raises(ValueError, match="whitening=True, but the set holds no whitening"):
        replace(protocol, whitening=True).check(data, shapes)
