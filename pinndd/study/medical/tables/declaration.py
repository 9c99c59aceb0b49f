"""What a TOML file of hospitals declares: the files, the variables, the graph, the questions, and the table that is wanted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinndd.bayesnet import HospitalFile, Structure, Variable, read_bif
from pinndd.bayesnet.hospital_csv import nearest, number_of, same_word, word_among
from pinndd.bayesnet.hospital_files import MARKS
from pinndd.bayesnet.networks import NAMES
from pinndd.bayesnet.notation import Question, parse_question
from pinndd.stated.naming import TASK_NAMES, is_task_name, task_name
from pinndd.study.medical.tables.keys import DeclarationError, Keys

PACKAGED = "pinndd:"
"""Before the name of a file that is part of the package."""

HARD, SOFT, CENSORED = "hard", "soft", "censored"
KINDS = (HARD, SOFT, CENSORED)
"""What a cell of the table holds: one state; a probability of each; one state or nothing."""

LEARN, NAIVE, TREE = "learn", "naive Bayes", "tree"
GRAPHS = (LEARN, NAIVE, TREE)
"""Graphs that are made from the patients."""

MOST_ROWS = 10**6
"""Of a table."""

MOST_SEED = 2**62
"""Seeds of draws are this one and a few above it; they fit into 64 bits."""

REFUSE, KEEP = "refuse", "keep"

_HERE = Path(__file__).resolve().parents[3] / "bayesnet"


@dataclass(frozen=True)
class Simulation:
    """Hospitals that are drawn from a network, so that every answer can be compared with the truth.

    Attributes:
        network: file of it.
        hospitals: how many.
        patients: of each.
        missing: share of the (hospital, variable) pairs that are not recorded.
        chosen: queries that are drawn where none are stated.
        fresh: queries that nothing is distilled for.
    """

    network: Path
    hospitals: int
    patients: int
    missing: float
    chosen: int
    fresh: int


@dataclass(frozen=True)
class Declaration:
    """A file of hospitals.

    Attributes:
        keys: of the file, for errors.
        name, title: of the task.
        variables: with their states.
        cuts: for variables of numbers, the cuts between their states.
        recode: for variables what words stand for in all files.
        files: one per hospital.
        simulation: in place of files.
        graph: one of `GRAPHS`, or a graph.
        questions: that the table is made for.
        kind: one of `KINDS`.
        size: rows of the table.
        missing: cells that mean: not recorded (None: the usual ones).
        disjoint: columns in which hospitals may have no state in common.
        held_out: share of the patients that test.
        seed: of the split and the draws.
        prior: imagined rows of every estimate.
        keep_unidentified: whether questions stay that the patients do not settle.
        limits: lines for report and card.
    """

    keys: Keys
    name: str
    title: str
    variables: tuple[Variable, ...]
    cuts: Mapping[str, Sequence[float]]
    recode: Mapping[str, Mapping[str, str]]
    files: Mapping[str, HospitalFile]
    simulation: Simulation | None
    graph: str | Structure
    questions: tuple[Question, ...]
    kind: str
    size: int
    missing: tuple[str, ...] | None
    disjoint: tuple[str, ...]
    held_out: float
    seed: int
    prior: float
    keep_unidentified: bool
    limits: tuple[str, ...]

    @property
    def sources(self) -> list[Path]:
        """All files that the numbers depend on."""
        return [file.path for file in self.files.values()] + ([] if self.simulation is None else [self.simulation.network])


def read_declaration(path: Path, content: bytes) -> Declaration:
    """Read a TOML file of hospitals; the tables themselves are not read.

    Args:
        path: of the file; other files are named relative to its folder.
        content: of the file.

    Raises:
        DeclarationError: a key is unknown, missing or of another type, or what it says does not fit.
    """
    keys = Keys.of(path, content)
    simulation = _simulation(keys)
    graph = _graph_file(keys, simulation)
    variables, cuts = (graph.variables, {}) if graph is not None and "variables" not in keys else _variables(keys)
    if graph is not None:
        graph = _of_variables(keys, graph, variables)
    empty = Structure(variables, {})
    found = Declaration(
        keys=keys,
        name=_name(keys),
        title=keys.text_of("title", path.stem),
        variables=variables,
        cuts=cuts,
        recode={name: _recoded(keys.table("variables"), name) for name in empty.names},
        files={} if simulation else _files(keys, empty),
        simulation=simulation,
        graph=graph if graph is not None else _graph(keys, empty),
        questions=_questions(keys, empty, needed=simulation is None),
        kind=keys.choice("rows", KINDS, HARD),
        size=keys.whole("size", 50, 1, MOST_ROWS),
        missing=tuple(keys.texts("missing")) if "missing" in keys else None,
        disjoint=tuple(_known(keys, "disjoint", name, empty) for name in keys.texts("disjoint", ())),
        held_out=keys.number("held_out", 0.0 if simulation else 0.3, 0, 1),
        seed=keys.whole("seed", 0, 0, MOST_SEED),
        prior=keys.number("prior", 1.0, 1e-6, 1e6),
        keep_unidentified=keys.choice("not_identified", (REFUSE, KEEP), REFUSE) == KEEP,
        limits=tuple(keys.texts("limits", ())),
    )
    keys.finish(("variables", "hospitals", "simulation", "graph"))
    _require_target(found)
    return found


def _name(keys: Keys) -> str:
    """Return the name of the task: as it is said, or after that of the file."""
    if "name" not in keys:
        return task_name(keys.path.stem, "hospitals")
    found = keys.text_of("name")
    if not is_task_name(found):
        keys.fail("name", f"is {found!r}, expected {TASK_NAMES}: files are called after it")
    return found


def _variables(keys: Keys) -> tuple[tuple[Variable, ...], dict[str, list[float]]]:
    """Return the variables, and the cuts of those that are numbers."""
    table = keys.table("variables")
    if not table.values:
        raise DeclarationError(
            f"{keys.path}: [variables] is missing or empty: name each with its states, such as sex = [\"female\", \"male\"]; "
            "'pinndd table describe *.csv' writes a first file"
        )
    variables: list[Variable] = []
    cuts: dict[str, list[float]] = {}
    for name, said in table.values.items():
        if isinstance(said, Mapping):
            inner = table.table(name)
            if "cuts" in inner:
                cuts[name] = inner.numbers("cuts")
                states = inner.texts("states", _between(cuts[name]))
                if len(states) != len(cuts[name]) + 1:
                    inner.fail("states", f"are {len(states)}, expected {len(cuts[name]) + 1}, one more than cuts")
            else:
                states = inner.texts("states", ())
            _require_meant(inner, "recode", states if name not in cuts else None, keys.texts("missing", MARKS))
            inner.finish(("cuts", "states"))
        else:
            states = table.texts(name)
        try:
            variables.append(Variable(name, tuple(states)))
        except ValueError as error:
            table.fail(name, f"cannot be used ({error}); name its states, such as [\"no\", \"yes\"]")
    return tuple(variables), cuts


def _require_meant(keys: Keys, key: str, states: Sequence[str] | None, missing: Sequence[str]) -> None:
    """Make sure that words stand for states, or numbers where there are none, or for nothing recorded."""
    for word, meant in keys.words(key).items():
        if meant in missing:
            continue
        if states is None and number_of(meant) is None:
            keys.fail(key, f"says that {word!r} stands for {meant!r}, which is no number to be cut")
        if states is not None and word_among(meant, states) is None:
            keys.fail(key, f"says that {word!r} stands for {meant!r}, which is no state; {nearest(meant, states)}")


def _between(cuts: Sequence[float]) -> list[str]:
    """Name the states between cuts: ``below 45``, ``45 to 55``, ``55 and above``."""
    words = [f"{cut:.15g}" for cut in cuts]
    middle = [f"{low} to {high}" for low, high in itertools.pairwise(words)]
    return [f"below {words[0]}", *middle, f"{words[-1]} and above"]


def _files(keys: Keys, structure: Structure) -> dict[str, HospitalFile]:
    table = keys.table("hospitals")
    if not table.values:
        raise DeclarationError(f"{keys.path}: [hospitals] is missing or empty: name each with its file, such as north = \"north.csv\"")
    files: dict[str, HospitalFile] = {}
    for hospital, said in table.values.items():
        if isinstance(said, str):
            files[hospital] = HospitalFile(_path(table, hospital, said))
            _require_once(table, hospital, files)
            continue
        inner = table.table(hospital)
        path = _path(inner, "file", inner.text_of("file"))
        rename = {old: _known(inner, "rename", new, structure) for old, new in inner.words("rename").items()}
        own = inner.table("recode")
        files[hospital] = HospitalFile(
            path,
            recode={_known(own, name, name, structure): own.words(name) for name in own.values},
            ignore=tuple(inner.texts("ignore", ())),
            rename=rename,
            columns=tuple(inner.texts("columns")) if "columns" in inner else None,
            encoding=inner.text_of("encoding", "utf-8"),
        )
        _require_once(inner, "file", files)
        inner.finish()
    return files


def _require_once(keys: Keys, key: str, files: Mapping[str, HospitalFile]) -> None:
    """Make sure that the last of the files is none of the others, whose patients would count twice."""
    *before, (_, last) = files.items()
    for hospital, file in before:
        if file.path.samefile(last.path):
            keys.fail(key, f"names the file of {hospital!r}, {last.path}: its patients would count twice; leave one of the two out")


def _recoded(variables: Keys, name: str) -> dict[str, str]:
    return variables.table(name).words("recode") if isinstance(variables.values.get(name), Mapping) else {}


def _path(keys: Keys, key: str, said: str) -> Path:
    """Return a file, relative to the folder of the TOML file, or of the package.

    Raises:
        DeclarationError: there is none.
    """
    if said.startswith(PACKAGED):
        own = said.removeprefix(PACKAGED)
        candidates = [_HERE / folder / own for folder in ("data", "networks")]
        if not all(path.resolve().is_relative_to(_HERE) for path in candidates):
            keys.fail(key, f"names {said!r}, which lies outside the package: name your own file without {PACKAGED!r}")
    else:
        candidates = [keys.path.parent / os.path.expanduser(said)]
    found = next((path for path in candidates if os.path.isfile(path)), None)
    if found is None and said.startswith(PACKAGED) and said.endswith(".bif"):
        name = said.removeprefix(PACKAGED).removesuffix(".bif")
        keys.fail(key, f"names the network {name!r}, which is no .bif file and not packaged; {nearest(name, NAMES)}")
    if found is None:
        beside = sorted(p.name for p in candidates[0].parent.iterdir()) if candidates[0].parent.is_dir() else []
        close = f"; {nearest(Path(said).name, beside)}" if beside and len(beside) <= 20 else ""
        keys.fail(key, f"names {said!r}, and there is no such file below {keys.path.parent}{close or ': correct the name'}")
    return found


def _simulation(keys: Keys) -> Simulation | None:
    if "simulation" not in keys:
        return None
    for other in ("hospitals", "variables", "graph"):
        if other in keys:
            keys.fail(other, "cannot be said beside [simulation], whose network has it: leave one of the two out")
    table = keys.table("simulation")
    found = Simulation(
        network=_path(table, "network", _bif(table.text_of("network"))),
        hospitals=table.whole("hospitals", 3, 2, 100),
        patients=table.whole("patients", 200, 1, 100_000),
        missing=table.number("missing", 0.26, 0, 1),
        chosen=table.whole("chosen", 50, 1, 1000),
        fresh=table.whole("fresh", 200, 1, 1000),
    )
    table.finish()
    return found


def _bif(said: str) -> str:
    """Take ``child`` for the packaged network of that name."""
    return said if said.endswith(".bif") else f"{PACKAGED}{said}.bif"


def _graph_file(keys: Keys, simulation: Simulation | None) -> Structure | None:
    """Return the graph of the file of a network, where one is named."""
    said: Any = keys.values.get("graph")
    if simulation is not None:
        path = simulation.network
    elif isinstance(said, str) and said.endswith(".bif"):
        path = _path(keys, "graph", said)
    else:
        return None
    try:
        return read_bif(path).structure
    except (ValueError, OSError) as error:
        raise DeclarationError(f"{keys.path}: {path} cannot be used as a network ({error}): correct that file") from error


def _of_variables(keys: Keys, graph: Structure, variables: tuple[Variable, ...]) -> Structure:
    """Return the graph of a file over the variables as they are declared."""
    declared = {variable.name: variable for variable in variables}
    odd = sorted({*graph.names} ^ {*declared})
    if odd:
        keys.fail("graph", f"and [variables] differ in {odd[0]!r}, which only one of them has: name it in both, or in none")
    for variable in graph.variables:
        states = declared[variable.name].states
        if {*states} != {*variable.states}:
            keys.fail(
                variable.name,
                f"has the states {', '.join(states)} in [variables] and {', '.join(variable.states)} in the graph: bring them to one",
            )
    return Structure(variables, graph.parents)


def _graph(keys: Keys, structure: Structure) -> str | Structure:
    """Return a kind of graph, or the graph of the arcs that are listed."""
    said: Any = keys.values.get("graph", LEARN)
    if isinstance(said, str):
        return keys.choice("graph", GRAPHS, LEARN)
    if not isinstance(said, list):
        keys.fail("graph", f"is {said!r}; expected {', '.join(map(repr, GRAPHS))}, a .bif file, or arcs such as [\"smoke -> lung\"]")
    parents: dict[str, tuple[str, ...]] = {}
    for arc in said:
        ends = arc.split("->") if isinstance(arc, str) else arc
        if not isinstance(ends, list) or len(ends) < 2 or not all(isinstance(end, str) for end in ends):
            keys.fail("graph", f"holds {arc!r}, expected an arc such as \"smoke -> lung\"")
        names = [_known(keys, "graph", end.strip(), structure) for end in ends]
        for parent, child in itertools.pairwise(names):
            if parent in parents.get(child, ()):
                keys.fail("graph", f"has the arc {parent} -> {child} twice: leave one out")
            parents[child] = (*parents.get(child, ()), parent)
    try:
        return Structure(structure.variables, parents)
    except ValueError as error:
        keys.fail("graph", f"cannot be used: {error}; turn or leave out one of its arcs")


def _questions(keys: Keys, structure: Structure, *, needed: bool) -> tuple[Question, ...]:
    said = keys.texts("queries", None if "queries" in keys else ())
    if needed and not said:
        raise DeclarationError(
            f"{keys.path}: queries is missing or empty: say what the table is for, such as queries = [\"P(ill | *)\"]"
        )
    found: list[Question] = []
    for text in said:
        try:
            question = parse_question(text, structure)
            question.queries(structure)
        except ValueError as error:
            keys.fail("queries", f"cannot be used: {error}", word=text)
        if any(question.target == q.target and (question.evidence, question.whatever) == (q.evidence, q.whatever) for q in found):
            keys.fail("queries", f"names {text} twice: leave one out", word=text)
        found.append(question)
    return tuple(found)


def _known(keys: Keys, key: str, name: str, structure: Structure) -> str:
    found = same_word(name, structure.names)
    if found is None:
        keys.fail(key, f"names the unknown variable {name!r}; {nearest(name, structure.names)}", word=name)
    return found


def _require_target(found: Declaration) -> None:
    targets = {question.target for question in found.questions}
    if found.graph in (NAIVE, TREE) and len(targets) != 1:
        found.keys.fail("graph", f"is {found.graph!r}, which has one target, and the queries have {len(targets)}: say another graph")
