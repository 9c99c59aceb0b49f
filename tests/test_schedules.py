import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinndd.schedules import half_cosine


@given(st.floats(0, 1))
def test_half_a_cosine_lies_between_one_and_the_last_rate_and_is_half_way_in_the_middle(final):
    assert half_cosine(0, final) == pytest.approx(1)
    assert half_cosine(0.5, final) == pytest.approx((1 + final) / 2)
    assert half_cosine(1, final) == pytest.approx(final)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_it_never_rises(final, one, other):
    early, late = sorted((one, other))
    assert half_cosine(late, final) <= half_cosine(early, final) + 1e-15
