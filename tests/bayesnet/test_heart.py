"""Heart disease: the counts that the data's description gives, the states of known patients, and damaged lines."""

import hashlib
from importlib.resources import files

import pytest
import torch

from pinndd.bayesnet import MISSING
from pinndd.bayesnet.heart import HOSPITALS, load_heart, parse_patient

FIRST = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0"


@pytest.fixture(scope="module")
def heart():
    return load_heart()


def test_counts_of_rows_and_missing_cells(heart):
    assert [len(heart.hospitals.table(name)) for name in HOSPITALS] == [303, 294, 123, 200]
    missing = {
        name: [
            round(100 * float((heart.hospitals.table(hospital)[:, k] == MISSING).double().mean())) for hospital in HOSPITALS
        ]
        for k, name in enumerate(heart.columns)
    }
    assert missing["ca"] == [1, 99, 96, 99]
    assert missing["thal"] == [1, 90, 42, 83]
    # Switzerland and Long Beach have zeros for cholesterol
    assert missing["chol"] == [0, 8, 100, 28]
    assert missing["disease"] == missing["age"] == missing["sex"] == missing["cp"] == [0, 0, 0, 0]
    sick = [float((heart.hospitals.table(hospital)[:, -1] == 1).double().mean()) for hospital in HOSPITALS]
    assert sick == pytest.approx([139 / 303, 106 / 294, 115 / 123, 149 / 200])


def test_numbers_and_states_are_missing_together(heart):
    assert torch.equal(heart.values.isnan(), heart.hospitals.rows == MISSING)
    assert set(heart.values[:, -1].tolist()) == {0.0, 1.0}
    assert float(heart.values[:, heart.columns.index("trestbps")].nan_to_num(1e9).min()) >= 80
    assert torch.equal(heart.numbers("va")[:, :3], heart.values[-200:, :3])


def test_states_of_the_first_patient(heart):
    row = heart.hospitals.rows[0].tolist()
    states = [variable.states[code] for variable, code in zip(heart.hospitals.variables, row, strict=True)]
    assert states == [
        "55-64", "male", "typical angina", "140 and above", "200-239", "yes", "left ventricular hypertrophy",
        "140-159", "no", "1.5-2.4", "down", "0", "fixed defect", "no",
    ]  # fmt: skip
    assert heart.values[0].tolist() == [63, 1, 1, 145, 233, 1, 2, 150, 0, 2.3, 3, 0, 6, 0]


@pytest.mark.parametrize(
    ("column", "cuts"),
    [(0, (45, 55, 65)), (3, (120, 140)), (4, (200, 240)), (7, (120, 140, 160)), (9, (0.5, 1.5, 2.5))],
)
def test_an_interval_holds_its_lower_end(column, cuts):
    for k, cut in enumerate(cuts):
        for value, code in ((cut - 0.1, k), (cut, k + 1)):
            cells = FIRST.split(",")
            cells[column] = str(value)
            codes, values = parse_patient(",".join(cells), "here")
            assert (codes[column], values[column]) == (code, value)


def test_every_state_occurs(heart):
    for k, variable in enumerate(heart.hospitals.variables):
        assert set(heart.hospitals.rows[:, k].tolist()) - {MISSING} == set(range(len(variable)))


def test_split_takes_a_share_of_every_hospital(heart):
    fit, held = heart.split(0.7, torch.Generator().manual_seed(0))
    assert sorted([*fit.tolist(), *held.tolist()]) == list(range(920))
    for k in range(4):
        for sick in (0, 1):
            stratum = (heart.hospitals.membership == k) & (heart.hospitals.rows[:, -1] == sick)
            assert int(stratum[fit].sum()) == round(0.7 * int(stratum.sum()))
    again = heart.split(0.7, torch.Generator().manual_seed(0))
    assert torch.equal(again[0], fit)
    with pytest.raises(ValueError, match="share=1"):
        heart.split(1.0, torch.Generator())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (FIRST.replace("6.0,0", "5,0"), "here, column 'thal': value 5 is not one of 3, 6, 7"),
        (FIRST.replace("145.0", "high"), "here, column 'trestbps': could not convert string to float: 'high'"),
        (FIRST.replace("145.0", "nan"), "here, column 'trestbps': value 'nan' is not finite"),
        (FIRST + ",1", "here: 15 cells, expected 14"),
    ],
)
def test_damaged_lines_are_refused(line, message):
    with pytest.raises(ValueError, match=message):
        parse_patient(line, "here")


def test_unknown_hospital_is_refused(heart):
    with pytest.raises(ValueError, match="unknown hospital 'basel'"):
        heart.numbers("basel")


def test_files_are_unchanged():
    folder = files("pinndd.bayesnet").joinpath("data", "heart")
    assert {h: hashlib.sha256(folder.joinpath(f"processed.{h}.data").read_bytes()).hexdigest()[:16] for h in HOSPITALS} == {
        "cleveland": "a74b7efa387bc9d1", "hungarian": "d1ad108f785768cd", "switzerland": "834a405ccf5b66ab", "va": "e7c93d8d0d2acdad",
    }  # fmt: skip
