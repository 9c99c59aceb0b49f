"""Baselines: recorded cells stay, dependence survives where it must, and the known order on a network with a truth."""

import pytest
import torch

from pinndd.bayesnet import (
    MISSING,
    BDeu,
    Query,
    QueryBatch,
    Structure,
    Variable,
    estimate,
    expectation_maximisation,
    load_network,
    sample,
)
from pinndd.bayesnet.baselines import (
    available_case,
    best_hospital,
    complete_case,
    hot_deck,
    k_modes,
    mice_cart,
)
from pinndd.bayesnet.hospitals import draw_subsets, split

ASIA = load_network("asia")
TRIPLE = Structure(tuple(Variable(n, ("x", "y", "z")) for n in "abc"), {"b": ("a",), "c": ("b",)})


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def asia():
    """Three hospitals of 60 rows of asia."""
    names = ASIA.structure.names
    subsets = {"n": names[:6], "s": names[2:], "w": (*names[:3], *names[5:])}
    return split(ASIA.structure.variables, sample(ASIA, 180, generator()), subsets)


def copies(rows=90):
    """Return rows with a = b = c, of which each third lacks one cell."""
    complete = torch.randint(3, (rows, 1), generator=generator()).expand(rows, 3)
    lost = torch.arange(rows)[:, None] % 3 == torch.arange(3)
    return complete, complete.masked_fill(lost, MISSING)


@pytest.mark.parametrize(
    "fill", [lambda *a: mice_cart(*a, imputations=1, sweeps=2), hot_deck, lambda *a: hot_deck(*a, donors=1)]
)
def test_recorded_cells_stay_and_the_generator_decides(asia, fill):
    filled = fill(ASIA.structure, asia.rows, generator())
    recorded = asia.rows != MISSING
    assert torch.equal(filled[recorded], asia.rows[recorded])
    assert bool((filled >= 0).all())
    assert torch.equal(filled, fill(ASIA.structure, asia.rows, generator()))
    assert not torch.equal(filled, fill(ASIA.structure, asia.rows, generator(1)))


@pytest.mark.parametrize("fill", [lambda *a: mice_cart(*a, imputations=1), hot_deck])
def test_a_cell_that_the_others_determine_is_found(fill):
    complete, rows = copies()
    assert torch.equal(fill(TRIPLE, rows, generator()), complete)


def test_imputations_lie_one_below_the_other():
    complete, rows = copies()
    assert torch.equal(mice_cart(TRIPLE, rows, generator(), imputations=3), complete.repeat(3, 1))


def test_a_hot_deck_row_takes_its_cells_from_one_donor():
    # two kinds of donors agree with the last row equally well; its cells must not be a mixture
    rows = torch.tensor([[0, 0, 0], [0, 1, 1]] * 10 + [[0, MISSING, MISSING]] * 40)
    filled = hot_deck(TRIPLE, rows, generator())
    assert set(map(tuple, filled[20:].tolist())) == {(0, 0, 0), (0, 1, 1)}


def test_a_hot_deck_without_common_columns_takes_any_donor():
    rows = torch.tensor([[0, MISSING, MISSING], [MISSING, 1, 2]])
    assert hot_deck(TRIPLE, rows, generator()).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_complete_rows_give_every_network_the_same(asia):
    rows = sample(ASIA, 200, generator(2))
    right = estimate(ASIA.structure, rows)
    for found in (complete_case(ASIA.structure, rows), available_case(ASIA.structure, rows)):
        for name in ASIA.structure.names:
            torch.testing.assert_close(found[name], right[name])
    filled = mice_cart(ASIA.structure, rows, generator(), imputations=2)
    assert torch.equal(filled, rows.repeat(2, 1))
    assert torch.equal(hot_deck(ASIA.structure, rows, generator()), rows)


def test_complete_and_available_case_use_their_rows_only():
    rows = torch.tensor([[0, 0, 0], [0, 1, MISSING], [1, 2, MISSING]])
    assert complete_case(TRIPLE, rows)["b"][0].tolist() == [1, 0, 0]
    assert available_case(TRIPLE, rows)["b"].tolist() == [[0.5, 0.5, 0], [0, 0, 1], pytest.approx([1 / 3] * 3)]
    assert complete_case(TRIPLE, rows[1:])["a"].tolist() == pytest.approx([1 / 3] * 3)


def test_best_hospital_is_the_one_that_knows_most():
    rows = sample(ASIA, 300, generator())
    names = ASIA.structure.names
    table = split(ASIA.structure.variables, rows, {"poor": names[:2], "rich": names, "some": names[:5]})
    name, network = best_hospital(ASIA.structure, table)
    assert name == "rich"
    right = estimate(ASIA.structure, table.table("rich"), prior=BDeu(1.0))
    torch.testing.assert_close(network["dysp"], right["dysp"])
    with pytest.raises(ValueError, match="other variables"):
        best_hospital(TRIPLE, table)


def test_k_modes_finds_groups_and_leaves_no_cell_empty():
    _, rows = copies()
    found = [k_modes(TRIPLE, rows, 3, generator(seed)) for seed in range(8)]
    costs = [cost(rows, modes) for modes in found]
    assert min(costs) == 0
    best = found[costs.index(0)]
    assert sorted(best.rows.tolist()) == [[k] * 3 for k in range(3)]
    assert best.weights.sum() == 90
    assert all(modes.converged and bool((modes.rows >= 0).all()) for modes in found)


def test_k_modes_never_gets_worse(asia):
    costs = [cost(asia.rows, k_modes(ASIA.structure, asia.rows, 5, generator(), most=most)) for most in range(1, 8)]
    assert costs == sorted(costs, reverse=True)


def cost(rows, modes):
    """Return the number of recorded cells that differ from the nearest mode, over all rows."""
    different = (rows[:, None] != modes.rows) & (rows[:, None] != MISSING)
    return int(different.sum(-1).min(-1).values.sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rows: mice_cart(TRIPLE, rows, generator()), "mice_cart: column 'c' is recorded in no row"),
        (lambda rows: hot_deck(TRIPLE, rows, generator()), "hot_deck: column 'c' is recorded in no row"),
        (lambda rows: k_modes(TRIPLE, rows, 1, generator()), "k_modes: column 'c' is recorded in no row"),
        (lambda rows: mice_cart(TRIPLE, rows, generator(), sweeps=0), "sweeps=0"),
        (lambda rows: hot_deck(TRIPLE, rows, generator(), donors=0), "donors=0"),
        (lambda rows: k_modes(TRIPLE, rows, 9, generator()), "count=9 must be from 1 to the number of rows, 2"),
        (lambda rows: complete_case(TRIPLE, rows + 5), "row 0, column 'a': code 5"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([[0, 0, MISSING], [1, 2, MISSING]]))


def test_the_known_order_on_asia():
    """Oracle, expectation maximisation, few drawn rows and no complete row, in this order, on average over data sets."""
    names = ASIA.structure.names
    queries = QueryBatch(ASIA.structure, tuple(Query(name, {"smoke": "yes"}) for name in names if name != "smoke"))
    right, prior, errors = queries(ASIA.tables), BDeu(1.0), []
    for seed in range(6):
        rows = sample(ASIA, 300, generator(seed))
        hospitals = split(ASIA.structure.variables, rows, draw_subsets(ASIA.structure.variables, 3, 0.26, generator(seed)))
        merged = expectation_maximisation(ASIA.structure, hospitals.rows, prior=prior).network
        networks = [
            estimate(ASIA.structure, rows, prior=prior),
            merged,
            estimate(ASIA.structure, sample(merged, 20, generator(seed)), prior=prior),
            complete_case(ASIA.structure, hospitals.rows[(hospitals.rows == MISSING).any(-1)], prior=prior),
        ]
        errors.append([float((queries(network.tables) - right).abs().sum(-1).mean()) for network in networks])
    means = torch.tensor(errors).mean(0).tolist()
    assert means == sorted(means)
