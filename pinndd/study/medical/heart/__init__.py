"""Heart disease in four hospitals: P(disease | whatever a held-out patient has recorded), from a small distilled table."""

from pinndd.study.medical.heart.choice import Choice, TriedChoice, choose
from pinndd.study.medical.heart.cohort import TARGET, Cohort, Scores
from pinndd.study.medical.heart.distilling import DistilledTable, distill_tables
from pinndd.study.medical.heart.methods import LOGISTIC, baselines

__all__ = [
    "LOGISTIC",
    "TARGET",
    "Choice",
    "Cohort",
    "DistilledTable",
    "Scores",
    "TriedChoice",
    "baselines",
    "choose",
    "distill_tables",
]
