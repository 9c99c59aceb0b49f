"""Every option of every command has an effect, or is refused in one line that says what has it."""


import pytest
import torch
import typer

from pinndd import devices
from pinndd.cli import app
from pinndd.pinn.declare.loading import load_pde, remembered
from pinndd.pinn.models.solved_conditions import condition_data
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.settings import StudySettings
from pinndd.terminal import distilling, evaluating, settings, studying, studying_many
from pinndd.terminal.settings import Options, study_settings

pytestmark = pytest.mark.usefixtures("unrendered")

OF_POINTS = {
    "--protocol": "heat --protocol amortised",
    "--points": "heat --points 20",
    "--boundary-points": "heat --boundary-points 9",
    "--tuples": "heat --protocol amortised --tuples 20",
    "--boundary-tuples": "heat --protocol amortised --boundary-tuples 20",
    "--conditions": "burgers --protocol solved --conditions 7",
    "--sensors": "heat --sensors 7",
    "--learner": "heat --learner gauss-newton",
    "--distance": "heat --distance relative-h1",
    "--risk": "heat --risk worst-case",
    "--seed": "heat --seed 4",
    "--out": "heat --out other.npz",
    "--quick": "heat --quick",
}
WITHOUT = {
    "--tuples": "heat --protocol amortised",
    "--boundary-tuples": "heat --protocol amortised",
    "--conditions": "burgers --protocol solved",
}
"""What a call is compared with, where it is not that of heat alone."""

OF_STUDIES = {
    "--judge": "heat --judge mlp-lm",
    "--no-judges": "heat --no-judges",
    "--seeds": "heat --seeds 4",
    "--test-conditions": "heat --test-conditions 7",
    "--full": "heat --full",
    "--curve": "heat --curve",
    "--resume": "heat --resume",
    "--overwrite": "heat --overwrite",
    "--out": "heat --out other",
}
OF_EVALUATIONS = {
    "--judge": "--judge mlp-lm",
    "--shift": "--shift steps",
    "--test-conditions": "--test-conditions 7",
    "--distance": "--distance relative-h1",
}
ELSEWHERE = {
    "body": {"--points", "--boundary-points"},
    "check": {"--per-class", "--network"},
    "distill": {"--device", "--resume", "--overwrite", "--size", "--per-class", "--network"},
    "study": {"--size", "--sensitivity", "--device", "--all", "--results", "--jobs", "--scheduler", "--cell", "--of"}
    | {"--per-class", "--network"},
    "evaluate": {"--device", "--solutions", "--pde", "--out"},
    "export": {"--pde", "--to", "--out", "--overwrite"},
    "solve": {"--values", "--data", "--tolerance", "--device", "--plot", "--out", "--overwrite"},
    "explore": {"--pde", "--port", "--no-browser"},
    "cache": {"--clear"},
    "plot": {"--pde"},
}
"""Options that are refused below, or whose effect tests of their commands show."""


@pytest.fixture
def call(call, monkeypatch):
    """Call the command line in an empty folder; what a study, an outer loop or an evaluation is given is kept, nothing runs."""
    kept = []

    def keep(*values):
        kept.append(repr(values))
        raise KeyboardInterrupt

    monkeypatch.setattr(studying, "run_study", lambda pde, path, **given: keep(path, {**given, "command": "", "progress": ""}))
    monkeypatch.setattr(
        distilling, "distill_first", lambda study, file, resume: keep(study.name, study.size, study.settings, file, resume)
    )
    monkeypatch.setattr(settings, "require_device", lambda name, **given: name == "meta" or devices.require_device(name, **given))
    monkeypatch.setattr(evaluating, "judge", lambda study, protocol, data, learner: keep(study.settings, learner))

    def invoke(command, words):
        code, _, err = call(command, *words.split())
        return code, kept.pop() if kept else "", err

    return invoke


def test_no_option_is_forgotten():
    known = {
        "body": ELSEWHERE["body"],
        "check": ELSEWHERE["check"],
        "distill": {*OF_POINTS, *ELSEWHERE["distill"]},
        "study": {*OF_POINTS, *OF_STUDIES, *ELSEWHERE["study"]},
        "evaluate": {*OF_EVALUATIONS, *ELSEWHERE["evaluate"]},
        "export": ELSEWHERE["export"],
        "solve": ELSEWHERE["solve"],
        "explore": ELSEWHERE["explore"],
        "cache": ELSEWHERE["cache"],
        "plot": ELSEWHERE["plot"],
    }
    for name, command in typer.main.get_command(app).commands.items():
        options = {option for p in command.params for option in p.opts if option.startswith("--")} - {"--help"}
        assert options == known.get(name, set()), name


@pytest.mark.parametrize("option", OF_POINTS)
def test_options_of_a_distillation_have_an_effect(call, option):
    code, given, said = call("distill", OF_POINTS[option])
    assert code == 130, said
    assert given != call("distill", WITHOUT.get(option, "heat"))[1]


@pytest.mark.parametrize("option", {**OF_POINTS, **OF_STUDIES})
def test_options_of_a_study_have_an_effect(call, option):
    code, given, said = call("study", {**OF_POINTS, **OF_STUDIES}[option])
    assert code == 130, said
    assert given != call("study", WITHOUT.get(option, "heat"))[1]


def saved(name, **header):
    pde = load_pde(header.get("pde", "heat"))
    collocation_data(pde, *sample_points(pde, "sobol", 16, 9, 0)).with_header(**{**header, **remembered(pde)}).save(name)


@pytest.mark.parametrize("option", OF_EVALUATIONS)
def test_options_of_an_evaluation_have_an_effect(call, tmp_path, option):
    saved(tmp_path / "heat.npz", pde="heat", protocol="retrain", learner="ridge")
    code, given, said = call("evaluate", f"heat.npz {OF_EVALUATIONS[option]}")
    assert code == 130, said
    assert given != call("evaluate", "heat.npz")[1]


@pytest.mark.parametrize("command", ["distill", "study"])
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("heat --protocol retrain --tuples 9", ["--tuples: the protocol retrain has no", "amortised has it"]),
        ("heat --protocol retrain --boundary-tuples 9", ["--boundary-tuples: the protocol retrain has no", "amortised has it"]),
        ("heat --protocol amortised --points 9", ["--points", "retrain and sensors have it"]),
        ("heat --protocol amortised --boundary-points 9", ["--boundary-points", "retrain has it"]),
        ("burgers --protocol solved --sensors 9", ["--sensors", "sensors has it"]),
        ("heat --protocol sensors --boundary-points 9", ["--boundary-points", "retrain has it"]),
        ("heat --protocol sensors --conditions 9", ["--conditions", "solved has it"]),
        ("heat --protocol solved", ["heat is linear"]),
        ("heat --sensors 2", ["--sensors 2", "3 conditions to measure"]),
        ("heat --sensors 9,few", ["--sensors 9,few", "expected a number of sensors"]),
        ("heat --sensors 9,9", ["--sensors 9,9: 9 stands there more than once; name each once"]),
        ("heat --sensors 18,9,018", ["--sensors 18,9,018: 18 stands there"]),
        ("heat --points 9 --points=20", ["--points is given more than once, and one value counts: give it once"]),
        ("heat --seed 1 --quick --quick", ["--quick is given more than once"]),
        ("heat --sensors 9 --learner mlp-adam", ["learner 'mlp-adam'", "ridge, gauss-newton"]),
        ("heat --protocol amortized", ["protocol 'amortized'", "expected amortised, "]),
        ("heat --learner gauss-newtn", ["learner 'gauss-newtn'", "expected gauss-newton, "]),
        ("heat --distance relative-l3", ["distance 'relative-l3'", "expected relative-l2, "]),
        ("heat --risk worstcase", ["risk 'worstcase'", "expected worst-case, "]),
        ("heat --device cuda:7", ["--device cuda:7", "expected one of auto, cpu"]),
        ("burgers --protocol solved --device meta", ["--device meta", "solved works on the processor alone"]),
        ("heat --seed -1", ["--seed -1"]),
        ("heat --points 0", ["--points 0"]),
        ("heat --boundary-points 2", ["2 boundary points for 3 conditions"]),
        ("burgers --protocol solved --conditions 0", ["--conditions 0"]),
        ("heat --protocol amortised --tuples 0", ["--tuples 0"]),
        ("heat --protocol amortised --boundary-tuples 0", ["--boundary-tuples 0"]),
        ("heat --resume --overwrite", ["--resume and --overwrite"]),
    ],
)
def test_what_does_not_fit_is_refused(call, tmp_path, command, words, parts):
    code, given, said = call(command, words)
    assert (code, given) == (2, ""), said
    assert said.count("pinndd: ") == 1
    assert "Traceback" not in said
    for part in parts:
        assert part in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "words", "parts"),
    [
        ("distill", "heat --protocol all", ["--protocol all", "retrain, amortised"]),
        ("study", "heat --seeds 1 --jobs 2", ["--jobs 2: processes share the seeds", "a single piece of work", "--seeds"]),
        ("study", "heat --no-judges --judge mlp-lm", ["--no-judges excludes"]),
        ("study", "heat --no-judges --full", ["--no-judges excludes"]),
        ("study", "heat --protocol sensors --curve", ["--curve"]),
        ("study", "heat poisson heat", ["studies of heat, poisson, heat: heat stands there more than once"]),
        ("study", "heat --judge mlp-lm --judge mlp-lm", ["--judge mlp-lm --judge mlp-lm: mlp-lm stands there more than once"]),
        ("evaluate", "heat.npz --shift steps --shift steps", ["--shift steps --shift steps: steps stands there more than once"]),
        ("evaluate", "heat.npz --judge ridge --judge mlp-lm", ["--judge is given more than once"]),
        ("evaluate", "heat.npz --judge magic", ["learner 'magic'"]),
        ("evaluate", "heat.npz --distance relative-l3", ["distance 'relative-l3'", "relative-l2"]),
        ("evaluate", "heat.npz --seed 3", ["--seed"]),
        ("evaluate", "burgers.npz --device meta", ["--device meta", "solved works on the processor alone"]),
        ("evaluate", "burgers.npz --solutions none.npz", ["--solutions none.npz", "no such file"]),
        ("evaluate", "heat.npz --out heat.npz", ["--out heat.npz exists"]),
    ],
)
def test_what_one_command_refuses(call, tmp_path, command, words, parts):
    saved(tmp_path / "heat.npz", pde="heat", protocol="retrain", learner="ridge")
    burgers = load_pde("burgers")
    size = burgers.ensemble().size
    conditions = condition_data(burgers, torch.zeros(2, size, dtype=torch.float64), torch.eye(size, dtype=torch.float64))
    header = {"pde": "burgers", "protocol": "solved", **remembered(burgers)}
    conditions.with_header(**header).save(tmp_path / "burgers.npz")
    code, given, said = call(command, words)
    assert (code, given) == (2, ""), said
    assert said.count("pinndd: ") == 1
    for part in parts:
        assert part in said


def test_a_device_that_one_of_several_protocols_leaves_unused_is_told():
    solved, pde = protocol_named("solved"), load_pde("burgers")
    with pytest.warns(UserWarning, match=r"the protocol solved works on the processor \(cpu\), and not on meta"):
        study = solved.open(pde, settings=StudySettings(device="meta"))
    assert study.settings.device == "cpu"
    assert solved.open(pde, settings=StudySettings(device="cpu")).settings == study.settings  # without a word


def test_studies_side_by_side_begin_with_those_that_take_longest(call, monkeypatch):
    begun = []
    monkeypatch.setattr(studying_many, "run_on_workers", lambda plan, *rest: begun.append([cell.pde for cell in plan.cells]))
    for jobs in ("1", "2"):
        assert call("study", f"heat heat_2d cavity burgers --protocol retrain --quick --jobs {jobs}")[0] == 0
    assert begun == [["heat", "heat_2d", "cavity", "burgers"], ["cavity", "burgers", "heat_2d", "heat"]]


def test_options_go_to_every_study_of_several(call, monkeypatch):
    begun = []
    monkeypatch.setattr(studying_many, "run_on_workers", lambda plan, *rest: begun.extend(plan.cells))
    words = "--points 20 --boundary-points 9 --distance relative-h1 --risk worst-case --no-judges --curve --protocol retrain"
    code, _, said = call("study", f"heat poisson {words}")
    assert code == 0, said
    assert len(begun) == 2
    for cell in begun:
        assert {*words.split()} <= {*cell.command.split()}
        given = {"points": 20, "boundary_points": 9, "distance": "relative-h1", "risk": "worst-case", "no_judges": True, "curve": True}
        assert given.items() <= cell.options.items()
        assert cell.protocols == ["retrain"]


@pytest.mark.parametrize(("name", "features"), [("heat", "ridge"), ("burgers", "gauss-newton")])
def test_a_full_study_is_judged_by_the_random_features_that_fit_the_equation(name, features):
    judges = study_settings(load_pde(name), Options(full=True)).judges
    assert list(judges) == [features, "mlp-adam", "mlp-lm", "deepxde"]
