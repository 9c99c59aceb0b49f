"""Files at random: bits that flip, parts that are missing, and sets that hold what no protocol writes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from siege.bases import make_run, make_sets
from siege.calling import call, chosen_seed, folder, nothing_long
from siege.ledger import Ending, Row

ODD_VALUES: tuple[Any, ...] = (None, "", "x", -1, 0, 3, 1e400, 2**70, True, [], [[1]], {}, {"a": None}, "../../x", "ü" * 300)


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return other bytes: flipped, cut off, left out, doubled or overwritten."""
    raw, at = bytearray(content), draw.randrange(len(content))
    kind = draw.choice(("flip", "flip", "flip", "cut", "drop", "double", "zero"))
    if kind == "flip":
        for _ in range(draw.choice((1, 1, 8))):
            raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del raw[at:]
    else:
        end = min(len(raw), at + draw.choice((1, 16, 200)))
        raw[at:end] = {"drop": b"", "double": bytes(raw[at:end]) * 2, "zero": b"\0" * (end - at)}[kind]
    return bytes(raw)


def attempts(count: int, number: int, attempt: Callable[[random.Random], None]) -> None:
    """Call with so many generators of Hypothesis, the same in every siege of a seed."""

    @seed(chosen_seed(number))
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**62))
    def each(value: int) -> None:
        attempt(random.Random(value))

    each()


def besiege_bytes(count: int, where: Path) -> Row:
    """Damage sets and export them: the points are those of the whole file, or the file is refused."""
    row, sets = Row("sets with damaged bytes"), make_sets(where)
    whole = {name: file.read_bytes() for name, file in sets.items()}
    with folder(where / "bytes") as here:

        def export() -> tuple[Ending, dict[str, str]]:
            for old in here.glob("a*.csv"):
                old.unlink()
            ending = call("export", "a.npz", "--out", "a.csv")
            return ending, {p.name: p.read_text() for p in here.glob("a*.csv")}

        exported = {}
        for name, content in whole.items():
            Path("a.npz").write_bytes(content)
            exported[name] = export()[1]

        def attempt(draw: random.Random) -> None:
            name = draw.choice(sorted(whole))
            Path("a.npz").write_bytes(damaged(whole[name], draw))
            ending, now = export()
            other = ending.code == 0 and now != exported[name]
            row.count(ending, f"a damaged set of {name}", wrong="other points were exported" if other else "")

        attempts(count, 21, attempt)
    return row


def besiege_contents(count: int, where: Path) -> Row:
    """Open sets whose checksum is right and whose header or fields are not those of any protocol."""
    from pinndd.data import SyntheticData

    row = Row("sets with other contents")
    sets = {name: SyntheticData.load(file) for name, file in make_sets(where).items()}

    def attempt(draw: random.Random) -> None:
        name = draw.choice(sorted(sets))
        data = sets[name]
        header, fields, constraints = dict(data.header), dict(data.fields), dict(data.constraints)
        kind = draw.choice(("header", "header", "settings", "drop", "shape", "dtype", "name", "empty"))
        which = draw.choice(sorted(fields))
        if kind == "header":
            header[draw.choice(sorted(header))] = draw.choice(ODD_VALUES)
        elif kind == "settings":
            inner = dict(header["learner_settings"])
            inner[draw.choice([*sorted(inner), "odd"])] = draw.choice(ODD_VALUES)
            header["learner_settings"] = inner
        elif kind in ("drop", "name"):
            value, constraint = fields.pop(which), constraints.pop(which)
            if kind == "name":
                fields["odd name"], constraints["odd name"] = value, constraint
        else:
            value = fields[which]
            fields[which] = {"shape": value.reshape(-1)[None], "dtype": value.to(torch.float16), "empty": value.reshape(-1)[:0]}[kind]
        try:
            SyntheticData(fields, constraints, header).save("b.npz")
        except (ValueError, TypeError, RuntimeError):
            return
        said = f"a set of {name}, {kind} {which}, {header}"
        row.count(call("export", "b.npz", "--to", draw.choice(("csv", "csv", "torch", "deepxde")), "--overwrite"), f"export of {said}")
        row.count(call("evaluate", "b.npz"), f"evaluate of {said}")

    with folder(where / "contents"), nothing_long():
        while row.tried < count:
            attempts(min(200, count), 22 + row.tried, attempt)
    return row


def besiege_runs(count: int, where: Path) -> Row:
    """Damage the files of a run and plot it: what is read is what was written, or it is refused."""
    from pinndd.terminal import studying

    row, run, read = Row("run folders with damaged files"), make_run(where), []
    files = [p for p in run.rglob("*") if p.is_file() and (p.suffix in (".npz", ".toml") or p.name == "outcome.json")]

    def keep(pde: Any, folder: Any, drawn: Any, bars: Any) -> None:
        torch.set_printoptions(profile="full")
        read.append(repr([vars(outcome) for outcome in folder.outcomes()]) + repr(folder.config))

    before, studying.publish = studying.publish, keep  # type: ignore[assignment]
    try:
        call("plot", str(run))
        whole = read.pop()

        def attempt(draw: random.Random) -> None:
            file = draw.choice(files)
            content = file.read_bytes()
            file.write_bytes(damaged(content, draw))
            read.clear()
            ending = call("plot", str(run))
            other = ending.code == 0 and read != [whole]
            row.count(ending, f"damaged {file.name}", wrong="other results were read" if other else "")
            file.write_bytes(content)

        attempts(count, 23, attempt)
    finally:
        studying.publish = before
    return row
