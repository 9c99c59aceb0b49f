"""What every packaged PDE module says about itself, before any of it is imported."""

import re

import pytest

from pinndd.pinn.declare.loading import docstring_of, list_pdes, load_pde

NAMES = [name for name, _ in list_pdes()]


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_tells_equation_conditions_shifts_and_reference(name):
    text, pde = docstring_of(name), load_pde(name)
    assert re.search(r"^ {4}\S.*=", text, re.MULTILINE), "the equation, indented"
    varied = [c.name for c in pde.valued if pde.ensemble().families[c.name].size]
    missing = [word for word in (*varied, *pde.shifts) if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)]
    assert not missing, "conditions or shifts that the docstring does not name"
    _, found, reference = text.partition("Reference:")
    assert found, "a paragraph that begins with 'Reference:'"
    assert re.search(r"doi:|arXiv|(19|20)\d\d", reference), "a source: author and year, or a DOI"


def test_there_are_enough_of_them():
    assert len(NAMES) >= 16


@pytest.mark.parametrize("name", NAMES)
def test_a_module_has_the_name_of_its_file_and_three_shifts(name):
    pde = load_pde(name)
    assert pde.name == name
    assert len(pde.shifts) >= 3
