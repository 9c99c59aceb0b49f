"""What the distilled table is compared with: regressions on all patients, networks of all patients, and other tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, BDeu, Structure, estimate, expectation_maximisation, hill_climb, sample
from pinndd.bayesnet.baselines import available_case, best_hospital, k_modes, mice_cart
from pinndd.bayesnet.classifiers import naive_bayes, tree_augmented
from pinndd.study.medical.heart.cohort import TARGET, Cohort, Matrix, Predictor

LOGISTIC = "logistic regression, numbers"
PRIOR = BDeu(1.0)
NAIVE, TREE, SEARCHED = "naive Bayes", "tree-augmented", "hill climbing"
STRUCTURES = (NAIVE, TREE, SEARCHED)
_SEARCHED_ROWS, _MOST_PARENTS, _IMPUTATIONS = 4000, 3, 5


def structure_of(kind: str, cohort: Cohort, learn: Tensor, generator: torch.Generator) -> Structure:
    """Return a graph of the fourteen variables, learned from some of the patients.

    Hill climbing needs complete rows: they are drawn from expectation maximisation with the tree-augmented graph, and weigh as much
    as the patients do together.

    Args:
        kind: one of `STRUCTURES`.
        cohort: all patients.
        learn: positions of those to learn from.
        generator: of the rows that hill climbing sees.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind not in STRUCTURES:
        raise ValueError(f"structure {kind!r} is unknown; expected one of {', '.join(STRUCTURES)}")
    variables, rows = cohort.heart.hospitals.variables, cohort.rows[learn]
    if kind == NAIVE:
        return naive_bayes(variables, TARGET)
    tree = tree_augmented(variables, rows, TARGET)
    if kind == TREE:
        return tree
    fitted = believed(tree, rows)
    weights = torch.full((_SEARCHED_ROWS,), len(rows) / _SEARCHED_ROWS, dtype=torch.float64)
    drawn = sample(fitted, _SEARCHED_ROWS, generator)
    return hill_climb(variables, drawn, weights=weights, most_parents=_MOST_PARENTS).structure


def teacher(cohort: Cohort, learn: Tensor) -> Predictor:
    """Return the mean of logistic regression on numbers and on states, the teacher of the distillation."""
    both = [_logistic(cohort.numbers(learn), cohort, learn), _logistic(cohort.states, cohort, learn)]
    return lambda positions: torch.stack([predict(positions) for predict in both]).mean(0)


def baselines(
    cohort: Cohort, learn: Tensor, structure: Structure, count: int, generator: torch.Generator
) -> Iterator[tuple[str, Callable[[], Predictor]]]:
    """Yield every method with what trains it, so that a caller can take the time.

    Args:
        cohort: all patients.
        learn: positions of those to learn from.
        structure: of the networks of the tables, the one that the distilled table has.
        count: rows of a table.
        generator: of all draws.
    """
    rows, outcomes = cohort.rows[learn], cohort.outcomes[learn].numpy()
    zeros = np.nan_to_num(cohort.heart.values[:, :-1].numpy(), nan=0.0)
    boosting = GradientBoostingClassifier(random_state=0)
    yield LOGISTIC, lambda: _logistic(cohort.numbers(learn), cohort, learn)
    yield "logistic regression, states", lambda: _logistic(cohort.states, cohort, learn)
    yield "teacher: mean of the two", lambda: teacher(cohort, learn)
    yield "gradient boosting", lambda: _regression(boosting.fit(zeros[learn.numpy()], outcomes), zeros)
    bare = naive_bayes(structure.variables, TARGET)
    yield "naive Bayes, available case", lambda: cohort.predictor(available_case(bare, rows, prior=PRIOR))
    for kind in STRUCTURES:
        yield f"EM, {kind}", partial(_believed, kind, cohort, learn, generator)
    yield "MICE, completed rows", lambda: cohort.predictor(_imputed(structure, rows, generator))
    yield "single best hospital", lambda: cohort.predictor(best_hospital(structure, cohort.hospitals(learn))[1])
    yield (
        f"{count} rows drawn from EM",
        lambda: cohort.predictor(estimate(structure, sample(believed(structure, rows), count, generator), prior=PRIOR)),
    )
    yield (
        f"{count} random patients",
        lambda: cohort.predictor(
            available_case(structure, rows[torch.randperm(len(rows), generator=generator)[:count]], prior=PRIOR)
        ),
    )
    yield f"{count} k-modes", lambda: cohort.predictor(_modes(structure, rows, count, generator))


def _believed(kind: str, cohort: Cohort, learn: Tensor, generator: torch.Generator) -> Predictor:
    return cohort.predictor(believed(structure_of(kind, cohort, learn, generator), cohort.rows[learn]))


def believed(structure: Structure, rows: Tensor) -> BayesianNetwork:
    """Return the network of expectation maximisation, which tables are drawn from."""
    return expectation_maximisation(structure, rows, prior=PRIOR).network


def _imputed(structure: Structure, rows: Tensor, generator: torch.Generator) -> BayesianNetwork:
    filled = mice_cart(structure, rows, generator, imputations=_IMPUTATIONS)
    weights = torch.full((len(filled),), 1 / _IMPUTATIONS, dtype=torch.float64)
    return estimate(structure, filled, prior=PRIOR, weights=weights)


def _modes(structure: Structure, rows: Tensor, count: int, generator: torch.Generator) -> BayesianNetwork:
    modes = k_modes(structure, rows, count, generator)
    return estimate(structure, modes.rows, prior=PRIOR, weights=modes.weights)


def _logistic(features: Matrix, cohort: Cohort, learn: Tensor) -> Predictor:
    model = LogisticRegression(max_iter=2000).fit(features[learn.numpy()], cohort.outcomes[learn].numpy())
    return _regression(model, features)


def _regression(model: LogisticRegression | GradientBoostingClassifier, features: Matrix) -> Predictor:
    return lambda positions: torch.from_numpy(model.predict_proba(features[positions.numpy()])[:, 1])
