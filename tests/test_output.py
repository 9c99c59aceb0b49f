"""A file that cannot be written is noticed before any work, by one message for all commands."""

import errno
import tempfile

import pytest

from pinndd.storage.writing import write_atomically
from pinndd.terminal.output import go_on_in_words, kept_in_words, require_writable, resumed


def test_a_file_that_is_not_there_or_may_be_replaced_is_fine(tmp_path):
    require_writable("--out", tmp_path / "new" / "folder" / "a.csv", overwrite=False)
    (tmp_path / "a.csv").touch()
    require_writable("--out", tmp_path / "a.csv", overwrite=True)


@pytest.mark.parametrize(
    ("overwrite", "message"),
    [(False, "exists: choose another file, or add --overwrite$"), (None, "exists: choose another file$")],
)
def test_a_file_that_is_there_is_refused(tmp_path, overwrite, message):
    (tmp_path / "a.csv").touch()
    with pytest.raises(ValueError, match=f"^--plot .*a.csv {message}"):
        require_writable("--plot", tmp_path / "a.csv", overwrite=overwrite)


def test_a_folder_and_a_file_in_place_of_a_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name a file in it"):
        require_writable("--out", tmp_path, overwrite=True)
    (tmp_path / "a.csv").touch()
    with pytest.raises(ValueError, match=r"a\.csv is a file, not a folder; choose another place"):
        require_writable("--out", tmp_path / "a.csv" / "b.csv", overwrite=True)


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path, monkeypatch):
    def refuse(**given):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write everywhere
    with pytest.raises(ValueError, match="may not be written to; choose another place"):
        require_writable("--out", tmp_path / "a.csv", overwrite=False)


def test_who_stops_a_command_is_told_which_files_are_written(tmp_path):
    first, second = tmp_path / "u.csv", tmp_path / "u.png"
    first.write_text("of an earlier command")
    said = kept_in_words(first, None, second)
    assert said() == "nothing was written; begin again with the same command"
    with write_atomically(first) as file:
        file.write(b"new")
    assert said() == f"{first} is written; begin again with the same command and --overwrite"
    with write_atomically(second) as file:
        file.write(b"new")
    assert said() == f"{first} and {second} are written; begin again with the same command and --overwrite"
    assert kept_in_words(first, otherwise="choose another")() == "nothing was written; begin again with the same command"


def test_who_stops_a_study_is_told_whether_the_one_that_it_replaces_is_still_there(tmp_path):
    config = tmp_path / "config.toml"
    go_on = f"what is finished is kept in {tmp_path}; go on with: pinndd study heat --resume"
    assert go_on_in_words("pinndd study heat", config, overwrite=False)() == go_on
    config.write_text("of an earlier study")
    said = go_on_in_words("pinndd study heat", config, overwrite=True)
    assert said() == f"nothing was changed in {tmp_path}; begin again with: pinndd study heat --overwrite"
    with write_atomically(config) as file:
        file.write(b"replacing = true")
    assert said() == go_on


def test_overwriting_is_gone_on_with_by_resuming_alone():
    assert resumed(overwrite=False) == "go on with the same command and --resume"
    assert resumed(overwrite=True) == "go on with the same command and --resume in place of --overwrite"
