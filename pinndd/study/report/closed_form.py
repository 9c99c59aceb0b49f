"""Where a fit in closed form for every boundary condition answers better, and in less time, than one network for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pandas import DataFrame

from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.learners import BODY
from pinndd.study.results import words
from pinndd.study.results.table import DISTILLED, first_row

CLOSED_FORM: Sequence[str] = (BODY, "ridge")
"""Learners of the retrain protocol that fit a linear equation in closed form."""


def closed_form_sentence(amortised: DataFrame, retrain: DataFrame, *, linear: bool) -> str:
    """Say under which shifts a closed-form fit on the distilled points of the retrain protocol beats the amortised network.

    Args:
        amortised: summary of the amortised protocol.
        retrain: that of the retrain protocol in the same run.
        linear: whether the equation is linear; others have no closed form.

    Returns:
        One or two sentences; an empty text where no such fit is both more accurate and faster, or none ran.
    """
    fits = _distilled(retrain[retrain["learner"].isin(CLOSED_FORM)])
    if not linear or fits.empty:
        return ""
    pairs = []
    for shift, rows in _distilled(amortised).groupby("shift", sort=False):
        network = first_row(rows.sort_values("mean", kind="stable"))
        better = fits[(fits["shift"] == shift) & (fits["mean"] < network.mean) & (fits["seconds"] < network.seconds)]
        if not better.empty:
            pairs.append((first_row(better.sort_values("mean", kind="stable")), network))
    if not pairs:
        return ""
    ends = "; ".join(_said(fit, network) for fit, network in pairs)
    size = protocol_named("retrain").words.size_of(pairs[0][0])
    return (
        f"A fit in closed form answers better in less time than this network. Retrain, a fit of its own for every boundary condition "
        f"on {size}, has {ends}. The seconds are those of training per boundary condition; the training of the network is divided by "
        "all conditions that it was asked for."
    )


def _distilled(summary: DataFrame) -> DataFrame:
    rows: DataFrame = summary[(summary["method"] == DISTILLED) & np.isfinite(summary["mean"])]
    return rows


def _said(fit: Any, network: Any) -> str:
    return (
        f"{words.shift_name(fit.shift)} {words.mean(fit)} in {words.seconds(fit.seconds)} with {fit.learner} "
        f"(the network {words.mean(network)} in {words.seconds(network.seconds)})"
    )
