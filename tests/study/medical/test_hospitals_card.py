"""The distilled table as CSV with its data card, and the guide that makes one."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pinndd.bayesnet import MISSING, Structure, Variable, identify, load_network, sample
from pinndd.bayesnet.counting import WEIGHTS, table_of_rows
from pinndd.study.medical.hospitals.data_card import LIMITS, DataCard, write_card, write_table
from pinndd.study.medical.hospitals.simulated import draw_trial


@pytest.fixture(scope="module")
def asia():
    return load_network("asia")


def written(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_hard_rows_are_written_with_names_weights_and_empty_cells(asia, tmp_path):
    rows = sample(asia, 3, torch.Generator().manual_seed(0))
    rows[1, 2] = MISSING
    write_table(tmp_path / "a.csv", asia.structure, rows, torch.tensor([1.0, 0.5, 2.0]))
    header, *lines = written(tmp_path / "a.csv")
    assert header == [*asia.structure.names, WEIGHTS]
    assert [line[-1] for line in lines] == ["1", "0.5", "2"]
    assert lines[1][2] == ""
    assert lines[0][:-1] == [v.states[k] for v, k in zip(asia.structure.variables, rows[0].tolist(), strict=True)]


def test_soft_rows_are_written_with_a_column_a_state(asia, tmp_path):
    rows = sample(asia, 3, torch.Generator().manual_seed(0))
    table = table_of_rows(asia.structure, rows, certainty=0.8, weights=torch.tensor([1.0, 1.0, 3.0]))
    write_table(tmp_path / "a.csv", asia.structure, table)
    header, *lines = written(tmp_path / "a.csv")
    assert header[:2] == ["asia=yes", "asia=no"]
    assert header[-1] == WEIGHTS
    assert all(float(line[0]) + float(line[1]) == pytest.approx(1) for line in lines)
    assert lines[2][-1] == "3"


def test_tables_that_do_not_fit_are_refused(asia, tmp_path):
    rows = sample(asia, 3, torch.Generator().manual_seed(0))
    path, table = tmp_path / "a.csv", table_of_rows(asia.structure, rows)
    with pytest.raises(ValueError, match=f"the weights of soft rows belong into their field '{WEIGHTS}'"):
        write_table(path, asia.structure, table, torch.ones(3))
    with pytest.raises(ValueError, match=r"weights have shape \(2,\), expected \(3,\)"):
        write_table(path, asia.structure, rows, torch.ones(2))
    wider = Structure((*asia.structure.variables, Variable("age", ("young", "old"))), {})
    with pytest.raises(ValueError, match="the table has no field 'age'"):
        write_table(path, wider, table)
    three = Structure(tuple(replace(v, states=("a", "b", "c")) for v in asia.structure.variables), {})
    with pytest.raises(ValueError, match=r"field 'asia' has shape \(3, 2\), expected \(N, 3\)"):
        write_table(path, three, table)
    assert not path.exists()


def test_a_card_says_what_each_query_rests_on_and_its_limits(asia, tmp_path):
    trial = draw_trial(asia, missing=0.25, seed=1, rows=60, chosen=20, fresh=30)
    basis = identify(asia.structure, trial.hospitals, trial.chosen)
    card = DataCard(
        title="A table",
        purpose="For a test.",
        rows="8 rows",
        made_from=["hospital 1"],
        training="count",
        seeds={"trial": 1},
        versions={"pinndd": "0"},
        identification=basis,
        imitation=torch.arange(20) / 100,
        numbers={"Brier score": "0.1"},
        limits=["A limit of its own."],
    )
    write_card(tmp_path / "card.md", card)
    text = (tmp_path / "card.md").read_text()
    assert all(f"- {limit}\n" in text for limit in (*LIMITS, "A limit of its own."))
    assert text.count("\n| P(") == 20
    for k, entry in enumerate(basis.queries):
        escaped = str(entry.query).replace("|", "\\|")
        line = next(line for line in text.splitlines() if line.startswith(f"| {escaped} |"))
        assert f"| {k / 100:.4f} | {entry.status}: " in line
    for status, count in basis.counts.items():
        assert f"- {count} *{status}*" in text
    assert "- Brier score: 0.1\n" in text
    with pytest.raises(ValueError, match="imitation has 3 numbers for 20 queries"):
        replace(card, imitation=torch.zeros(3))
    assert "queries that the table is made for" not in str(replace(card, identification=None, imitation=None))


def test_the_guide_runs_as_it_is_written(tmp_path, monkeypatch, capsys):
    guide = (Path(__file__).resolve().parents[3] / "docs" / "medical.md").read_text(encoding="utf-8")
    ours = guide[: guide.index("## Simulated hospitals")]
    generator = torch.Generator().manual_seed(0)
    for name, columns, words in (("north", "smoke,bronc", ("yes", "no")), ("south", "patient,smoke,bronc,dysp", ("1", "0"))):
        lines = [columns]
        for number, cells in enumerate(torch.randint(2, (30, 3), generator=generator).tolist()):
            states = [words[cells[0]], *(("yes", "no")[cell] for cell in cells[1:])]
            lines.append(",".join(states[:2] if name == "north" else [str(number), *states]))
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", ours, re.DOTALL):
        exec(compile(block.replace("seconds=30", "seconds=2"), "docs/medical.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "30 of 30 rows used" in printed
    assert "2 queries: 2 together" in printed
    assert len(written(tmp_path / "table.csv")) == 21
    assert names["censored"].risk <= names["hard"].risk + 1e-12
