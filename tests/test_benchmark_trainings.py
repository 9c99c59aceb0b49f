"""The benchmark of ways of training prints an error for every way and set."""

import runpy
import sys
from pathlib import Path

import torch

from pinndd.study.stated.baselines import random_rows
from pinndd.vision.datasets import from_arrays
from pinndd.vision.stating import image_task

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "trainings.py"


def test_a_row_per_way_and_a_column_per_set(monkeypatch, capsys, tmp_path):
    images = torch.rand((40, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    task = image_task(from_arrays(images, torch.arange(40) % 2), "shapes", network="convnet-2x4")
    random_rows(task.data.train, 4, 0).with_header(task="shapes", seed=0).save(tmp_path / "shapes.npz")
    main = runpy.run_path(str(BENCHMARK))["main"]
    monkeypatch.setitem(main.__globals__, "load_subject", {"shapes": task}.__getitem__)
    asked = ["trainings.py", str(tmp_path / "shapes.npz"), "--steps", "2", "3", "--baselines", "random"]
    monkeypatch.setattr(sys, "argv", [*asked, "--network", "convnet-1x3"])
    main()
    other = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", asked)
    main()
    own = capsys.readouterr().out
    assert other != own
    head, _, *rows = own.strip().splitlines()
    assert other.startswith(head)
    assert head == "| training | distilled | random |"
    assert [row.split(" | ")[0] for row in rows] == [f"| {n} steps at 0.003, {way}" for way in ("augmented", "plain") for n in (2, 3)]
    # the same set under both names
    assert all(row.split(" | ")[1] == row.split(" | ")[2].removesuffix(" |") for row in rows)
