"""The page docs/hospitals.md: its files are accepted, and its keys are those that are read."""

import re
import tomllib
from pathlib import Path

from pinndd.study.medical.tables.building import load_tables
from pinndd.study.medical.tables.declaration import read_declaration

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "hospitals.md").read_text(encoding="utf-8")
LUNG, CHILD = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_files_of_the_page_are_accepted(tmp_path, two_hospitals):
    (tmp_path / "lung.toml").write_text(LUNG)
    task = load_tables(tmp_path / "lung.toml")
    assert len(task.asking(task.data.train).batch.queries) == 2 + 3 + 1
    declared = read_declaration(tmp_path / "child.toml", CHILD.encode())
    assert (declared.kind, declared.size, declared.simulation.fresh) == ("soft", 20, 200)


def test_every_key_of_the_page_is_read(tmp_path, two_hospitals):
    keys = [key for row in re.findall(r"^\| (`[a-z_`, ]+`) \| ", PAGE, re.MULTILINE) for key in re.findall(r"`([a-z_]+)`", row)]
    assert len(keys) == 13
    further = {"held_out": 0.0, "seed": 3, "missing": ["", "NA"], "disjoint": ["ill"], "prior": 2, "not_identified": "keep"}
    further |= {"limits": ["few"], "name": "mine"}
    assert set(keys) == set(further) | (set(tomllib.loads(LUNG)) - {"variables", "hospitals"})
    text = "\n".join(f"{key} = {value!r}" for key, value in further.items()) + "\n" + LUNG
    declared = read_declaration(tmp_path / "x.toml", text.encode())
    assert (declared.held_out, declared.missing, declared.limits, declared.name) == (0.0, ("", "NA"), ("few",), "mine")
