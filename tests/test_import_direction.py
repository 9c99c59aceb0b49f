"""Data flows one way: core, then domain packages, then study, then the command line (docs/design.md)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pinndd"
DOMAINS = {"pinn", "vision", "bayesnet"}
ABOVE = {"study", "cli", "terminal"}


def layer(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Layers of pinndd that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "pinndd" else [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("pinndd.")}
    return found


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if "_pdes" not in p.parts]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    here, used = layer(path), imported(path)
    if here in {"cli", "terminal", "__main__"}:
        return
    assert not used & (ABOVE if here != "study" else {"cli", "terminal"})
    if here in DOMAINS:
        assert used & DOMAINS <= {here}
    elif here not in {"study", "tasks", "__init__"}:
        assert not used & DOMAINS, "the core knows no domain"


def test_a_task_knows_one_domain_at_most():
    for path in (PACKAGE / "tasks").glob("*.py"):
        assert len(imported(path) & DOMAINS) <= 1
