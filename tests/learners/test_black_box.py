"""Black boxes: functions and scikit-learn classifiers are trained on what the table says, and are never differentiated."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import CategoricalNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from pinndd.categorical import single_flip
from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import TotalVariation
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import SPSA, EvolutionStrategies, Exact, LeaveOneOut
from pinndd.learners.black_box import BlackBox
from pinndd.learners.scikit import ScikitClassifier
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean


def hot(codes, size):
    return torch.nn.functional.one_hot(torch.tensor(codes), size).double()


def table(labels, weights=None, learn="label"):
    """Six rows of two features, of three and of two categories."""
    fields = {"colour": hot([0, 1, 2, 0, 1, 2], 3), "shape": hot([0, 0, 0, 1, 1, 1], 2), "label": labels}
    if weights is not None:
        fields["weights"] = torch.tensor(weights, dtype=torch.float64)
    return SyntheticData(fields, {name: Simplex() if name == learn else Fixed() for name in fields})


EVERY = torch.cartesian_prod(torch.arange(3), torch.arange(2))
LABELS = hot([0, 1, 1, 0, 0, 1], 2)


def test_a_function_is_trained_on_data_off_the_graph():
    seen = []

    def train(data, episodes):
        seen.append((data["label"].requires_grad, torch.is_grad_enabled(), episodes))
        return data["label"].sum()

    learner = BlackBox(train)
    assert learner.differentiation == "none"
    assert float(learner.fit(table(LABELS.clone().requires_grad_()), "asked")) == 6
    assert seen == [(False, False, "asked")]


def test_estimators_that_only_evaluate_lower_the_risk_of_a_function_and_exact_refuses_it():
    # what is trained are the shares of the labels; 0.5 of the first class is asked for
    def train(data, episodes):
        share = data["label"].sum(0) / data["label"].sum()
        return lambda inputs: share.expand(*inputs.shape[:-1], 2)

    task = HeldOutPrediction(EVERY, torch.full((6, 2), 0.5, dtype=torch.float64), 6)
    problem = DistillationProblem(BlackBox(train), task, TotalVariation(), Mean())
    soft = table(hot([0] * 6, 2) * 0.8 + 0.1)
    settings = OuterSettings(40, batch=1, learning_rate=0.4, validate_every=20)
    for estimator in (SPSA(), EvolutionStrategies(4, 0.05)):
        found = distill(problem, soft, hypergradient=estimator, validation=[task.everything()], settings=settings)
        assert found.risk < 0.1 < 0.39 < float(problem.evaluate(soft, task.everything()))
    hard = single_flip(problem, table(hot([0] * 6, 2)), task.everything())
    assert hard.risk == pytest.approx(0, abs=1e-12)
    with pytest.raises(TypeError, match=r"Exact needs a learner .* BlackBox offers 'none'"):
        Exact()(problem, soft, task.everything())


@pytest.mark.parametrize("encoding", ["one-hot", "ordinal"])
def test_a_tree_learns_the_rows_by_heart_and_its_target_is_found_from_other_labels(encoding):
    learner = ScikitClassifier(DecisionTreeClassifier(random_state=0), "label", encoding)
    assert learner.differentiation == "none"
    order = torch.tensor([0, 2, 4, 1, 3, 5])  # rows of the table are sorted by the second feature
    torch.testing.assert_close(learner.fit(table(LABELS), None)(EVERY[order]), LABELS)
    problem = DistillationProblem(learner, HeldOutPrediction(EVERY[order], LABELS, 6), TotalVariation(), Mean())
    asked = problem.task.everything()
    found = single_flip(problem, table(hot([1] * 6, 2)), asked)
    assert found.risk == 0
    assert torch.equal(found.data["label"], LABELS)
    settings = OuterSettings(40, batch=1, learning_rate=0.2, validate_every=10)
    start = table(torch.full((6, 2), 0.5, dtype=torch.float64))
    drawn = distill(problem, start, hypergradient=LeaveOneOut(8), validation=[asked], settings=settings)
    assert drawn.risk < 0.25 < 0.49 < float(problem.evaluate(start, asked))


def test_soft_labels_are_weighted_copies_and_weights_count_as_repeated_rows():
    learner = ScikitClassifier(DecisionTreeClassifier(max_depth=1, random_state=0), "label")
    shares = torch.tensor([0.2, 0.2, 0.2, 0.7, 0.7, 0.7], dtype=torch.float64)
    soft = torch.stack((1 - shares, shares), -1)
    answer = learner.fit(table(soft), None)(EVERY)
    torch.testing.assert_close(answer[:, 1], torch.tensor([0.2, 0.7] * 3, dtype=torch.float64))
    weighted = learner.fit(table(LABELS, weights=[2.0, 1, 0, 1, 1, 3]), None)(EVERY)
    repeated = [0, 0, 1, 3, 4, 5, 5, 5]
    fields = {name: value[repeated] for name, value in table(LABELS).fields.items()}
    hard = learner.fit(SyntheticData(fields, {name: Fixed() for name in fields}), None)(EVERY)
    torch.testing.assert_close(weighted, hard)


def test_an_estimator_without_weights_sees_the_most_likely_class():
    learner = ScikitClassifier(KNeighborsClassifier(1), "label")
    answer = learner.fit(table(0.6 * LABELS + 0.2), None)(EVERY[[0, 2, 4, 1, 3, 5]])
    torch.testing.assert_close(answer, LABELS)
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight, but the data hold 'weights'"):
        learner.fit(table(LABELS, weights=[1.0] * 6), None)


def test_answers_are_those_of_scikit_learn_with_zeros_for_classes_that_no_row_has():
    labels = hot([0, 2, 2, 0, 0, 2], 4)
    answer = ScikitClassifier(LogisticRegression(), "label").fit(table(labels), None)(EVERY[None])
    rows = np.concatenate([hot([0, 1, 2, 0, 1, 2], 3).numpy(), hot([0, 0, 0, 1, 1, 1], 2).numpy()], 1)
    asked = np.concatenate([np.eye(3)[EVERY[:, 0]], np.eye(2)[EVERY[:, 1]]], 1)
    own = LogisticRegression().fit(rows, [0, 2, 2, 0, 0, 2]).predict_proba(asked)
    assert answer.shape == (1, 6, 4)
    np.testing.assert_allclose(answer[0][:, [0, 2]].numpy(), own, rtol=1e-6)
    assert not answer[..., [1, 3]].any()
    ordinal = ScikitClassifier(CategoricalNB(min_categories=[3, 2]), "label", "ordinal").fit(table(labels), None)(EVERY)
    codes = np.array([[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]])
    own = CategoricalNB(min_categories=[3, 2]).fit(codes, [0, 2, 2, 0, 0, 2]).predict_proba(EVERY.numpy())
    np.testing.assert_allclose(ordinal[:, [0, 2]].numpy(), own, rtol=1e-12)


def test_one_class_is_the_answer_without_training():
    model = ScikitClassifier(LogisticRegression(), "label").fit(table(hot([1] * 6, 3)), None)
    assert model.model is None
    torch.testing.assert_close(model(EVERY), hot([1] * 6, 3))


def test_bad_calls_are_refused():
    with pytest.raises(TypeError, match="train=3 cannot be called"):
        BlackBox(3)
    with pytest.raises(TypeError, match="train returned None"):
        BlackBox(lambda data, episodes: None).fit(table(LABELS), None)
    with pytest.raises(TypeError, match="LinearSVC has no method predict_proba"):
        ScikitClassifier(LinearSVC(), "label")
    tree = DecisionTreeClassifier(random_state=0)
    with pytest.raises(ValueError, match="encoding='binary' must be 'one-hot' or 'ordinal'"):
        ScikitClassifier(tree, "label", "binary")
    with pytest.raises(ValueError, match="no field 'size' of the classes; the data hold colour, shape, label"):
        ScikitClassifier(tree, "size").fit(table(LABELS), None)
    with pytest.raises(ValueError, match="the 6 rows have no weight"):
        ScikitClassifier(tree, "label").fit(table(LABELS, weights=[0.0] * 6), None)
    with pytest.raises(ValueError, match=r"'weights' of shape \(6,\) must be \(6,\), not negative"):
        ScikitClassifier(tree, "label").fit(table(LABELS, weights=[-1.0] * 6), None)
    with pytest.raises(ValueError, match=r"field 'weights' has shape \(6,\), expected \(6, categories\)"):
        ScikitClassifier(tree, "label", weights="mass").fit(table(LABELS, weights=[1.0] * 6), None)
    alone = SyntheticData({"label": LABELS}, {"label": Fixed()})
    with pytest.raises(ValueError, match="no feature beside 'label'"):
        ScikitClassifier(tree, "label").fit(alone, None)
    model = ScikitClassifier(tree, "label").fit(table(LABELS), None)
    for wrong in (EVERY[:, :1], EVERY - 1, EVERY + 2):
        with pytest.raises(ValueError, match=r"must be codes of 2 features, from 0 to below \(3, 2\)"):
            model(wrong)
