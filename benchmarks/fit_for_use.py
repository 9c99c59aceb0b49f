"""Whether what `pinndd check` finds fit for use is distilled with an honest error, and everything else is refused.

For every packaged PDE and for mutated modules of a user (those of `benchmarks/siege`): the verdict of `pinndd check`, how
`pinndd distill --quick` ends, the error that it says, and the error that `pinndd evaluate` then measures on 200 conditions of the
training family that nobody saw. The error is honest if it is within a factor of two of the one measured. The verdict is right if a
module that is fit for use gives a set with an honest error, and any other is refused by `distill` too or gives a set that says to be
useless: an honest error of a half or more.

    python benchmarks/fit_for_use.py                # all packaged PDEs and 60 mutated modules; writes results/fit_for_use.json
    python benchmarks/fit_for_use.py heat ./my.py   # these modules; nothing is written
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pandas as pd
from siege.modules import MODULE, POISON, mutant

from pinndd.pinn.declare.loading import list_pdes

RESULT = Path(__file__).parent / "results" / "fit_for_use.json"
MUTANTS, CONDITIONS, HONEST, USELESS = 60, 200, 2.0, 0.5


def pinndd(where: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "pinndd", *words], cwd=where, env=environment, capture_output=True, text=True)


def judge(module: str) -> dict[str, Any]:
    """Return the verdict on a module, what was distilled, and whether they agree."""
    with tempfile.TemporaryDirectory(prefix="fit-") as where:
        checked = pinndd(where, "check", module)
        made = pinndd(where, "distill", module, "--quick", "--out", "set.npz")
        row: dict[str, Any] = {"fit": checked.returncode == 0, "distill": made.returncode}
        if not row["fit"]:
            row["says"] = (checked.stderr.strip().splitlines() or [""])[-1]
        if made.returncode:
            return row | {"right": not row["fit"] and made.returncode == 2}
        said = re.search(r"^error ([\d.e+-]+) %", made.stdout, re.MULTILINE)
        asked = ("--pde", module, "--shift", "none", "--test-conditions", str(CONDITIONS), "--out", "errors.csv")
        found = pinndd(where, "evaluate", "set.npz", *asked)
        if said is None or found.returncode:
            return row | {"right": False, "says": found.stderr.strip()[-200:]}
        errors = pd.read_csv(Path(where, "errors.csv"))["relative_l2"]
        row |= {"said": float(said[1]) / 100, "measured": float(errors.mean())}
        ratio = row["said"] / row["measured"]
        honest = 1 / HONEST <= ratio <= HONEST
        return row | {"ratio": round(ratio, 2), "right": honest and (row["fit"] or row["said"] >= USELESS)}


def modules(where: Path) -> dict[str, str]:
    """Write mutated modules, and return every module by name."""
    draw, found = random.Random(0), {name: name for name, _ in list_pdes()}
    texts = [MODULE, *(MODULE.replace(old, new, 1) for old, new in POISON)]
    texts += [mutant(MODULE, draw) for _ in range(MUTANTS - len(texts))]
    for number, text in enumerate(texts):
        path = where / f"mutant{number}.py"
        path.write_text(text, encoding="utf-8")
        found[path.stem] = str(path)
    return found


def main() -> None:
    """Judge modules, print a line for each, and write the results where all were judged."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", help="names of packaged PDEs and paths of modules; all if none is given")
    asked = parser.parse_args().modules
    rows = {}
    with tempfile.TemporaryDirectory(prefix="fit-") as where:
        for name, module in ({each: each for each in asked} or modules(Path(where))).items():
            rows[name] = judge(str(Path(module).resolve()) if module.endswith(".py") else module)
            print(f"{name:20} {json.dumps(rows[name])}", flush=True)
    wrong = [name for name, row in rows.items() if not row["right"]]
    fit = sum(row["fit"] for row in rows.values())
    print(f"{len(rows)} modules, {fit} fit for use; the verdict is wrong on {len(wrong)}{': ' if wrong else ''}{', '.join(wrong)}")
    if not asked:
        setting = {"conditions": CONDITIONS, "honest": HONEST, "useless": USELESS, "mutants": MUTANTS}
        RESULT.write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
