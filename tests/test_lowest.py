"""Every lower bound of pyproject.toml is a version that is tested: `make lowest` runs with it, or the tools of the project do."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
TOOLS = {"docs", "lint"}
BY_HAND = {"torch": Version("2.11")}
"""Bounds of which there is no small build for Python 3.11: tried by hand, while `make lowest` takes the lowest that there is."""


def pinned(file):
    lines = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}


def bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    for group, lines in groups.items():
        for requirement in map(Requirement, lines):
            (bound,) = requirement.specifier
            assert bound.operator == ">=", f"{requirement}: a lower bound and nothing else"
            yield group, canonicalize_name(requirement.name), Version(bound.version)


def test_every_lower_bound_is_tested():
    lowest, tools = pinned("constraints-lowest.txt"), pinned("constraints.txt")
    # of a tool, and of the browser's driver, which needs a browser, the version that the project itself uses
    odd = [
        f"{name}>={bound} ({group})"
        for group, name, bound in bounds()
        if BY_HAND.get(name, (tools if group in TOOLS or name == "playwright" else lowest).get(name)) != bound
    ]
    assert odd == []
    assert all(lowest[name] > bound for name, bound in BY_HAND.items())
