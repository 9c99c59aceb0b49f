"""When Python looks for garbage: put off while a command imports, taken up for its work, and as ever in a script of a user."""

import gc

import pytest

from pinndd.collecting import collect_again, collect_later, collect_no_more
from pinndd.terminal.errors import checking_input


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_work_begins_with_garbage_collected_but_not_among_what_was_imported():
    collect_later()
    assert not gc.isenabled()
    with checking_input():
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0


def test_a_process_that_put_nothing_off_is_left_alone():
    collect_again()
    assert gc.get_freeze_count() == 0


def test_the_end_looks_through_nothing():
    collect_no_more()
    made = gc.get_freeze_count()
    assert made > 1000
    assert len(gc.get_objects()) < made / 10
