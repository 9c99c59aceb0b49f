"""``pinndd body``: train the bodies of a PDE, or find them again."""

from __future__ import annotations

from typing import Any

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.cache import CACHE, cache_folder
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.learners import BODY, bodies_of, train_bodies
from pinndd.study.protocols.retrain import RetrainBench, RetrainStudy
from pinndd.study.results.table import DENSE
from pinndd.study.results.words import seconds, significant
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.output import table_console
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, protocol_settings, study_settings
from pinndd.terminal.tables import plain_table


def body(name: str, points: int | None, boundary_points: int | None) -> None:
    """Train the bodies that sets of a size are distilled for, and say how good each is."""
    with checking_input():
        pde = load_pde(name)
        options = Options(points=points, boundary_points=boundary_points, learner=BODY)
        protocol = protocol_named("retrain")
        size, settings = protocol_settings(pde, ["retrain"], options)["retrain"], study_settings(pde, options)
        protocol.open(pde, size, settings)
    with working(_kept), ProgressBars() as bars:
        study = protocol.open(pde, size, settings, bars)
        assert isinstance(study, RetrainStudy)
        recipe = study.recipes[BODY]
        learner: Any = recipe.build(pde, recipe.fitted_to(pde, size.points, size.boundary_points))
        train_bodies(learner, bars, "body")
        rows = []
        for number in range(len(learner.model.bodies)):
            bars("judging bodies", number, len(learner.model.bodies), None)
            rows.append(_row(study.bench_of(recipe, learner, number), number))
    console = table_console()
    console.print(
        f"{pde.title}: {len(rows)} bodies of {learner.model.width} features for {size.points} interior and "
        f"{size.boundary_points} boundary points",
        soft_wrap=True,
        markup=False,
    )
    console.print(plain_table(("body", "hidden layers", "trained in", "residual left", "error on a dense set"), rows))
    console.print(
        "Residual left: what the best heads leave of equations and conditions, relative to the given values. Error on a dense set: "
        "mean relative L2 on validation conditions of the training family.",
        soft_wrap=True,
    )


def _kept() -> str:
    """Say what is kept of a command that is stopped."""
    if cache_folder() is None:
        return f"nothing is kept: {CACHE}=off, or no home folder is known; begin again with the same command"
    return "bodies that were finished are kept; go on with the same command"


def _row(bench: RetrainBench, number: int) -> tuple[Any, ...]:
    bodies = bodies_of(bench.learner)
    assert bodies is not None
    dense = bench.sampled("sobol", bench.study.size.times(bench.pde, bench.recipe.ceiling), bench.seed + 1)
    error = bench.tune(DENSE, dense, ceiling=True).error
    hidden = ", ".join(str(width) for width in bodies.settings[number].hidden)
    trained = bodies.trained(number)
    return str(number), hidden, seconds(trained.seconds), significant(trained.residual), f"{significant(100 * error)} %"
