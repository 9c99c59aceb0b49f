"""The examples in docstrings run, and say what they say they do."""

import doctest
import importlib

import pytest

MODULES = (
    "constraints",
    "data",
    "distances.norms",
    "hypergradients.fitting",
    "learners.linear",
    "learners.ridge",
    "outer_loop",
    "pinn.families.waves",
    "problem",
    "risks",
    "stated.parts",
    "stated.task",
    "study.results.summary",
    "study.verbs",
)


@pytest.mark.usefixtures("few_conditions")
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    results = doctest.testmod(importlib.import_module(f"pinndd.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
