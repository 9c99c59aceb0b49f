"""Hospitals: the splitter keeps every variable and reaches its share, and every misuse is refused at the door."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import MISSING, Variable, load_network, sample
from pinndd.bayesnet.hospitals import Hospitals, draw_subsets, split

TWO = (Variable("a", ("x", "y")), Variable("b", ("x", "y")))


def variables(count):
    return tuple(Variable(f"v{k}", ("x", "y")) for k in range(count))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(6, 20),
    hospitals=st.integers(2, 5),
    missing=st.sampled_from([0.0, 0.1, 0.26, 0.42]),
    seed=st.integers(0, 999),
)
def test_drawn_subsets_reach_the_share_and_keep_every_variable(count, hospitals, missing, seed):
    # two hospitals that share one column at least can miss a little less than half
    generator = torch.Generator().manual_seed(seed)
    if round(missing * hospitals * count) > (hospitals - 1) * (count - 1):
        return
    subsets = draw_subsets(variables(count), hospitals, missing, generator, everywhere=("v0",))
    assert sum(len(s) for s in subsets.values()) == hospitals * count - round(missing * hospitals * count)
    assert set().union(*subsets.values()) == {f"v{k}" for k in range(count)}
    assert all("v0" in subset for subset in subsets.values())
    rows = torch.zeros((7 * hospitals, count), dtype=torch.int64)
    table = split(variables(count), rows, subsets)
    assert table.missing == pytest.approx(round(missing * hospitals * count) / (hospitals * count))


@pytest.mark.parametrize("missing", [0.26, 0.42])
def test_every_hospital_shares_a_column_without_being_told(missing):
    child = load_network("child").structure.variables
    for seed in range(20):
        subsets = draw_subsets(child, 3, missing, torch.Generator().manual_seed(seed))
        for name, columns in subsets.items():
            assert set(columns) & set().union(*(other for key, other in subsets.items() if key != name))
        assert 60 - sum(len(columns) for columns in subsets.values()) == round(missing * 60)


def test_split_loses_only_what_a_hospital_does_not_record():
    network = load_network("asia")
    names = network.structure.names
    rows = sample(network, 11, torch.Generator().manual_seed(0))
    subsets = {"north": names[:5], "south": names[3:]}
    table = split(network.structure.variables, rows, subsets)
    assert table.membership.tolist() == [0] * 6 + [1] * 5
    assert table.columns("north") == names[:5]
    assert torch.equal(table.table("south")[:, 3:], rows[6:, 3:])
    assert bool((table.table("south")[:, :3] == MISSING).all())
    shuffled = split(network.structure.variables, rows, subsets, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(shuffled.rows, table.rows)
    # columns 3 and 4 are recorded everywhere: the same cells, in another order
    assert sorted(shuffled.rows[:, 3:5].tolist()) == sorted(rows[:, 3:5].tolist())


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({"n": ("a",), "s": ("c", "a")}, "hospital 's': unknown variable 'c'"),
        ({"n": ("a",), "s": ("a",)}, "variable 'b' is recorded by no hospital"),
        ({"n": ("a",), "s": ("b",)}, "hospital 'n' shares no column"),
        ({"n": ("a", "b"), "s": ()}, "hospital 's' is empty"),
        ({}, "variable 'a' is recorded by no hospital"),
        ({k: ("a", "b") for k in "klmno"}, "4 rows are too few for 5 hospitals"),
    ],
)
def test_split_refuses(subsets, message):
    with pytest.raises(ValueError, match=message):
        split(TWO, torch.zeros((4, 2), dtype=torch.int64), subsets)


def test_bad_settings_and_tables_are_refused():
    generator = torch.Generator()
    with pytest.raises(ValueError, match="hospitals=1"):
        draw_subsets(TWO, 1, 0.2, generator)
    with pytest.raises(ValueError, match=r"missing=0\.9 cannot be reached"):
        draw_subsets(variables(8), 3, 0.9, generator)
    rows = torch.zeros((3, 2), dtype=torch.int64)
    with pytest.raises(ValueError, match="row 2: hospital 7"):
        Hospitals(TWO, ("n", "s"), rows, torch.tensor([0, 1, 7]))
    with pytest.raises(ValueError, match="membership has shape"):
        Hospitals(TWO, ("n", "s"), rows, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="unknown hospital 'west'"):
        Hospitals(TWO, ("n", "s"), rows, torch.tensor([0, 1, 1])).table("west")
