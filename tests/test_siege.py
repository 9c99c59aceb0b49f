"""A small part of ``make siege``: what must not be is counted, and is nought."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = str(Path(__file__).resolve().parent.parent / "benchmarks")


@pytest.fixture(scope="module", autouse=True)
def _path():
    sys.path.insert(0, BENCHMARKS)
    yield
    sys.path.remove(BENCHMARKS)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("siege")


@pytest.mark.parametrize(("code", "err", "column"), [
    (2, "pinndd: no such file\n", "refused"),
    (1, "Traceback (most recent call last):\n", "tracebacks"),
    (1, "pinndd: unexpected KeyError: 'x'\n", "tracebacks"),
    (1, "", "tracebacks"),
    (-11, "", "tracebacks"),
    (0, "", "well"),
])
def test_an_ending_is_counted_as_what_it_is(code, err, column):
    from siege.ledger import Ending, Row

    row = Row("x")
    row.count(Ending(code, "", err), "an attempt")
    found = getattr(row, column)
    assert (found if isinstance(found, int) else len(found)) == 1
    assert bool(row.faults) == (column == "tracebacks")


@pytest.mark.parametrize(("module", "attack", "count"), [
    ("commands", "besiege_commands", 10),
    ("files", "besiege_bytes", 20),
    ("files", "besiege_contents", 15),
    ("files", "besiege_runs", 5),
    ("modules", "besiege_modules", 18),
])
def test_no_traceback_no_silent_wrong_result_and_no_loss(module, attack, count, place):
    import importlib

    row = getattr(importlib.import_module(f"siege.{module}"), attack)(count, place)
    assert row.tried >= count
    assert row.faults == []
