"""Rows as words, as codes and as distributions."""

import pytest
import torch

from pinndd.bayesnet import MISSING, Structure, Variable, decode, encode, soften

STRUCTURE = Structure((Variable("sex", ("f", "m")), Variable("pain", ("none", "mild", "strong"))), {})
ROWS = torch.tensor([[0, 2], [1, MISSING]])


def test_words_and_codes_are_inverse():
    words = {"sex": ["f", "m"], "pain": ["strong", None]}
    assert torch.equal(encode(STRUCTURE, words), ROWS)
    assert decode(STRUCTURE, ROWS) == words
    assert encode(STRUCTURE, {"sex": ["f"]}).tolist() == [[0, MISSING]]


def test_soft_rows_are_one_hot():
    soft = soften(STRUCTURE, ROWS[:1])
    assert soft["sex"].tolist() == [[1, 0]]
    assert soft["pain"].tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode(STRUCTURE, {}), "one length, at least one"),
        (lambda: encode(STRUCTURE, {"sex": ["f"], "pain": []}), "one length.*'sex': 1, 'pain': 0"),
        (lambda: encode(STRUCTURE, {"age": ["9"]}), "unknown variable 'age'; expected one of sex, pain"),
        (lambda: encode(STRUCTURE, {"sex": ["f", "x"]}), "row 1: variable 'sex' has no state 'x'; expected one of f, m"),
        (lambda: decode(STRUCTURE, torch.tensor([[0, 3]])), "row 0, column 'pain': code 3, expected 0 to 2, or -1"),
        (lambda: decode(STRUCTURE, torch.zeros(1, 3, dtype=torch.int64)), r"shape \(1, 3\).*expected \(N, 2\)"),
        (lambda: decode(STRUCTURE, torch.zeros(1, 2)), "dtype torch.float32, expected .* torch.int64"),
        (lambda: soften(STRUCTURE, ROWS), "row 1, column 'pain' is missing"),
    ],
)
def test_bad_rows_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
