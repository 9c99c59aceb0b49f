"""Command lines at random: every command, every option, values that fit and values that do not."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from siege.calling import call, chosen_seed, folder, get_command, nothing_long
from siege.ledger import Row

PLACES = ("heat", "none", "", "x.npz", "../heat", "/dev/null", "ü b.py", ".", "a" * 300, "-")
LIKELY = ("heat", "heat", "burgers", "laplace_disk", "retrain.npz", "sensors.npz", "run")
ODD_NUMBERS = ("-1", "many", "", "1e3", "nan", "1" + "0" * 23, "3.5", "0x10", "--", "٣٤x")
GOOD_NUMBERS = ("6", "12", "40")
NUMBERS = {
    *("--points", "--boundary-points", "--tuples", "--boundary-tuples", "--conditions", "--seeds", "--test-conditions"),
    *("--seed", "--jobs", "--port", "--sensors", "--cell", "--of"),
}
NAMES = {
    "--protocol": ("retrain", "amortised", "solved", "sensors", "all"),
    "--learner": ("ridge", "gauss-newton", "mlp-adam", "mlp-lm", "body", "bank"),
    "--judge": ("ridge", "mlp-lm", "deepxde"),
    "--distance": ("relative-l2", "relative-h1", "relative-maximum"),
    "--risk": ("mean", "geometric-mean", "worst-case", "cvar:0.1", "entropic:0.1"),
    "--device": ("cpu",),
    "--to": ("csv", "deepxde", "torch"),
}
ODD_NAMES = ("", "magic", "retrian", "cvar:2", "cuda:99", "ü", "-", "mean:x")
FILES = ("x.npz", "retrain.npz", "new/y.npz", "y.csv", "y.py", "y.png", "y.nc", "/dev/null/z", "ü b.npz")
FREE = (*FILES, "left=0", "left=x", "", ".", "0.01")


def options_of(command: str) -> dict[str, bool]:
    """Return the options of a command, and whether each is a flag."""
    from pinndd.cli import app

    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {p.opts[0]: bool(getattr(p, "is_flag", False)) for p in found.params if p.opts[0].startswith("--")}


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[str], bool]:
    """Draw a command line, and whether something in it is wrong whatever the rest is."""
    commands = ("list", "check", "body", "distill", "study", "evaluate", "solve", "explore", "export", "plot", "cache")
    command = draw(st.sampled_from(commands))
    options, wrong = options_of(command), False
    places = st.sampled_from(LIKELY if draw(st.booleans()) else PLACES)
    words = [command, *draw(st.lists(places, min_size=command != "cache", max_size=1 + draw(st.booleans())))]
    for name in draw(st.lists(st.sampled_from([*sorted(options), "--bogus"]), max_size=4, unique=True)):
        words.append(name)
        if name == "--bogus":
            wrong = True
        elif not options[name]:
            odd = draw(st.booleans()) if name in NUMBERS or name in NAMES else False
            pool = (ODD_NUMBERS if odd else GOOD_NUMBERS) if name in NUMBERS else ODD_NAMES if odd else NAMES.get(name, FREE)
            words.append(draw(st.sampled_from(pool)))
            wrong = wrong or odd
    return words, wrong


def besiege_commands(count: int, where: Path) -> Row:
    """Call so many command lines; one that holds what is wrong in any case must be refused."""
    row = Row("fuzzed command lines")

    @seed(chosen_seed(20))
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(lines())
    def attempt(drawn: tuple[list[str], bool]) -> None:
        words, wrong = drawn
        ending = call(*words)
        begun = wrong and ending.code in (0, 130)
        row.count(ending, f"pinndd {words}", wrong=f"code {ending.code}" if begun else "")

    with folder(where), nothing_long():
        attempt()
    return row
