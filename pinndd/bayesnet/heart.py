"""UCI heart disease: four hospitals, as numbers and as states.

The data are by Andras Janosi (Hungarian Institute of Cardiology, Budapest), William Steinbrunn (University Hospital, Zurich),
Matthias Pfisterer (University Hospital, Basel) and Robert Detrano (V.A. Medical Center, Long Beach, and Cleveland Clinic
Foundation), published by the UCI Machine Learning Repository (doi 10.24432/C52P4X) under CC BY 4.0; the four ``processed`` files
are part of the package, unchanged. Detrano et al. (1989), Am. J. Cardiol. 64, 304-310, describe the patients.

States (numbers of the files in brackets; an interval holds its lower end):

| column | what | states |
|---|---|---|
| age | years | below 45, 45-54, 55-64, 65 and above |
| sex | | female (0), male (1) |
| cp | chest pain | typical angina (1), atypical angina (2), non-anginal (3), asymptomatic (4) |
| trestbps | resting blood pressure, mmHg | below 120, 120-139, 140 and above |
| chol | serum cholesterol, mg/dl | below 200, 200-239, 240 and above |
| fbs | fasting blood sugar above 120 mg/dl | no (0), yes (1) |
| restecg | resting electrocardiogram | normal (0), ST-T abnormality (1), left ventricular hypertrophy (2) |
| thalach | greatest heart rate reached, 1/min | below 120, 120-139, 140-159, 160 and above |
| exang | angina induced by exercise | no (0), yes (1) |
| oldpeak | ST depression by exercise, mm | below 0.5, 0.5-1.4, 1.5-2.4, 2.5 and above |
| slope | of the ST segment at peak exercise | up (1), flat (2), down (3) |
| ca | vessels coloured by fluoroscopy | 0, 1, 2, 3 |
| thal | thallium scan | normal (3), fixed defect (6), reversible defect (7) |
| disease | a vessel narrowed by more than half | no (0), yes (1 to 4) |

``?`` is missing. So are a cholesterol and a blood pressure of 0, which no living patient has: the whole column ``chol`` of
Switzerland, 49 cells of it in Long Beach (va), and one blood pressure there. Eleven ``oldpeak`` of Switzerland and one of Long
Beach are negative (an elevation); they are kept as numbers and belong to the lowest state. One patient of Hungary and one of Long
Beach are in their file twice; both rows are kept. Cholesterol is cut at 200 and 240 and blood pressure at 120 and 140, as
guidelines do; the other numbers are cut so that every state has patients enough (87 or more of 920).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite, nan

import torch
from torch import Tensor

from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.network import Variable
from pinndd.bayesnet.rows import MISSING

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
"""Names of the hospitals, as in the names of the files."""


@dataclass(frozen=True)
class _Column:
    """A column: its states, and the numbers that stand for them, or the cuts between them."""

    variable: Variable
    numbers: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    zero_is_missing: bool = False

    def code(self, value: float) -> int:
        """Return the state of a number.

        Raises:
            ValueError: it stands for none.
        """
        if self.cuts:
            return bisect_right(self.cuts, value)
        if value not in self.numbers:
            expected = ", ".join(f"{number:g}" for number in self.numbers)
            raise ValueError(f"value {value:g} is not one of {expected}")
        # the disease has five grades and two states
        return min(self.numbers.index(value), len(self.variable) - 1)


def _named(name: str, numbers: tuple[float, ...], *states: str) -> _Column:
    return _Column(Variable(name, states), numbers)


def _cut(name: str, cuts: tuple[float, ...], *states: str, zero_is_missing: bool = False) -> _Column:
    return _Column(Variable(name, states), (), cuts, zero_is_missing)


_COLUMNS = (
    _cut("age", (45, 55, 65), "below 45", "45-54", "55-64", "65 and above"),
    _named("sex", (0, 1), "female", "male"),
    _named("cp", (1, 2, 3, 4), "typical angina", "atypical angina", "non-anginal", "asymptomatic"),
    _cut("trestbps", (120, 140), "below 120", "120-139", "140 and above", zero_is_missing=True),
    _cut("chol", (200, 240), "below 200", "200-239", "240 and above", zero_is_missing=True),
    _named("fbs", (0, 1), "no", "yes"),
    _named("restecg", (0, 1, 2), "normal", "ST-T abnormality", "left ventricular hypertrophy"),
    _cut("thalach", (120, 140, 160), "below 120", "120-139", "140-159", "160 and above"),
    _named("exang", (0, 1), "no", "yes"),
    _cut("oldpeak", (0.5, 1.5, 2.5), "below 0.5", "0.5-1.4", "1.5-2.4", "2.5 and above"),
    _named("slope", (1, 2, 3), "up", "flat", "down"),
    _named("ca", (0, 1, 2, 3), "0", "1", "2", "3"),
    _named("thal", (3, 6, 7), "normal", "fixed defect", "reversible defect"),
    _named("disease", (0, 1, 2, 3, 4), "no", "yes"),
)


@dataclass(frozen=True)
class Heart:
    """The patients of the four hospitals.

    Attributes:
        hospitals: their states, ``hospitals.rows`` of shape ``(920, 14)``.
        values: their numbers in the units of the table above, ``(920, 14)``, float64, nan where missing. The last column is 0
            or 1, the disease.
    """

    hospitals: Hospitals
    values: Tensor

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(variable.name for variable in self.hospitals.variables)

    def numbers(self, hospital: str) -> Tensor:
        """Return the numbers of one hospital, ``(N, 14)``.

        Raises:
            ValueError: there is no such hospital.
        """
        if hospital not in HOSPITALS:
            raise ValueError(f"unknown hospital {hospital!r}; expected one of {', '.join(HOSPITALS)}")
        return self.values[self.hospitals.membership == HOSPITALS.index(hospital)]

    def split(self, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the patients to learn from, the same share of each hospital and of its sick and well patients.

        Args:
            share: of the patients to learn from, in (0, 1).
            generator: of the draw.

        Returns:
            Positions of the rows to learn from and of those held out, each ascending.

        Raises:
            ValueError: the share is not in (0, 1).
        """
        if not 0 < share < 1:
            raise ValueError(f"split: share={share} must be between 0 and 1")
        stratum = 2 * self.hospitals.membership + self.hospitals.rows[:, -1]
        chosen = torch.zeros(len(stratum), dtype=torch.bool)
        for group in torch.unique(stratum).tolist():
            members = (stratum == group).nonzero()[:, 0]
            order = torch.randperm(len(members), generator=generator)
            chosen[members[order[: round(share * len(members))]]] = True
        return chosen.nonzero()[:, 0], (~chosen).nonzero()[:, 0]


def load_heart() -> Heart:
    """Read the patients of the four hospitals from the package.

    Raises:
        ValueError: a file has been changed: the message names file, line, column and value.
    """
    codes: list[list[int]] = []
    values: list[list[float]] = []
    membership: list[int] = []
    for k, hospital in enumerate(HOSPITALS):
        name = f"processed.{hospital}.data"
        text = files("pinndd.bayesnet").joinpath("data", "heart", name).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                coded, raw = parse_patient(line, f"{name}, line {number}")
                codes.append(coded)
                values.append(raw)
                membership.append(k)
    variables = tuple(column.variable for column in _COLUMNS)
    hospitals = Hospitals(variables, HOSPITALS, torch.tensor(codes, dtype=torch.int64), torch.tensor(membership))
    return Heart(hospitals, torch.tensor(values, dtype=torch.float64))


def parse_patient(line: str, place: str) -> tuple[list[int], list[float]]:
    """Return the states and the numbers of one line of a file.

    Args:
        line: of 14 cells with commas between.
        place: file and line, for errors.

    Raises:
        ValueError: there are not 14 cells, or one is neither a number nor ``?``, or a number that stands for no state.
    """
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(_COLUMNS):
        raise ValueError(f"{place}: {len(cells)} cells, expected {len(_COLUMNS)}")
    codes: list[int] = []
    values: list[float] = []
    for column, cell in zip(_COLUMNS, cells, strict=True):
        try:
            value = nan if cell == "?" else float(cell)
            if cell != "?" and not isfinite(value):
                raise ValueError(f"value {cell!r} is not finite")
            absent = cell == "?" or (column.zero_is_missing and value == 0)
            code = MISSING if absent else column.code(value)
        except ValueError as error:
            raise ValueError(
                f"{place}, column {column.variable.name!r}: {error}; expected a number, or ? where missing"
            ) from error
        codes.append(code)
        values.append(nan if absent else value)
    values[-1] = nan if codes[-1] == MISSING else float(codes[-1])
    return codes, values
