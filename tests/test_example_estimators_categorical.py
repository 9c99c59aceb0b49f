"""The comparison of estimators for categorical tables keeps its promise."""


def test_estimators_categorical_keeps_its_promise(example):
    lines = example("estimators_categorical").main(budget=120)
    risk = {(x.case, x.estimator): x.risk for x in lines}
    counting = {name: value for (case, name), value in risk.items() if case == "counting"}
    flips, rounded = counting["single flips"], counting["exact gradient, rounded, flips"]
    for name in ("leave-one-out", "SPSA", "evolution strategies"):
        assert max(flips, rounded) < 0.9 * counting[name], name
    assert counting["exact gradient, soft rows"] < 0.9 * counting["exact gradient, most likely states"]
    assert counting["the same and an integer programme"] <= rounded
    for case in ("structure search", "decision tree"):
        assert risk[case, "single flips"] < 0.9 * risk[case, "leave-one-out"]
    assert risk["decision tree", "SPSA, soft labels"] < 0.9 * risk["decision tree", "leave-one-out"]
    reached = {(x.case, x.estimator) for x in lines if x.reached is not None}
    assert {("counting", "single flips"), ("counting", "exact gradient, rounded, flips")} <= reached
    assert all(x.reached is None or x.reached <= x.seconds for x in lines)
