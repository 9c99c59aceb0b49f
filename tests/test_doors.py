"""Packages that export classes of other modules."""

import ast
from pathlib import Path

import pytest

import pinndd.learners
import pinndd.tasks
from pinndd.lazy import importer


@pytest.mark.parametrize("package", [pinndd.learners, pinndd.tasks], ids=lambda p: p.__name__)
def test_every_class_is_found_where_the_type_checker_finds_it(package):
    tree = ast.parse(Path(package.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert {name: getattr(package, name).__module__ for name in package.__all__} == seen


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'shop' has no attribute 'Nothing'"):
        importer("shop", {})("Nothing")
