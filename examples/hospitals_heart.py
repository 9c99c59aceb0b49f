"""Whether the probabilities come true that a distilled table of the four heart hospitals gives, and which cells are missing.

``pinndd study heart`` distills the table, compares it with every method, and writes tables, data card and report. This is what it does
not draw: a reliability diagram on the patients held out, and the missing cells of each hospital. Returns the Brier score of every
method: the distilled rows have one at most 0.02 above that of logistic regression on all patients, and at least 0.01 below that of
rows drawn from the network of expectation maximisation.

    python examples/hospitals_heart.py
"""

from __future__ import annotations

from pathlib import Path

from pinndd.bayesnet import load_heart
from pinndd.distances import Brier
from pinndd.pinn.declare.modules import find_pde
from pinndd.study.medical.tables.building import load_tables
from pinndd.study.plots.hospitals import missingness, reliability
from pinndd.study.plots.style import save_figure
from pinndd.study.stated.engine import StatedSettings, baseline_sets, distill_task


def main(out: Path = Path("runs/heart-pictures"), *, size: int = 100, effort: float = 1.0) -> dict[str, float]:
    """Draw the pictures, and return the Brier score of every method on the patients held out."""
    task = StatedSettings(size=size, effort=effort).applied_to(load_tables(find_pde("heart")))
    sets = {"distilled": distill_task(task, 0).data, **baseline_sets(task, 0)}
    asking = task.asking(task.data.test)
    asked = asking.everything()
    answers = {name: asking.answer(task.own_learner.fit(data, asked), asked, 0) for name, data in sets.items()}
    answers["logistic regression"] = asking.answer(task.ceiling.fit(task.data.train, asked), asked, 0)
    truth = asking.truth(asked, 0)
    save_figure(reliability({name: (each[:, 0, 1], truth[:, 0, 1]) for name, each in answers.items()}), out / "reliability.png")
    save_figure(missingness(load_heart().hospitals), out / "missing-cells.png")
    return {name: float(Brier()(each, truth).mean()) for name, each in answers.items()}


if __name__ == "__main__":
    for method, score in main().items():
        print(f"{method:20s} Brier score {score:.3f}")
