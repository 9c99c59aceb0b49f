"""Make a stated task of a TOML file of hospitals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pinndd.bayesnet import Identification, Query, identify
from pinndd.bayesnet.notation import Question
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.data import SyntheticData
from pinndd.distances import KL, Brier, TotalVariation
from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.modules import checksum_of
from pinndd.problem import Task
from pinndd.stated.parts import Parts
from pinndd.stated.task import StatedTask
from pinndd.study.medical.hospitals.data_card import BASIS, LIMITS
from pinndd.study.medical.tables.asking import MOST_ASKED, NETWORK, Asked, ask, tested, whatever
from pinndd.study.medical.tables.declaration import CENSORED, SOFT, Declaration, read_declaration
from pinndd.study.medical.tables.keeping import keeper
from pinndd.study.medical.tables.methods import MOST_COMPARED, SLOW, on_all_patients, small_tables, table_of_patients
from pinndd.study.medical.tables.patients import Cohort, arcs_of, gather
from pinndd.study.medical.tables.rows import SMOOTHING, learner_of, outer_of, search_of
from pinndd.study.results.table import DENSE

ASKS = "asks"
"""Header entry of a part of the data: which questions are asked of it."""

TRAINING, OUTCOMES, MERGED, TRUE, FRESH = "training", "outcomes", "as the merged data", "truth", "fresh queries"

FEWEST_TESTED = 20
"""Questions to patients held out, below which nobody is asked."""


def load_tables(path: Path, content: bytes | None = None) -> StatedTask:
    """Make a stated task of a TOML file of hospitals: read, split, merge, and answer the questions that a table will imitate.

    Args:
        path: of the TOML file.
        content: of it (None: it is read).

    Raises:
        DeclarationError: the file cannot be used; the message names line, key and remedy.
        HospitalFileError: a table that it names cannot be used.
    """
    path = path.resolve()
    content = path.read_bytes() if content is None else content
    declared = read_declaration(path, content)
    task = _task(declared, gather(declared))
    object.__setattr__(task, "source", ModuleSource(str(path), checksum_of_tables(content, declared.sources)))
    return task


def checksum_of_tables(content: bytes, files: list[Path]) -> str:
    """Return the SHA-256 of a TOML file and of all files that it names."""
    sums = [checksum_of(content), *(checksum_of(file.read_bytes()) for file in files)]
    return hashlib.sha256("".join(sums).encode()).hexdigest() if files else sums[0]


def _task(declared: Declaration, cohort: Cohort) -> StatedTask:
    structure, rows = cohort.structure, cohort.learn.rows
    basis = _identified(declared, cohort)
    asked = ask(declared.questions, cohort, declared.prior, declared.seed)
    outcomes, counts = tested(declared.questions, structure, cohort.held_out)
    if outcomes is not None and len(outcomes.batch.queries) < FEWEST_TESTED:
        outcomes = None
    asking = _asking(cohort, asked, outcomes)
    weights = declared.kind != CENSORED
    patients = table_of_patients(structure, rows, weights=weights)
    parts = {name: patients.with_header(**{ASKS: name}) for name in asking}
    if outcomes is not None:
        parts[OUTCOMES] = table_of_patients(structure, cohort.held_out, weights=weights).with_header(**{ASKS: OUTCOMES})
    test, *shifts = [name for name in asking if name != TRAINING]

    def task(part: SyntheticData) -> Task:
        return asking[part.header[ASKS]]

    learners, surrogate = learner_of(declared.kind, structure, declared.prior)
    ceiling, methods = on_all_patients(cohort, asked, whatever(declared.questions), declared.prior)
    imitating = KL() if declared.kind == SOFT or asked.patients else TotalVariation()
    return StatedTask(
        declared.name,
        data=Parts(parts[TRAINING], parts[TRAINING], parts[test]),
        learner=learners,
        distance=imitating,
        size=declared.size,
        task=task,
        error=TotalVariation() if cohort.truth is not None else Brier(),
        ceiling=ceiling,
        surrogate=surrogate,
        outer=outer_of(declared.kind, len(asked.training.batch.queries)),
        smoothing=SMOOTHING,
        baselines=small_tables(cohort, asked, weights=weights),
        shifts={name: parts[name] for name in shifts},
        on_full_data=methods,
        search=search_of(declared.kind, asked.merged),
        keep=keeper(declared, cohort, asked),
        columns={variable.name: variable.states for variable in structure.variables},
        remarks=(*cohort.lines, *_said(declared, cohort, asked, basis, counts), *LIMITS, *declared.limits),
        title=declared.title,
        processor=True,
    )


def _asking(cohort: Cohort, asked: Asked, outcomes: ConditionalMarginals | None) -> dict[str, ConditionalMarginals]:
    """Return the tasks by what they ask, training first, then the test, then the shifts."""
    if cohort.truth is not None:
        network = cohort.truth.network
        return {
            TRAINING: asked.training,
            TRUE: ConditionalMarginals.of(asked.stated, network),
            FRESH: ConditionalMarginals.of(cohort.truth.fresh, network),
        }
    return {TRAINING: asked.training} | ({} if outcomes is None else {OUTCOMES: outcomes}) | {MERGED: asked.training}


def _identified(declared: Declaration, cohort: Cohort) -> Identification:
    """Say what the answers rest on: of a question about whatever is recorded, for each variable alone.

    Raises:
        DeclarationError: a question is not identified, and the file does not say to keep it.
    """
    structure = cohort.structure
    queries: list[Query] = []
    for question in declared.questions:
        own = list(_shapes(question, cohort))
        found = identify(structure, cohort.learn, own)
        for entry in found.queries:
            if entry.status == "not identified" and not declared.keep_unidentified:
                declared.keys.fail(
                    "queries",
                    f"names {question.text}, which these patients do not settle ({entry}): ask something else, add a hospital that "
                    'records them together, or say not_identified = "keep"',
                    word=question.text,
                )
        queries += own
    queries += cohort.chosen
    return identify(structure, cohort.learn, queries)


def _shapes(question: Question, cohort: Cohort) -> Iterator[Query]:
    """Yield one query of every shape that a question has; states do not matter."""
    structure = cohort.structure
    if not question.whatever:
        evidence = {name: state or structure[name].states[0] for name, state in question.evidence.items()}
        yield Query(question.target, evidence)
        return
    for name in structure.names:
        if name != question.target:
            yield Query(question.target, {name: structure[name].states[0]})


def _said(
    declared: Declaration, cohort: Cohort, asked: Asked, basis: Identification, counts: dict[str, int]
) -> Iterator[str]:
    """What a reader must know of the data and of the choices that were made."""
    kind = declared.graph if isinstance(declared.graph, str) else "as stated"
    yield f"Graph, {kind}: {arcs_of(cohort.structure)}."
    total = len(basis.queries)
    rest = "; ".join(f"{count} of {total} {status} ({BASIS[status]})" for status, count in sorted(basis.counts.items()))
    yield f"What the answers rest on, if cells are missing at random and the patients come from one population: {rest}."
    for entry in basis.queries:
        if entry.status in ("not identified", "conditional independence"):
            yield str(entry)
    if asked.losses:
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in asked.losses.items())
        yield (
            f"The table imitates {asked.teacher} ({DENSE} in the tables), the better by log loss in cross-validation among those to "
            f"learn from: {losses}."
        )
    else:
        yield f"The table imitates {NETWORK} ({DENSE} in the tables): expectation maximisation on all patients to learn from."
    if len(cohort.learn.rows) > MOST_ASKED and asked.patients:
        yield f"The table is made for {MOST_ASKED} of {len(cohort.learn.rows)} patients to learn from, drawn at random."
    if len(cohort.learn.rows) > MOST_COMPARED:
        yield f"{' and '.join(SLOW)} are left out: they fill the gaps of up to {MOST_COMPARED} patients."
    if cohort.truth is not None:
        yield f"Errors are total variations from the network that the patients were drawn from; nothing is made for the {FRESH}."
        return
    for text, count in counts.items():
        yield f"{text} is tested on {count} of {len(cohort.held_out)} patients held out."
    if sum(counts.values()) < FEWEST_TESTED:
        yield "So few questions to patients held out tell nothing: errors are Brier scores against what the table imitates alone."
    else:
        yield f"Errors are Brier scores against the outcomes of patients held out; {MERGED!r}: against what the table imitates."


