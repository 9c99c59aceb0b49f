"""Wine: which of three cultivars, from thirteen chemical analyses.

scikit-learn's 178 wines (Forina, UCI). The learner is softmax regression, whose training ends where its gradient vanishes.
"""

import torch
from sklearn.datasets import load_wine

import pinndd
from pinndd.distances import KL, Brier
from pinndd.learners import SoftmaxRegression
from pinndd.risks import WorstCase

table = load_wine()
inputs = torch.as_tensor(table.data)

task = pinndd.StatedTask(
    "wine",
    data=pinndd.Parts.of_examples((inputs - inputs.mean(0)) / inputs.std(0), torch.as_tensor(table.target)),
    learner=SoftmaxRegression(penalty=0.01),
    distance=KL(),
    error=Brier(),
    size=6,
    outer=pinndd.OuterSettings(steps=200, batch=4, learning_rate=0.01),
    distances={"brier": Brier()},
    risks={"worst case": WorstCase()},
    columns={"inputs": table.feature_names, "targets": [f"P({name})" for name in table.target_names]},
    title="Three cultivars of wine, from thirteen analyses",
)
