"""What is kept for later: checkpoints of the outer loop, and trained bodies, damaged or with other contents."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import torch

from siege.calling import Begun, call, folder, nothing_long
from siege.files import ODD_VALUES, attempts, damaged
from siege.kills import COMMANDS, preload
from siege.ledger import Ending, Row

WORDS = COMMANDS["distill retrain"].words


def besiege_checkpoints(count: int, where: Path) -> Row:
    """Damage a checkpoint and go on from it: it is read as it was written, or it is refused."""
    from pinndd.checkpoint import Checkpoint
    from pinndd.terminal import distilling

    row, asked, read = Row("checkpoints with damaged bytes or other contents"), [], []
    load, save = Checkpoint.load, Checkpoint.save
    torch.set_printoptions(profile="full")

    def ask(*given: Any) -> None:
        asked.append(given[1:])
        raise Begun

    def go_on(study: Any, checkpoint: Path, resume: bool) -> None:
        found = load(checkpoint, *asked[0])
        read.append(repr((found.configuration, found.state, sorted(found.tensors.items()))))
        raise Begun

    def stop(checkpoint: Any, path: Path) -> None:
        save(checkpoint, path)
        if checkpoint.state.step >= 1:
            raise Begun

    preload()
    with folder(where / "checkpoints"):
        file = Path("a.checkpoint.npz")
        if not file.exists():
            with patch.object(Checkpoint, "save", stop):
                call(*WORDS)
        with patch.object(Checkpoint, "load", ask):
            call(*WORDS, "--resume")
        content = file.read_bytes()
        kept = load(file, *asked[0])
        with nothing_long(), patch.object(distilling, "distill_first", go_on):
            call(*WORDS, "--resume")
            whole = read.pop()

            def attempt(draw: random.Random) -> None:
                read.clear()
                other = draw.random() < 0.5
                if not other:
                    file.write_bytes(damaged(content, draw))
                elif not _changed(kept, draw, file):
                    return
                ending = call(*WORDS, "--resume")
                wrong = "another state was read" if not other and read and read != [whole] else ""
                row.count(ending, f"a {'changed' if other else 'damaged'} checkpoint", wrong=wrong)

            while row.tried < count:
                attempts(min(200, count), 25 + row.tried, attempt)
    return row


def _changed(kept: Any, draw: random.Random, file: Path) -> bool:
    """Write a checkpoint whose checksum is right and whose contents no loop writes; return whether there is one."""
    configuration, numbers, tensors = dict(kept.configuration), msgspec.to_builtins(kept.state), dict(kept.tensors)
    which = draw.choice(sorted(tensors))
    kind = draw.choice(("configuration", "number", "number", "missing", "drop", "shape", "dtype", "name", "nan"))
    if kind == "configuration":
        configuration[draw.choice(sorted(configuration))] = draw.choice(ODD_VALUES)
    elif kind == "number":
        numbers[draw.choice(sorted(numbers))] = draw.choice(ODD_VALUES)
    elif kind == "missing":
        del numbers[draw.choice(sorted(numbers))]
    elif kind == "drop":
        del tensors[which]
    elif kind == "name":
        tensors["odd"] = tensors.pop(which)
    else:
        value = tensors[which]
        changes = {"shape": value.reshape(-1)[None, :-1], "dtype": value.to(torch.float16), "nan": value.double() * torch.nan}
        tensors[which] = changes[kind]
    try:
        replace(kept, configuration=configuration, state=numbers, tensors=tensors).save(file)
    except (ValueError, TypeError):
        return False
    return True


def besiege_bodies(count: int, where: Path) -> Row:
    """Damage a body that is kept: the same one is found, or it is trained again."""
    from pinndd.pinn.bodies import stored
    from pinndd.pinn.bodies.settings import BodySettings
    from pinndd.pinn.declare.loading import load_pde
    from pinndd.pinn.sets.roughened import ROUGH
    from pinndd.pinn.solving import cache

    row, pde = Row("bodies with damaged bytes"), load_pde("heat")
    small = BodySettings(width=8, hidden=(6,), steps=3, conditions=4, points=20, boundary_points=12)

    def found() -> bytes:
        body = stored.trained_body(pde, small, ROUGH)
        return body.body.parameters.numpy().tobytes() + repr((body.residual, body.seconds)).encode()

    def train(*given: Any) -> None:
        raise Begun

    with (
        folder(where / "bodies") as here,
        patch.dict(os.environ, {cache.CACHE: str(here / "kept")}),
        patch.object(cache, "LEAST_SECONDS", 0.0),
    ):
        whole = found()
        (file,) = cache.kept_files(here / "kept")
        content = file.read_bytes()

        def attempt(draw: random.Random) -> None:
            file.write_bytes(damaged(content, draw))
            wrong, ending = "", Ending(0, "", "")
            try:
                wrong = "" if found() == whole else "another body was found"
            except Begun:
                pass
            except Exception as error:
                ending = Ending(-1, "", repr(error))
            row.count(ending, "a damaged body", wrong=wrong)

        with patch.object(stored, "train_body", train):
            attempts(count, 26, attempt)
    return row
