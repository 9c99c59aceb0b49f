"""The amortised protocol says where a closed-form fit of the retrain protocol answers better in less time."""

from dataclasses import replace

import pytest

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.report.closed_form import closed_form_sentence
from pinndd.study.report.page import write_report
from pinndd.study.results.summary import summarise

SAID = "A fit in closed form answers better in less time than this network."


@pytest.fixture(scope="module")
def network(make_outcome):
    """An amortised network three times as far off as ridge on the distilled points, and four times as slow."""
    found = make_outcome("amortised")
    own = found.results[found.results["learner"] == "ridge"]
    return replace(found, results=own.assign(error=3 * own["error"], seconds=4 * own["seconds"]))


def said(network, outcome, linear=True):
    return closed_form_sentence(summarise(network.results), summarise(outcome.results), linear=linear)


def test_a_better_and_faster_fit_is_told_with_both_numbers_under_every_shift(network, outcome):
    sentence = said(network, outcome)
    assert sentence.startswith(SAID)
    assert "on 64 interior and 30 boundary distilled points, has in distribution 1.7 % in 4.0 ms with ridge" in sentence
    assert "(the network 5.1 % in 16 ms); frequency" in sentence


def test_shifts_under_which_the_network_is_better_are_not_told(network, outcome, change):
    good = replace(network, results=change(network.results, lambda r: r["shift"] == "steps", error=1e-4))
    assert "frequency" in said(good, outcome)
    assert "steps" not in said(good, outcome)


@pytest.mark.parametrize("column", ["error", "seconds"])
def test_nothing_is_said_where_the_network_is_faster_or_better(network, outcome, column):
    good = replace(network, results=network.results.assign(**{column: network.results[column] / 1000}))
    assert said(good, outcome) == ""


def test_nothing_is_said_of_a_nonlinear_equation_or_without_such_fits(network, outcome):
    assert said(network, outcome, linear=False) == ""
    steps = outcome.results[outcome.results["learner"] == "mlp-lm"]
    assert said(network, replace(outcome, results=steps)) == ""


def test_bodies_of_a_linear_equation_are_fits_in_closed_form(network, outcome):
    assert "with body" in said(network, replace(outcome, results=outcome.results.replace({"learner": {"ridge": "body"}})))


def test_the_page_says_so_below_the_headline_of_the_amortised_protocol(heat, network, outcome, make_config, tmp_path):
    pages = {}
    for pde, outcomes in ((heat, [outcome, network]), (heat, [network]), (load_pde("burgers"), [outcome, network])):
        write_report(pde, make_config(), outcomes, [], tmp_path / "report.html")
        pages[pde.name, len(outcomes)] = (tmp_path / "report.html").read_text()
    assert [page.count(SAID) for page in pages.values()] == [1, 0, 0]
    page = pages["heat", 2]
    assert page.index('<section id="amortised">') < page.index(SAID)
