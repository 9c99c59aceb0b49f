"""Studies of classification: baselines, evaluation under a stored protocol, metrics, and memory before a run."""

from pinndd.free_memory import available_memory
from pinndd.stated.teachers import TeacherLabels
from pinndd.study.classification.baselines import all_training_data, features_of, herding, k_center, k_means, random_samples
from pinndd.study.classification.dataset import hard_labels, whitened
from pinndd.study.classification.evaluation import cross_architecture, evaluate, markdown, summarise
from pinndd.study.classification.labels import (
    smoothed,
    trained_teachers,
    with_learned_labels,
    with_teacher_labels,
)
from pinndd.study.classification.memory import MemoryEstimate, check_memory, estimate_memory
from pinndd.study.classification.metrics import (
    LabelRobustness,
    accuracy,
    expected_calibration_error,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)
from pinndd.study.classification.protocol import ARCHITECTURES, EvaluationProtocol
from pinndd.study.classification.repetitions import paired_differences, student_interval
from pinndd.study.classification.training import train_networks

__all__ = [
    "ARCHITECTURES",
    "EvaluationProtocol",
    "LabelRobustness",
    "MemoryEstimate",
    "TeacherLabels",
    "accuracy",
    "all_training_data",
    "available_memory",
    "check_memory",
    "cross_architecture",
    "estimate_memory",
    "evaluate",
    "expected_calibration_error",
    "features_of",
    "hard_label_recovery",
    "hard_labels",
    "herding",
    "improvement_over_random",
    "k_center",
    "k_means",
    "label_robust_score",
    "markdown",
    "paired_differences",
    "random_samples",
    "smoothed",
    "student_interval",
    "summarise",
    "train_networks",
    "trained_teachers",
    "whitened",
    "with_learned_labels",
    "with_teacher_labels",
]
