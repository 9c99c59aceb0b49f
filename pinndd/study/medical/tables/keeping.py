"""Keep a distilled table of hospitals: as CSV with the names of states, and a data card beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pinndd.bayesnet import BayesianNetwork, QueryBatch, identify, posterior
from pinndd.data import SyntheticData
from pinndd.diagnostics import effective_sample_size
from pinndd.study.medical.hospitals.data_card import DataCard, imitation, write_card, write_table
from pinndd.study.medical.tables.asking import Asked
from pinndd.study.medical.tables.declaration import CENSORED, HARD, SOFT, Declaration
from pinndd.study.medical.tables.patients import Cohort, arcs_of
from pinndd.study.medical.tables.rows import codes_of, learner_of, weights_of
from pinndd.study.results.run_config import versions

ROWS = {
    HARD: "rows with one state per cell",
    SOFT: "rows with one probability per state, in the column variable=state",
    CENSORED: "rows with one state per cell or nothing",
}
TRAINING = {
    HARD: "count the rows",
    SOFT: "count each row with its probabilities (pinndd.bayesnet.estimate)",
    CENSORED: "expectation maximisation on the rows (pinndd.bayesnet.expectation_maximisation)",
}


def keeper(declared: Declaration, cohort: Cohort, asked: Asked) -> Callable[[SyntheticData, Path], None]:
    """Return what writes a distilled table as CSV, and its card as Markdown of the same name beside it."""

    def keep(data: SyntheticData, path: Path) -> None:
        structure, weights = cohort.structure, weights_of(data)
        if declared.kind == SOFT:
            fields = {name: data[name] for name in structure.names}
            write_table(path, structure, SyntheticData(fields, {name: data.constraints[name] for name in fields}))
        else:
            write_table(path, structure, codes_of(structure, data), weights)
        write_card(path.with_suffix(".md"), _card(declared, cohort, asked, data))

    return keep


def _card(declared: Declaration, cohort: Cohort, asked: Asked, data: SyntheticData) -> DataCard:
    (learner,) = learner_of(declared.kind, cohort.structure, declared.prior)[0].values()
    network = BayesianNetwork(cohort.structure, learner.fit(data, asked.training.everything()))
    count = len(data[cohort.structure.names[0]])
    questions = [question.text for question in declared.questions] or [f"{len(cohort.chosen)} drawn queries"]
    numbers = {"made for": ", ".join(questions), "imitates": asked.teacher}
    if asked.patients:
        batch = QueryBatch(cohort.structure, asked.patients)
        close = float(imitation(batch(network.tables).detach(), asked.training.truths[len(asked.stated) :]).mean())
        numbers["total variation from it, mean over the patients to learn from"] = f"{close:.4f}"
    if (weights := weights_of(data)) is not None:
        numbers["effective number of rows"] = f"{effective_sample_size(weights):.0f}"
    stated = identify(cohort.structure, cohort.learn, asked.stated) if asked.stated else None
    each = imitation(posterior(network, asked.stated), posterior(asked.merged, asked.stated)) if asked.stated else None
    return DataCard(
        title=f"{count} {declared.kind} rows: {declared.title}",
        purpose=f"A table that trains a network for {', '.join(questions)}.",
        rows=f"{count} {ROWS[declared.kind]}; no row is a patient",
        made_from=[*cohort.lines, f"{len(cohort.learn.rows)} patients were learned from, {len(cohort.held_out)} held out"],
        training=f"train by: {TRAINING[declared.kind]}, prior BDeu({declared.prior:g}), graph {arcs_of(cohort.structure)}",
        identification=stated,
        imitation=each,
        numbers=numbers,
        seeds={"split and draws": declared.seed, "distillation": int(data.header.get("seed", 0))},
        versions=versions(),
        limits=declared.limits,
    )
