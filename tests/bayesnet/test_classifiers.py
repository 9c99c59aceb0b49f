"""Naive Bayes and its tree: the tree that made the rows is found again."""

import pytest
import torch

from pinndd.bayesnet import MISSING, BayesianNetwork, Structure, Variable, sample
from pinndd.bayesnet.classifiers import naive_bayes, tree_augmented

VARIABLES = tuple(Variable(name, ("0", "1")) for name in ("a", "b", "c", "d", "e", "ill"))


def made_by(parents):
    """A network whose findings follow their finding parent in nine of ten cases, and the target a little."""
    structure = Structure(VARIABLES, parents)
    tables = {"ill": torch.tensor([0.6, 0.4], dtype=torch.float64)}
    for name in "abcde":
        shape = structure.shape(name)
        chance = torch.full(shape[:-1], 0.4, dtype=torch.float64)
        if len(shape) == 3:
            chance = torch.tensor([[0.1, 0.9], [0.2, 0.95]], dtype=torch.float64)
        tables[name] = torch.stack((1 - chance, chance), -1)
    return BayesianNetwork(structure, tables)


def test_naive_bayes_has_the_target_above_every_finding():
    structure = naive_bayes(VARIABLES, "ill")
    assert structure.parents == {**{name: ("ill",) for name in "abcde"}, "ill": ()}
    with pytest.raises(ValueError, match="unknown variable 'fever'"):
        naive_bayes(VARIABLES, "fever")


def test_the_tree_of_the_rows_is_found_with_missing_cells():
    truth = {"a": ("ill",), "c": ("ill", "a"), "b": ("ill", "c"), "e": ("ill", "c"), "d": ("ill", "e")}
    generator = torch.Generator().manual_seed(0)
    rows = sample(made_by(truth), 2000, generator)
    absent = torch.rand(rows.shape, generator=generator) < 0.2
    found = tree_augmented(VARIABLES, torch.where(absent, MISSING, rows), "ill")
    assert found.parents == {**truth, "ill": ()}


def test_findings_that_are_never_recorded_together_have_no_weight():
    rows = sample(made_by({"a": ("ill",), "b": ("ill", "a")}), 500, torch.Generator().manual_seed(1))
    apart = rows.clone()
    apart[::2, 0] = MISSING
    apart[1::2, 1] = MISSING
    assert tree_augmented(VARIABLES, rows, "ill").parents["b"] == ("ill", "a")
    assert ("a", "b") not in tree_augmented(VARIABLES, apart, "ill").arcs
    with pytest.raises(ValueError, match="rows have shape"):
        tree_augmented(VARIABLES, rows[:, :3], "ill")
