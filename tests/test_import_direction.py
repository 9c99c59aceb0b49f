"""Imports point one way: core < domains < study < terminal and command line; inside pinn and study, from layer to layer."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pinndd"
DOMAINS = {"pinn", "vision", "bayesnet"}
TOP = {"start", "cli", "terminal"}
DOORS = {"__init__.py", "tasks/__init__.py"}  # they name classes of every domain, and import them when they are used

# a sub-package imports from the rows above its own
ROOMS = (
    {"geometry", "families"},
    {"jets", "reference"},
    {"declare"},
    {"sets", "tasks"},
    {"models"},
    {"solving"},
    {"adaptive", "bodies", "checks", "deepxde", "files"},
)

# the same inside study, where single modules are rooms too
STUDY_ROOMS = (
    {"results"},
    {"protocols", "classification", "medical"},
    {"stated"},
    {"plots"},
    {"report"},
    {"solving_on_set", "cross_table"},
    {"plan"},
    {"run", "workers", "solving"},
    {"run_task", "verbs"},
    {"exploring"},
)

# packages that functions of a file import when they are called, so that nobody waits for them who does not need them
WHEN_CALLED = {
    "study/__init__.py": {"pinndd"},
    "start.py": {"pinndd"},
    "lazy.py": {"importlib"},
    "cli.py": {"pinndd"},
    "terminal/errors.py": {"pinndd"},
    "terminal/catalogue.py": {"pinndd"},
    "terminal/describing.py": {"pinndd"},
    "terminal/distilling.py": {"pinndd"},
    "terminal/evaluating.py": {"pinndd"},
    "terminal/exporting.py": {"pinndd"},
    "terminal/studying.py": {"pinndd"},
    "terminal/subjects.py": {"pinndd"},
    "study/protocols/__init__.py": {"pinndd"},
    "study/solving.py": {"pinndd"},
    "study/results/intervals.py": {"scipy"},
    "study/results/outcome.py": {"pinndd"},
    "study/results/table.py": {"pandas"},
    "study/plots/panels.py": {"scipy"},
    "study/cross_table.py": {"pinndd"},
    "learners/compiled.py": {"torch"},
    "learners/scikit.py": {"sklearn"},
    "learners/estimator.py": {"sklearn"},
    "stated/task.py": {"pinndd"},
    "vision/datasets/converting.py": {"pandas"},
    "vision/datasets/finding.py": {"pooch"},
    "vision/datasets/image_files.py": {"PIL"},
    "vision/datasets/loading.py": {"sklearn"},
    "study/classification/baselines.py": {"sklearn"},
    "study/stated/baselines.py": {"sklearn"},
    "pinn/declare/tables.py": {"pandas"},
    "pinn/declare/recorded.py": {"pandas", "scipy", "xarray"},
    "pinn/solving/parts.py": {"cloudpickle", "loky", "threadpoolctl"},
    "pinn/solving/measured.py": {"sklearn"},
    "pinn/solving/writing.py": {"meshio", "scipy", "xarray"},
    "terminal/solving.py": {"pinndd"},
    "terminal/studying_many.py": {"pinndd"},
    "pinn/reference/cavity.py": {"scipy"},
    "terminal/exploring.py": {"pinndd"},
    "pinn/sets/samplers.py": {"scipy"},
    "pinn/reference/finite_elements.py": {"scipy", "skfem"},
    "pinn/jets/residual.py": {"deepxde"},
    "pinn/jets/deepxde.py": {"deepxde"},
}


def imported(path):
    """Modules of pinndd that a file imports, wherever in the file, as parts of their names behind ``pinndd``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" for a in node.names]
        found |= {tuple(name.split(".")[1:]) for name in names if name.startswith("pinndd.")}
    return found


def imported_when_called(path):
    """Packages that functions of a file import."""
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [n for function in functions for n in ast.walk(function)]
    names = [a.name for n in inside if isinstance(n, ast.Import) for a in n.names]
    names += [n.module for n in inside if isinstance(n, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if not {"_pdes", "_tasks"} & set(p.parts)]


def test_the_domains_and_the_rooms_of_pinn_are_those_of_the_folders():
    rooms = [room for row in ROOMS for room in row]
    assert len(rooms) == len(set(rooms))
    assert set(rooms) == {p.parent.name for p in (PACKAGE / "pinn").glob("*/__init__.py")}
    assert {p.name for p in (PACKAGE / "pinn").glob("*.py")} == {"__init__.py"}
    assert all((PACKAGE / domain).is_dir() for domain in DOMAINS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    name = path.relative_to(PACKAGE).as_posix()
    here, used = name.split("/")[0].removesuffix(".py"), {parts[0] for parts in imported(path)}
    if here in {*TOP, "__main__"}:
        return
    assert not used & TOP
    if here == "study":
        return
    assert "study" not in used or name == "__init__.py"
    if name in DOORS:
        return
    assert "tasks" not in used, "a door leads into domains"
    assert all((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() for name in used), "pinndd itself is a door"
    if here in DOMAINS:
        assert used & DOMAINS <= {here}, "domains do not know each other"
    else:
        assert not used & DOMAINS, "the core knows no domain"


@pytest.mark.parametrize("path", sorted((PACKAGE / "pinn").glob("*/*.py")), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_rooms_of_pinn_form_no_circle(path):
    here = path.parent.name
    row = next(k for k, rooms in enumerate(ROOMS) if here in rooms)
    used = {parts[1] for parts in imported(path) if parts[0] == "pinn"} - {here}
    assert used <= set().union(*ROOMS[:row])


def test_the_rooms_of_study_are_those_of_the_folder():
    rooms = [room for row in STUDY_ROOMS for room in row]
    assert len(rooms) == len(set(rooms))
    folders = {p.parent.name for p in (PACKAGE / "study").glob("*/__init__.py")}
    assert set(rooms) == folders | {p.stem for p in (PACKAGE / "study").glob("*.py")} - {"__init__"}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "study").rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE / "study").as_posix()
)
def test_rooms_of_study_form_no_circle(path):
    here = path.relative_to(PACKAGE / "study").parts[0].removesuffix(".py")
    if here == "__init__":
        return
    row = next(k for k, rooms in enumerate(STUDY_ROOMS) if here in rooms)
    used = {parts[1] for parts in imported(path) if parts[0] == "study"} - {here}
    assert used <= set().union(*STUDY_ROOMS[:row])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_import_only_what_takes_long_to_start(path):
    assert imported_when_called(path) == WHEN_CALLED.get(path.relative_to(PACKAGE).as_posix(), set())
