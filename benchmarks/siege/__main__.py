"""``make siege``: everything that goes wrong with computers and files, done to pinndd on purpose; a table of how it ended.

Every kind of attack is a process of its own, two at a time. The last three columns must be 0, and the exit code says so.
"""

from __future__ import annotations

import os

# before torch is imported: two sieges share two processors, and the numbers are compared bit for bit
os.environ.update(OMP_NUM_THREADS="1", PINNDD_PROCESSES="1", NO_COLOR="1", COLUMNS="200")

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from siege.commands import besiege_commands
from siege.files import besiege_bytes, besiege_contents, besiege_runs
from siege.kills import COMMANDS, besiege_with_kills
from siege.ledger import Row, load, save, table
from siege.modules import besiege_modules
from siege.nans import besiege_with_nans
from siege.walls import besiege_read_only, besiege_with_full_disk

KILLS = {"study": 25, "several studies": 8, "solve": 40}
"""How often a command is killed; 35 times where nothing is said."""


def attacks(part: float) -> dict[str, Callable[[Path], Row]]:
    """Return every attack; ``part`` of the usual number of attempts each."""

    def some(count: int) -> int:
        return max(1, round(part * count))

    kills = {f"kills of {n}": lambda w, n=n: besiege_with_kills(n, some(KILLS.get(n, 35)), w) for n in COMMANDS}
    return kills | {
        "a full disk": lambda w: besiege_with_full_disk(some(70), w),
        "read only": besiege_read_only,
        "commands": lambda w: besiege_commands(some(2000), w),
        "bytes": lambda w: besiege_bytes(some(1000), w),
        "contents": lambda w: besiege_contents(some(700), w),
        "runs": lambda w: besiege_runs(some(300), w),
        "modules": lambda w: besiege_modules(some(500), w),
        "no numbers": besiege_with_nans,
    }


def main() -> None:
    """Run the attacks that are named, all if none is, and print the table."""
    parser = argparse.ArgumentParser(prog="make siege", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"attacks: {', '.join(attacks(1))}")
    parser.add_argument("--part", type=float, default=1.0, help="part of the usual number of attempts")
    parser.add_argument("--into", type=Path, help="file of one attack, which this process carries out")
    asked = parser.parse_args()
    names = asked.names or list(attacks(1))
    if asked.into:
        save(attacks(asked.part)[names[0]](asked.into.parent / "work"), asked.into)
        return
    since, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="siege-") as folder:
        os.chmod(folder, 0o755)  # who may only read must get there
        os.environ["PINNDD_CACHE"] = f"{folder}/cache"
        waiting, running = list(names), {}
        while waiting or running:
            while waiting and len(running) < 2:
                name = waiting.pop(0)
                into = Path(folder, name.replace(" ", "-"), "row.json")
                into.parent.mkdir()
                words = [sys.executable, str(Path(__file__).parent), name, "--part", str(asked.part), "--into", str(into)]
                running[name] = (subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True), into)
            time.sleep(0.2)
            for name, (process, into) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    rows.append(load(into) if into.exists() else Row(name, lost=[str(process.stderr and process.stderr.read())]))
                    ended = rows[-1]
                    told = f"{ended.tried} tried, {len(ended.faults)} faults"
                    print(f"{time.monotonic() - since:6.0f} s  {name}: {told}", file=sys.stderr)
                    for fault in ended.faults:
                        print(fault, file=sys.stderr, flush=True)
    print(table(rows))
    print(f"\n{time.monotonic() - since:.0f} seconds on {os.cpu_count()} processors")
    sys.exit(any(row.faults for row in rows))


if __name__ == "__main__":
    main()
