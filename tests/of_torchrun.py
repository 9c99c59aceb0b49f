"""What one of some processes of torchrun does for `test_processes`: the command line, with so little effort that it takes seconds.

    python of_torchrun.py RANK COUNT PORT distill heat ...
"""

import os
import sys
from dataclasses import replace

rank, count, port, *words = sys.argv[1:]
os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=count, LOCAL_WORLD_SIZE=count, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
os.environ["OMP_NUM_THREADS"] = "1"

from pinndd.cli import main  # noqa: E402
from pinndd.study.protocols import retrain  # noqa: E402
from pinndd.terminal import distilling, several  # noqa: E402

usual = distilling.study_settings


def hurried(*given):
    return replace(usual(*given), effort=0.03)


distilling.study_settings = hurried
retrain.COMPARED_AT, retrain.CONDITIONS = 100, {True: (96, 32), False: (64, 16)}
several.GRACE = 0.5
sys.argv = ["pinndd", *words]
main()
