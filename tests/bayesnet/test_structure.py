"""Hill climbing finds known graphs, up to equivalence, and its score is the BIC."""

from itertools import permutations, product
from math import log

import pytest
import torch

from pinndd.bayesnet import (
    BayesianNetwork,
    Structure,
    Variable,
    equivalent,
    estimate,
    hill_climb,
    load_network,
    log_likelihood,
    sample,
)
from pinndd.bayesnet.structure import BICScores

A, B, C, D = (Variable(name, ("no", "yes")) for name in "abcd")
COLLIDER = Structure((A, B, C, D), {"c": ("a", "b"), "d": ("c",)})


def collider():
    tables = {
        "a": torch.tensor([0.4, 0.6]),
        "b": torch.tensor([0.7, 0.3]),
        "c": torch.tensor([[[0.9, 0.1], [0.3, 0.7]], [[0.4, 0.6], [0.1, 0.9]]]),
        "d": torch.tensor([[0.8, 0.2], [0.25, 0.75]]),
    }
    return BayesianNetwork(COLLIDER, tables)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_graph_is_found(seed):
    rows = sample(collider(), 4000, torch.Generator().manual_seed(seed))
    assert equivalent(hill_climb((A, B, C, D), rows).structure, COLLIDER)


def test_child_is_found_from_many_rows():
    network = load_network("child")
    learned = hill_climb(network.structure.variables, sample(network, 5000, torch.Generator().manual_seed(0)))
    assert equivalent(learned.structure, network.structure)


def test_the_score_is_the_information_criterion():
    network = collider()
    rows = sample(network, 500, torch.Generator().manual_seed(0))
    fitted = log_likelihood(estimate(COLLIDER, rows), rows).sum()
    expected = float(fitted) - 0.5 * log(500) * COLLIDER.parameters
    assert BICScores((A, B, C, D), rows).total(COLLIDER) == pytest.approx(expected)


def test_equivalent_graphs_score_the_same():
    rows = sample(collider(), 500, torch.Generator().manual_seed(0))
    scores = BICScores((A, B, C, D), rows)
    chain = Structure((A, B, C, D), {"b": ("a",), "c": ("b",)})
    turned = Structure((A, B, C, D), {"a": ("b",), "b": ("c",)})
    assert equivalent(chain, turned)
    assert scores.total(chain) == pytest.approx(scores.total(turned))
    assert not equivalent(chain, Structure((A, B, C, D), {"b": ("a", "c")}))


def test_no_graph_of_three_variables_scores_better():
    rows = sample(collider(), 3000, torch.Generator().manual_seed(0))[:, :3]
    scores = BICScores((A, B, C), rows)
    best = -float("inf")
    for order in permutations("abc"):
        for kept in product((False, True), repeat=3):
            arcs = [(order[i], order[j]) for (i, j), keep in zip(((0, 1), (0, 2), (1, 2)), kept, strict=True) if keep]
            parents = {name: tuple(p for p, c in arcs if c == name) for name in "abc"}
            best = max(best, scores.total(Structure((A, B, C), parents)))
    assert hill_climb((A, B, C), rows).score == pytest.approx(best)


def test_a_start_is_repaired():
    # deletes a -> d, reverses the wrong arcs into the collider
    start = Structure((A, B, C, D), {"d": ("a", "c"), "a": ("c",), "b": ("c",)})
    rows = sample(collider(), 4000, torch.Generator().manual_seed(0))
    learned = hill_climb((A, B, C, D), rows, start=start)
    cold = hill_climb((A, B, C, D), rows)
    assert learned.steps > 0
    assert learned.score > BICScores((A, B, C, D), rows).total(start)
    assert learned.score == pytest.approx(cold.score)


def test_patience_leads_over_a_plateau():
    rows = sample(collider(), 4000, torch.Generator().manual_seed(0))
    plain, patient = hill_climb((A, B, C, D), rows, patience=0), hill_climb((A, B, C, D), rows)
    assert plain.score < patient.score - 1
    assert not equivalent(plain.structure, COLLIDER)


def test_a_weight_is_a_number_of_copies():
    rows = sample(collider(), 300, torch.Generator().manual_seed(0))
    weights = torch.arange(300) % 3
    weighted = hill_climb((A, B, C, D), rows, weights=weights.double())
    copied = hill_climb((A, B, C, D), rows.repeat_interleave(weights, 0))
    assert weighted.structure == copied.structure
    assert weighted.score == pytest.approx(copied.score)


def test_the_number_of_parents_is_limited():
    rows = sample(collider(), 4000, torch.Generator().manual_seed(0))
    learned = hill_climb((A, B, C, D), rows, most_parents=1)
    assert max(map(len, learned.structure.parents.values())) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hill_climb((A, B), torch.tensor([[0, -1]])), "row 0, column 'b' is missing"),
        (lambda: hill_climb((A, B), torch.zeros((0, 2), dtype=torch.int64)), "there are no rows"),
        (lambda: hill_climb((A, B), torch.tensor([[0, 1]]), start=COLLIDER), "other variables"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
