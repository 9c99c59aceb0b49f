"""Handwritten digits: how well one image per class trains a network, in place of a hundred and more.

scikit-learn's 1797 digits of 8 x 8 pixels. The learner is an MLP that Adam trains from scratch; the distilled images have soft labels.
"""

import pinndd
from pinndd.distances import CrossEntropy
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.vision.datasets import load_dataset
from pinndd.vision.networks import MLP

digits = load_dataset("digits")

task = pinndd.StatedTask(
    "digits",
    data=pinndd.Parts.of_dataset(digits),
    learner={
        "mlp": Adam(NetworkModel(MLP(64, 10, hidden=(128,))), steps=30, learning_rate=0.02),
        "wider-mlp": Adam(NetworkModel(MLP(64, 10, hidden=(256, 256))), steps=30, learning_rate=0.01),
    },
    distance=CrossEntropy(),
    size=10,
    hypergradient=UnrolledAdjoint(keep_graph=True),
    outer=pinndd.OuterSettings(steps=300, batch=4, learning_rate=0.005, rates={"targets": 4.0}, validate_every=20),
    baselines=("random", "k-means", "k-medoids", "herding"),
    title="Handwritten digits, one image per class",
)
