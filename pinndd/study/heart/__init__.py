"""Heart disease in four hospitals: P(disease | whatever a held-out patient has recorded), from a small distilled table."""

from pinndd.study.heart.choice import Choice, Tried, choose
from pinndd.study.heart.cohort import TARGET, Cohort, Scores
from pinndd.study.heart.distilling import Distilled, distil_tables
from pinndd.study.heart.methods import LOGISTIC, baselines

__all__ = ["LOGISTIC", "TARGET", "Choice", "Cohort", "Distilled", "Scores", "Tried", "baselines", "choose", "distil_tables"]
