"""What a synthetic table has to beat: imputations, matching, partial data, and rows that are picked."""

from pinndd.bayesnet.baselines.cases import available_case, best_hospital, complete_case
from pinndd.bayesnet.baselines.hot_deck import hot_deck
from pinndd.bayesnet.baselines.k_modes import Modes, k_modes
from pinndd.bayesnet.baselines.mice import mice_cart

__all__ = ["Modes", "available_case", "best_hospital", "complete_case", "hot_deck", "k_modes", "mice_cart"]
