"""A file that cannot be written is noticed before any work, by one message for all commands."""

import errno
import tempfile

import pytest

from pinndd.terminal.output import require_writable


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
