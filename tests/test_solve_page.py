"""The page docs/solve.md: its Python runs from top to bottom, its files and commands do what it says."""

import re
import sys
from pathlib import Path

import pytest

from pinndd.cli import main

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "solve.md").read_text()


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_of_the_page_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks("python"):
        exec(compile(block, "docs/solve.md", "exec"), names)
    assert names["found"].error[0] < 1e-3
    assert len(names["many"]) == 1000
    assert 0.001 < names["measured"].uncertainty[0] < 0.1
    assert names["jump"].notes[0].startswith("left and start differ by 1")
    assert 1e-4 < names["jump"].error[0] < 0.05
    assert "K" in capsys.readouterr().out


def test_the_files_and_commands_of_the_page_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for kind in ('python title="mine.py"', 'text title="measured.csv"'):
        (text,) = blocks(kind)
        (tmp_path / kind.split('"')[1]).write_text(text)
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("pinndd solve")]
    assert len(commands) == 3
    for command in commands[:2]:
        monkeypatch.setattr(sys, "argv", command.split())
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    said = capsys.readouterr().out
    shape = re.compile(r"[\d.]+(e[-+]\d+)?")
    (shown,) = blocks("text")
    for line in shown.splitlines():
        assert shape.sub("#", line) in shape.sub("#", said)
    assert "the measured values leave the solution open by" in said
    assert (tmp_path / "field.nc").stat().st_size > 10_000
