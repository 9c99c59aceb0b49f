"""The page about a run: self-contained, with the losses, the costs and the way to repeat it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pinndd.study.plots.gallery import draw_gallery
from pinndd.study.report.cost import cost_of, judge_sentence, worth_in_points
from pinndd.study.report.page import write_report
from pinndd.study.report.verdict import verdict
from pinndd.study.results import words
from pinndd.study.results.summary import summarise


@pytest.fixture(scope="module")
def page(heat, outcome, make_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    pictures = draw_gallery(heat, [replace(outcome, examples=outcome.examples[:1])], folder)
    config = make_config(protocols=["retrain", "solved"], command="pinndd study heat --out runs/heat")
    marked = replace(outcome, notes=["<script>alert(1)</script>"])
    write_report(heat, config, [marked], pictures, folder / "report.html")
    return (folder / "report.html").read_text()


class Reader(HTMLParser):
    """Collects text and checks that tags are balanced."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open and self.open[-1] != "style" else ""


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    reader.text = re.sub(r"\s+", " ", reader.text)
    return reader


def test_the_page_is_self_contained(page, read):
    assert len(read.images) == 7
    assert all(i["src"].startswith("data:image/png;base64,") and i["alt"] for i in read.images)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "url(" not in page


def test_the_headline_has_the_ratio_and_its_interval(read):
    assert "3.8 (3.8 to 3.8) times smaller than with the best baseline in distribution (midpoint-grid, 6.5 %)" in read.text


def test_losses_are_shown(page, read):
    assert (
        "You train with mlp-lm: a baseline is better in distribution and under the shifts frequency and steps" in read.text
    )
    assert page.count('<tr class="loss">') >= 3 + 2
    assert "the baseline is better" in read.text


def test_costs_notes_settings_and_repetition(page, read):
    assert "Distilling took 18 s, 19 s" in read.text
    assert "it has paid after" in read.text
    for row in ("scale</th><td></td><td>2.5", "weights</th><td>sobol</td><td>10", '"></th><td>midpoint-grid</td><td>3'):
        assert f"{row}</td></tr>" in page
    assert "<script>" not in page
    assert "pinndd study heat --out runs/heat" in read.text
    assert "Not finished yet: solved." in read.text
    assert "torch" in read.text


def test_no_number_is_a_raw_float(read):
    assert not re.search(r"\d\.\d{5,}", read.text)


def test_payback_by_hand(outcome):
    """19 s of distilling on average 18.6 s, 20 ms a training for the dense set, 4 ms for the distilled one."""
    cost = cost_of(summarise(outcome.results), "ridge", outcome.distill_seconds)
    assert cost.match.method == "dense"
    assert cost.conditions == pytest.approx(18.6 / (0.020 - 0.004))
    assert "has paid after 1163 boundary conditions" in cost.sentence


def test_payback_of_a_set_that_loses(outcome):
    assert "does not pay" in cost_of(summarise(outcome.results), "mlp-lm", [10.0]).sentence


def test_payback_where_the_others_are_as_fast(outcome, change):
    results = change(outcome.results, lambda r: r["method"] == "dense", seconds=0.001)
    cost = cost_of(summarise(results), "ridge", [10.0])
    assert cost.conditions == float("inf")
    assert "never pays in time alone" in cost.sentence


def test_payback_where_nothing_matches(outcome):
    results = outcome.results[outcome.results["method"] != "dense"]
    cost = cost_of(summarise(results), "ridge", [10.0])
    assert cost.conditions is None
    assert "not known" in cost.sentence
    assert worth_in_points(summarise(results), cost.distilled) is None


def test_the_judge_is_quoted(outcome, change):
    results = change(outcome.results, lambda r: (r["learner"] == "mlp-lm") & ~r["ceiling"], learner="deepxde")
    sentence = judge_sentence(summarise(results), "ridge")
    assert "DeepXDE's own Model does not reach that error" in sentence
    assert "midpoint-grid" in sentence


def test_a_verdict_without_a_win(outcome):
    rows = summarise(outcome.results).query("learner == 'mlp-lm' and shift == 'none'")
    found = verdict(rows, "mlp-lm", rows)
    assert "larger than with the best baseline" in found.headline
    assert found.use == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0171, "1.7 %"), (0.000312, "0.031 %"), (2.4, "240 %"), (float("inf"), "diverged"), (0.0, "0 %"), (1e9, "1.0e+11 %")],
)
def test_percent(value, text):
    assert words.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0034, "3.4 ms"), (12.3, "12 s"), (246.0, "4.1 min")])
def test_seconds(value, text):
    assert words.seconds(value) == text


def test_the_page_has_the_errors_of_components(heat, outcome, of_a_system, make_config, tmp_path):
    pages = []
    for each in (outcome, of_a_system):
        write_report(heat, make_config(protocols=["retrain"]), [each], [], tmp_path / "report.html")
        pages.append(re.sub(r"\s+", " ", (tmp_path / "report.html").read_text()))
    assert "component" not in pages[0]
    assert "outside the comparison. The error is that of all components together" in pages[1]
    assert "<th>Error of u</th><th>Error of p</th>" in pages[1]
    assert "<td>1.7 % / 6.5 %</td>" in pages[1]


def test_errors_that_repeat_are_counted_beside_the_interval_and_noted(heat, outcome, make_config, tmp_path):
    """Four draws of one coefficient each out of two: multiples of each other have the same relative error."""
    results = outcome.results[outcome.results["episode"] < 4].copy()
    sparse = results["shift"] == "steps"
    results.loc[sparse, "error"] = results["error"] * 0 + 0.1 + 0.02 * (results["episode"] % 2)
    write_report(heat, make_config(), [replace(outcome, results=results)], [], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "10 to 12 % (two distinct errors)" in page
    assert "Steps, trained by ridge: the 4 test conditions give only two distinct errors" in page
    assert "frequency, trained by" not in page.lower()
