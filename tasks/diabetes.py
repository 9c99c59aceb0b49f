"""Diabetes: how far the disease has progressed after one year, from ten measurements.

scikit-learn's 442 patients (Efron et al. 2004, doi 10.1214/009053604000000067). The learner is ridge regression.
"""

import torch
from sklearn.datasets import load_diabetes

import pinndd
from pinndd.distances import RelativeL2
from pinndd.learners import LinearRidge

table = load_diabetes(scaled=False)
inputs, progress = torch.as_tensor(table.data), torch.as_tensor(table.target)

task = pinndd.StatedTask(
    "diabetes",
    data=pinndd.Parts.of_examples((inputs - inputs.mean(0)) / inputs.std(0), (progress - progress.mean()) / progress.std()),
    learner=LinearRidge(penalty=0.1),
    distance=RelativeL2(),
    size=5,
    outer=pinndd.OuterSettings(steps=200, batch=4, learning_rate=0.01),
    columns={"inputs": table.feature_names, "targets": ["progression"]},
    title="Progression of diabetes after one year, from ten measurements",
)
