"""The page docs/own-task.md: its Python runs from top to bottom, its commands are those of the command line."""

import os
import re
import sys
from pathlib import Path

import pytest

from pinndd.cli import main

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "own-task.md").read_text()


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module, distilling = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "waves.py").write_text(module)
    names = {}
    exec(compile(module + distilling, "docs/own-task.md", "exec"), names)
    assert os.path.exists("waves.npz")
    assert re.match(r"validation risk 0\.\d\d, start: ", capsys.readouterr().out)
    for command in re.findall(r"^\$ pinndd (.*)$", PAGE, re.MULTILINE):
        quick = ["--quick"] if command.startswith("study") else []
        monkeypatch.setattr(sys, "argv", ["pinndd", *command.split(), *quick])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0, (command, capsys.readouterr().err)
