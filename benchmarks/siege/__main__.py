"""``make siege``: everything that goes wrong with computers and files, done to pinndd on purpose; a table of how it ended.

Every kind of attack is a process of its own, two at a time. The last three columns must be 0, and the exit code says so.
"""

from __future__ import annotations

import os

# before torch is imported: two sieges share two processors, and the numbers are compared bit for bit
os.environ.update(OMP_NUM_THREADS="1", PINNDD_PROCESSES="1", NO_COLOR="1", COLUMNS="200")

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from siege.calling import SEED
from siege.commands import besiege_commands
from siege.files import besiege_bytes, besiege_contents, besiege_runs
from siege.kept import besiege_bodies, besiege_checkpoints
from siege.kills import COMMANDS, besiege_with_kills
from siege.ledger import Row, line, load, save, table
from siege.modules import besiege_modules
from siege.nans import besiege_with_nans
from siege.walls import besiege_every_write, besiege_read_only, besiege_with_full_disk

KILLS = {"distill retrain": 60, "distill amortised": 50, "study": 15, "several studies": 6}
"""How often a command is killed; 25 times where nothing is said."""


def attacks(part: float) -> dict[str, Callable[[Path], Row]]:
    """Return every attack; ``part`` of the usual number of attempts each."""

    def some(count: int) -> int:
        return max(1, round(part * count))

    kills = {f"kills of {n}": lambda w, n=n: besiege_with_kills(n, some(KILLS.get(n, 25)), w) for n in COMMANDS}
    return kills | {
        "a full disk": lambda w: besiege_with_full_disk(some(70), w),
        "every write": besiege_every_write,
        "read only": besiege_read_only,
        "commands": lambda w: besiege_commands(some(2000), w),
        "bytes": lambda w: besiege_bytes(some(700), w),
        "contents": lambda w: besiege_contents(some(500), w),
        "checkpoints": lambda w: besiege_checkpoints(some(400), w),
        "bodies": lambda w: besiege_bodies(some(100), w),
        "runs": lambda w: besiege_runs(some(300), w),
        "modules": lambda w: besiege_modules(some(500), w),
        "no numbers": besiege_with_nans,
    }


def main() -> None:
    """Run the attacks that are named, all if none is, and print the table."""
    parser = argparse.ArgumentParser(prog="make siege", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"attacks: {', '.join(attacks(1))}")
    parser.add_argument("--part", type=float, default=1.0, help="part of the usual number of attempts")
    parser.add_argument("--seed", default=os.environ.get(SEED, "0"), help="of what is drawn; another one is another siege")
    parser.add_argument("--into", type=Path, help="file of one attack, which this process carries out")
    asked = parser.parse_args()
    os.environ[SEED] = asked.seed
    names = asked.names or list(attacks(1))
    if asked.into:
        save(attacks(asked.part)[names[0]](asked.into.parent / "work"), asked.into)
        return
    if unknown := set(names) - set(attacks(1)):
        parser.error(f"no attack {', '.join(sorted(unknown))}; attacks: {', '.join(attacks(1))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    since, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="siege-") as folder:
        os.chmod(folder, 0o755)  # who may only read must get there
        os.environ["PINNDD_CACHE"] = f"{folder}/cache"
        waiting: list[str] = list(names)
        running: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2:
                    name = waiting.pop(0)
                    into = Path(folder, name.replace(" ", "-"), "row.json")
                    into.parent.mkdir()
                    words = [sys.executable, str(Path(__file__).parent), name, "--part", str(asked.part), "--into", str(into)]
                    with into.with_name("said.txt").open("w") as said:
                        running[name] = (subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said), into)
                time.sleep(0.2)
                for name, (process, into) in list(running.items()):
                    if process.poll() is not None:
                        del running[name]
                        rows.append(load(into) if into.exists() else Row(name, lost=[into.with_name("said.txt").read_text()]))
                        ended = f"{time.monotonic() - since:6.0f} s  {line(rows[-1])}"
                        print(ended, *rows[-1].faults, sep="\n", file=sys.stderr, flush=True)
        finally:
            for process, _ in running.values():
                process.kill()
    print(table(rows))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = f"{used.ru_utime + used.ru_stime:.0f} processor seconds"
    print(f"\n{time.monotonic() - since:.0f} seconds on {os.cpu_count()} processors, {spent}")
    sys.exit(any(row.faults for row in rows))


if __name__ == "__main__":
    main()
