"""The page about a run: self-contained, with the losses, the costs and the way to repeat it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from pinndd.study.plots.gallery import draw_gallery, draw_together
from pinndd.study.report.cost import cost_of, judge_sentence, points_needed, worth_in_points
from pinndd.study.report.page import write_report
from pinndd.study.report.verdict import verdict
from pinndd.study.results import words
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import as_table, rows_of


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


@pytest.mark.parametrize(
    ("distance", "said", "tick"),
    [
        ("relative-l2", "13 %", "13 %"),
        ("zero-one", "13 %", "13 %"),
        ("relative-l1", "13 %", "13 %"),
        ("brier", "0.13", "0.13"),
        ("rmse-in-mmhg", "0.13", "0.13"),
        ("cross-entropy", "0.13 nats", "0.13"),
    ],
)
def test_an_error_is_in_per_cent_where_it_is_a_share(distance, said, tick):
    row = SimpleNamespace(mean=0.13, low=0.12, high=0.14, distinct=0, conditions=0, distance=distance)
    unit = said.removeprefix("13").removeprefix("0.13")
    assert words.mean(row) == said
    assert words.interval(row) == ("12 to 14 %" if unit == " %" else f"0.12 to 0.14{unit}")
    assert words.tick_of(distance)(0.13) == tick
    assert words.error(float("inf"), distance) == "diverged"


@pytest.mark.parametrize(
    ("distance", "name"),
    [
        ("relative-l2", "relative L2 error"),
        ("kl", "Kullback-Leibler divergence, nats"),
        ("brier", "Brier score"),
        ("total-variation", "total variation"),
        ("rmse-in-mmhg", "error (rmse-in-mmhg)"),
    ],
)
def test_an_error_has_the_name_of_its_distance(distance, name):
    assert words.error_name(distance) == name


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


def sized(totals, distilled=0.02, learner="ridge"):
    """A summary in distribution: a distilled set of 94 points, and designs of other sizes with their errors."""
    common = dict(pde="heat", protocol="retrain", learner=learner, shift="none", seed=0, seconds=0.01)
    rows = [common | dict(method="distilled", points=64, boundary_points=30, error=distilled, distilled_with=learner)]
    rows += [
        common | dict(method=name, points=total - 30, boundary_points=30, error=error, ceiling=name in ("dense", "fresh-samples"))
        for name, total, error in totals
    ]
    summary = summarise(as_table([row | {"episode": k} for row in rows for k in range(2)]))
    return points_needed(summary, next(rows_of(summary)))


def test_points_for_the_same_error_follow_a_power_law():
    """Errors of 100 / points²: the number is that at which the law has the error of the distilled set."""
    law = lambda n: 100 * n**-2.0  # noqa: E731
    needed = sized([("sobol", n, law(n)) for n in (50, 94, 200)] + [("uniform", 94, 1.0)], law(140))
    assert needed.points == pytest.approx(140)
    assert (needed.below.total, needed.above.total) == (94, 200)
    assert "takes about 140 points without distilling, 1.5 times as many: sobol with 94 has 1.1 % and" in needed.sentence


def test_points_for_the_same_error_beyond_and_below_what_was_run():
    beyond = sized([("sobol", 94, 0.05), ("dense", 400, 0.03), ("fresh-samples", 94, 0.001)])
    assert (beyond.points, beyond.above) == (400, None)
    assert "takes more than 400 points without distilling, 4.3 times as many: dense with 400 has 3.0 %." in beyond.sentence
    below = sized([("sobol", 94, 0.01), ("dense", 400, 0.001)])
    assert (below.points, below.below) == (94, None)
    assert "takes at most 94 points without distilling: sobol with 94 has 1.0 %." in below.sentence
    assert sized([("sobol", 94, 0.05), ("dense", 400, 0.0)]).points == 400
    assert sized([("fresh-samples", 94, 0.001)]) is None
    assert sized([("sobol", 94, 0.05)], float("nan")) is None


def test_training_the_bodies_counts_as_distilling(outcome):
    cost = cost_of(summarise(outcome.results), "ridge", outcome.distill_seconds, body_seconds=[10.0, 12.0])
    assert cost.conditions == pytest.approx((18.6 + 22.0) / (0.020 - 0.004))
    assert "has paid after 2538 boundary conditions (training the bodies, 22 s, counts as distilling)" in cost.sentence


def test_the_page_has_shares_bodies_and_points(heat, outcome, make_config, tmp_path):
    write_report(heat, make_config(), [replace(outcome, body_seconds=[10.0, 12.0])], [], tmp_path / "report.html")
    page = re.sub(r"\s+", " ", (tmp_path / "report.html").read_text())
    assert "<td>59 % (59 to 59)</td></tr>" in page
    assert "Training the bodies took 10 s, 12 s (one number per body)" in page
    assert "With ridge, 1.7 % takes about" in page
    assert "What is worth its time" not in page


def test_what_belongs_to_the_whole_run_stands_before_the_protocols(heat, make_outcome, make_config, tmp_path):
    outcomes = [make_outcome(name) for name in ("retrain", "amortised")]
    pictures = draw_together(outcomes, tmp_path)
    write_report(heat, make_config(protocols=["retrain", "amortised"]), outcomes, pictures, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.index("What is worth its time") < page.index("All protocols and learners of this run") < page.index("<h2>")


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (1400, "1400"), (0.0031, "0.0031"), (1e-6, "0.0000010"), (6.21e-31, "6.2e-31"), (2.5e6, "2.5e+06")]
)
def test_numbers_beyond_what_can_be_counted_in_zeros_are_powers_of_ten(value, said):
    assert words.significant(value) == said
    assert words.error(value, "brier") == said
