"""The parts of a stated task share no example, keep the classes, and refuse what does not fit."""

from dataclasses import dataclass, field

import pytest
import torch

from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.held_out import HeldOutPrediction
from pinndd.stated.parts import Parts, require_same_meaning, room_around, softened
from pinndd.stated.task import blocks


def test_parts_are_a_partition_with_the_same_share_of_every_class():
    inputs = torch.arange(200.0)[:, None]
    labels = torch.arange(200) % 4
    parts = Parts.of_examples(inputs, labels, test_share=0.5, validation_share=0.2)
    rows = torch.cat([part["inputs"] for part in parts.named.values()])
    assert rows[:, 0].sort().values.tolist() == inputs[:, 0].tolist()
    assert [part["targets"].sum(0).tolist() for part in parts.named.values()] == [[20.0] * 4, [5.0] * 4, [25.0] * 4]
    assert parts.train.learnable == ("inputs", "targets")


def test_a_box_has_room_of_its_width_around_every_column():
    box = room_around(torch.tensor([[0.0, 5.0], [1.0, 5.0]]))
    assert box.low == (-1.0, 4.0)
    assert box.high == (2.0, 6.0)


def test_softened_probabilities_sum_to_one_and_others_stay():
    data = SyntheticData({"a": torch.eye(2), "b": torch.ones(2, 1)}, {"a": Simplex(), "b": Fixed()})
    found = softened(data, 0.2)
    assert torch.allclose(found["a"], torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert found["b"].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        (torch.ones(6, 1), torch.tensor([1, 2, 1, 2, 1, 2]), "begin at 1"),
        (torch.ones(6, 1), torch.zeros(6, dtype=torch.int64), "one class"),
        (torch.ones(6, 1), torch.arange(5), "one target per example"),
        (torch.ones(6, 1, dtype=torch.int64), torch.arange(6) % 2, "standardise"),
        (torch.tensor([[1.0], [float("nan")]]), torch.arange(2), "inputs: example 1 holds a value that is not finite"),
        (torch.ones(6, 1), torch.tensor([0, -1, 0, 1, 0, 1]), "label -1 of example 1"),
        (torch.ones(6, 1), torch.ones(6, 1, 2), r"expected values \(N, K\)"),
        (torch.ones(3, 1), torch.tensor([0, 0, 1]), "class 1 has 1 example, expected 3 at least"),
    ],
)
def test_examples_that_do_not_fit_are_refused(inputs, targets, said):
    with pytest.raises(ValueError, match=said):
        Parts.of_examples(inputs, targets)


def test_parts_of_different_examples_are_refused():
    part = SyntheticData({"x": torch.ones(3, 2)}, {"x": Fixed()})
    with pytest.raises(ValueError, match="field 'x': an example of the test part has shape"):
        Parts(part, part, SyntheticData({"x": torch.ones(3, 1)}, {"x": Fixed()}))
    with pytest.raises(ValueError, match="differ in the field 'x'"):
        Parts(part, SyntheticData({"y": torch.ones(3, 2)}, {"y": Fixed()}), part)


@pytest.mark.parametrize(
    ("total", "most", "count", "size"),
    [(40, 20, 20, 2), (41, 20, 20, 2), (7, 20, 7, 1), (45, 20, 15, 3), (10_000, 3, 3, 3333), (999, 4, 3, 333)],
)
def test_blocks_are_disjoint_and_leave_little_over(total, most, count, size):
    pool = torch.arange(float(total))[:, None]
    asked = HeldOutPrediction(pool, pool, 1).blocks(most, seed=1, draw=7)
    assert asked.inputs.shape == (count, size, 1)
    assert len(asked.inputs.unique()) == count * size
    assert asked.seed == 7
    assert torch.equal(asked.inputs, asked.targets)


def test_a_set_whose_columns_meant_something_else_is_refused():
    """The same numbers under states in another order are other patients."""
    columns = {"ill": ("no", "yes")}
    data = SyntheticData({"ill": torch.eye(2)}, {"ill": Fixed()})
    require_same_meaning(columns, data.with_header(columns={"ill": ["no", "yes"]}))
    require_same_meaning(columns, data)
    require_same_meaning({"old": ("a", "b")}, data.with_header(columns={"ill": ["no", "yes"]}))
    with pytest.raises(ValueError, match="columns of 'ill' were yes, no and are no, yes now: give the module or file"):
        require_same_meaning(columns, data.with_header(columns={"ill": ["yes", "no"]}))


def test_blocks_of_a_task_without_its_own_draw_anew_where_episodes_can():
    @dataclass(frozen=True)
    class Asked:
        questions: int
        seed: int = 0

    @dataclass(frozen=True)
    class Settled:
        questions: int
        seed: int = field(default=3, init=False)

    class Asking:
        def __init__(self, kind):
            self.kind = kind

        def episodes(self, count, generator):
            return self.kind(int(torch.randint(1000, (count,), generator=generator).sum()))

    first, other = (blocks(Asking(Asked), 4, seed=1, draw=draw) for draw in (5, 6))
    assert (first.seed, other.seed) == (5, 6)
    assert first.questions == other.questions
    assert blocks(Asking(Settled), 4, seed=1, draw=5).seed == 3
