"""Seeds are computed once, by whoever comes first; what is kept is what was computed."""

import threading
from dataclasses import replace

import pandas
import pytest

from pinndd.study.results import run_folder
from pinndd.study.results.kept_seeds import KeptSeeds
from pinndd.study.results.outcome_files import OutcomeFileError
from pinndd.study.results.run_folder import RunFolder


def never(*arguments):
    raise AssertionError("nothing is computed here, and nobody waits")


@pytest.fixture
def seeds(tmp_path):
    return KeptSeeds(tmp_path / "seeds", "this run")


def test_where_nothing_is_kept_everything_is_computed(outcome):
    kept = KeptSeeds()
    assert kept.outcome("0-0-ridge", lambda: outcome, never) is outcome
    kept.lend_a_hand("0-0-ridge", never)


def test_what_is_kept_is_what_was_computed(seeds, outcome):
    assert seeds.outcome("0-0-ridge", lambda: outcome, never) is outcome
    found = seeds.outcome("0-0-ridge", never, never)
    pandas.testing.assert_frame_equal(found.results, outcome.results)
    assert [data.header for data in found.data] == [data.header for data in outcome.data]
    for mine, theirs in zip(found.data, outcome.data, strict=True):
        assert all(mine[name].equal(theirs[name]) for name in theirs.fields)
    seeds.lend_a_hand("0-0-ridge", never)


def test_what_was_lent_is_taken(seeds, make_outcome):
    seeds.lend_a_hand("0-1-ridge", lambda: make_outcome("retrain", 1))
    assert len(seeds.outcome("0-1-ridge", never, never).data) == 1


def test_of_two_that_need_a_seed_one_computes_and_the_other_waits(seeds, make_outcome):
    computing, waiting, found = threading.Event(), threading.Event(), []

    def slowly():
        computing.set()
        assert waiting.wait(30)
        return make_outcome("retrain", 1)

    helper = threading.Thread(target=lambda: seeds.lend_a_hand("0-1-ridge", slowly))
    helper.start()
    assert computing.wait(30)
    seeds.lend_a_hand("0-1-ridge", never)  # somebody does
    found.append(seeds.outcome("0-1-ridge", never, waiting.set))
    helper.join()
    assert len(found[0].data) == 1


def test_who_waited_for_somebody_that_failed_computes(seeds, make_outcome):
    computing, waiting = threading.Event(), threading.Event()

    def fails():
        computing.set()
        assert waiting.wait(30)
        raise ArithmeticError

    def lend():
        with pytest.raises(ArithmeticError):
            seeds.lend_a_hand("0-1-ridge", fails)

    helper = threading.Thread(target=lend)
    helper.start()
    assert computing.wait(30)
    assert len(seeds.outcome("0-1-ridge", lambda: make_outcome("retrain", 1), waiting.set).data) == 1
    helper.join()


def test_a_seed_that_is_damaged_or_of_another_run_is_refused(seeds, outcome, tmp_path):
    seeds.outcome("0-0-ridge", lambda: outcome, never)
    with pytest.raises(OutcomeFileError, match="belongs to other settings"):
        KeptSeeds(tmp_path / "seeds", "another run").outcome("0-0-ridge", never, never)
    (tmp_path / "seeds" / "0-0-ridge" / "data-0.npz").write_bytes(b"nothing")
    with pytest.raises(OutcomeFileError, match=r"data-0\.npz.*does not match its checksum"):
        seeds.outcome("0-0-ridge", never, never)


def test_seeds_make_room_for_the_outcome_of_the_protocol(make_outcome, make_config, tmp_path):
    folder = RunFolder.start(tmp_path / "run", make_config())
    folder.seeds("retrain").outcome("0-0-ridge", lambda: make_outcome("retrain", 1), never)
    assert not folder.finished("retrain")
    assert folder.outcomes() == []
    folder.add(make_outcome("retrain", 2))
    assert folder.finished("retrain")
    assert not (tmp_path / "run" / "state" / "retrain" / "seeds").exists()


def test_seeds_of_other_versions_of_packages_are_computed_anew(make_outcome, make_config, tmp_path, monkeypatch):
    folder = RunFolder.start(tmp_path / "run", make_config())
    folder.seeds("retrain").outcome("0-0-ridge", lambda: make_outcome("retrain", 1), never)
    folder.seeds("retrain").outcome("0-0-ridge", never, never)
    monkeypatch.setattr(run_folder, "versions", lambda: {"torch": "9.9"})
    assert len(folder.seeds("retrain").outcome("0-0-ridge", lambda: make_outcome("retrain", 2), never).data) == 2


def test_a_run_is_of_who_asked_for_it_last(make_config, tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert not folder.is_of("me")
    RunFolder.start(folder.path, replace(make_config(), asked="me"))
    assert folder.is_of("me")
    assert not folder.is_of("")
    replace(folder.config, replacing=True).save(folder.config_file)
    assert not folder.is_of("me")
    RunFolder.start(folder.path, replace(make_config(), asked="you"), resume=True)
    assert folder.is_of("you")
    assert not folder.is_of("me")
    folder.config_file.write_text("damaged")
    assert not folder.is_of("you")


def test_what_is_left_of_seeds_goes_with_the_protocol(make_outcome, make_config, tmp_path):
    folder = RunFolder.start(tmp_path / "seeds" / "run", make_config())
    place = folder.seeds("retrain").checkpoint("0-1-ridge", 0)
    place.parent.mkdir(parents=True)
    beside = place.with_name(f".{place.name}.1.tmp")
    for file in (place, beside, folder.path / ".data.npz.2.tmp"):
        file.write_bytes(b"")
    RunFolder.start(folder.path, make_config(), resume=True)
    assert beside.exists()  # another process may be writing it
    assert not (folder.path / ".data.npz.2.tmp").exists()
    folder.forget_seeds("retrain")
    assert place.exists()
    folder.add(make_outcome("retrain", 2))
    assert not place.exists()
