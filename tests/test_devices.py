"""A GPU is chosen where it is there and worth it, and a device that is not there is refused, without any GPU at hand."""


import pytest
import torch

import pinndd
from pinndd.devices import WORTHWHILE, Work, chosen_device, require_device
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.network import NetworkModel
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.solver import dense_work
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification.devices import settled
from pinndd.study.plan import study_device
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.amortised import AmortisedSettings
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.work import counts_asked, counts_of, work_of
from pinndd.study.solving import Problem
from pinndd.study.stated.engine import StatedSettings
from pinndd.study.verbs import evaluation_settings
from pinndd.terminal import distilling, studying

ZERO = {"left": 0.0, "right": 0.0, "start": 0.0}


@pytest.mark.usefixtures("card")
def test_a_gpu_is_chosen_from_a_number_on():
    small, large = (chosen_device("auto", lambda n=n: Work(n, 1000, 1000)) for n in (1, WORTHWHILE // 10**6))
    assert (small.device, large.device) == ("cpu", "cuda")
    assert "1 network x 1000 rows x 1000 weights is small (1.0e+06 numbers); '--device cuda' uses Imagined H100" in small.why
    assert "Imagined H100, since a step of 2 networks x 1000 rows x 1000 weights is large" in large.why
    assert chosen_device("auto", None).device == chosen_device("auto", lambda: Work(1, 9, 0)).device == "cpu"


def test_without_a_gpu_nothing_is_said_and_nothing_counted():
    assert vars(chosen_device("auto", lambda: pytest.fail("counted"))) == {"device": "cpu", "why": ""}


@pytest.mark.usefixtures("card")
def test_a_device_that_is_named_is_kept_without_a_word():
    assert vars(chosen_device("cuda:1", lambda: pytest.fail("counted"))) == {"device": "cuda:1", "why": ""}


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "foo", "", "cpu:0", "CPU"])
def test_what_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match=rf"^--device {name}: there is no such device here; expected one of auto, cpu$"):
        require_device(name, called="--device")


def test_of_two_gpus_there_is_no_third(card):
    for name in ("auto", "cpu", "cuda", "cuda:0", "cuda:1"):
        require_device(name)
    with pytest.raises(ValueError, match="device cuda:3: there is no such device here; expected one of auto, cpu, cuda:0, cuda:1"):
        require_device("cuda:3")


def test_single_precision_is_refused_where_double_is_needed(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    require_device("mps", double=False)
    with pytest.raises(ValueError, match="device mps: it lacks double precision"):
        require_device("mps")


@pytest.mark.parametrize(
    ("learner", "size", "expected"),
    [
        ("ridge", RetrainSettings(), Work(1, 94, 256)),  # one factorisation for all conditions
        ("gauss-newton", RetrainSettings(100, 50), Work(12, 150, 256)),
        ("mlp-lm", RetrainSettings(), Work(16, 94, 2241)),
        ("bank-full", RetrainSettings(), Work(16, 94, 2241)),  # its largest member
        ("mlp-adam", AmortisedSettings(), Work(1, 350, 9665)),  # one network for all conditions
        ("deepxde", RetrainSettings(), Work(16, 94, 0)),
    ],
)
def test_the_work_of_a_step(learner, size, expected):
    protocol = protocol_named("amortised" if isinstance(size, AmortisedSettings) else "retrain")
    recipe = protocol.recipes[learner]
    assert work_of(load_pde("heat"), counts_asked(size), recipe, protocol.recipes, shared=protocol.shared) == expected


def test_a_dense_solution_grows_with_the_coordinates():
    line, square = dense_work(load_pde("heat")), dense_work(load_pde("heat_2d"))
    assert line.numbers < WORTHWHILE < square.numbers
    assert dense_work(load_pde("heat"), 1e-4).numbers > WORTHWHILE


@pytest.mark.parametrize(("learner", "device"), [(None, "cpu"), ("mlp-lm", "cuda")])
def test_a_study_is_opened_on_the_device_that_is_chosen(card, learner, device):
    pde = load_pde("heat")
    study = protocol_named("retrain").open(pde, settings=StudySettings(learner=learner))
    assert study.settings.device == device
    choice = study_device(pde, ["retrain", "amortised", "solved"], StudySettings(learner=learner), {})
    assert (choice.device, card in choice.why) == (device, True)


@pytest.mark.usefixtures("card")
def test_a_set_is_judged_where_its_judge_is_faster(setting):
    pde, data, _ = setting("heat", 2, 64, 30)
    assert counts_of(data) == (64, 30)
    protocol = protocol_named("retrain")
    chosen = {
        judge: evaluation_settings(protocol, pde, StudySettings(), data.with_header(learner="ridge"), judge)[0].device
        for judge in (None, "mlp-lm")
    }
    assert chosen == {None: "cpu", "mlp-lm": "cuda"}


@pytest.mark.usefixtures("card")
def test_images_and_stated_tasks():
    digits = NetworkModel(lambda: torch.nn.Linear(64, 10))
    assert settled("auto", digits, networks=1, examples=10) == torch.device("cpu")
    assert settled("auto", digits, networks=8, examples=1000) == torch.device("cuda")
    assert StatedSettings(device="auto").device == "cpu"


def test_from_python_a_device_that_is_not_there_is_refused_before_any_work():
    refused = pytest.raises(ValueError, match="device cuda: there is no such device here")
    with refused:
        pinndd.solve("heat", ZERO, device="cuda")
    with refused:
        pinndd.distill_set("heat", settings=StudySettings(device="cuda"))
    with refused:
        StatedSettings(device="cuda")


@pytest.mark.usefixtures("card", "unrendered")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("study heat --learner mlp-lm", "device: Imagined H100, since a step of 16 networks x 94 rows x 2241 weights is large"),
        ("study heat", "device: cpu, since a step of 1 network x 94 rows x 256 weights is small"),
        ("study heat --device cpu", ""),
        ("distill heat --learner mlp-lm", "device: Imagined H100, since a step of 16 networks"),
        ("distill burgers --protocol solved", ""),
        ("distill wine", "device: cpu; how large a step is depends on your own learner, so '--device cuda' uses Imagined H100"),
    ],
)
def test_a_choice_is_said_in_one_line(words, said, call, monkeypatch):
    def stop(*values, **given):
        raise KeyboardInterrupt

    monkeypatch.setattr(studying, "run_study", stop)
    monkeypatch.setattr(distilling, "distill_first", stop)
    monkeypatch.setattr("pinndd.terminal.tasks.distill_task", stop)
    code, out, err = call(*words.split())
    assert code == 130, err
    lines = [line for line in out.splitlines() if line.startswith("device")]
    assert len(lines) == bool(said)
    assert not said or lines[0].startswith(said)


@pytest.mark.usefixtures("card")
def test_solve_says_where(setting):
    problem = Problem.of("heat", ZERO)
    assert (problem.device, problem.why.startswith("device: cpu, since a step of 1 network x 2000 rows")) == ("cpu", True)
    assert Problem.of("heat", ZERO, tolerance=1e-6).device == "cuda"


def test_single_precision_is_of_full_precision_while_something_is_trained():
    kinds = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [kind.allow_tf32 for kind in kinds]
    seen = []

    class Number:
        differentiation = "closed form"

        def fit(self, data, episodes):
            seen.append([kind.allow_tf32 for kind in kinds])
            return data["x"].mean()

        def episodes(self, count, generator):
            return range(count)

        def answer(self, fitted, episodes, derivatives):
            return fitted.expand(len(episodes), 1, 1)

        def truth(self, episodes, derivatives):
            return torch.ones(len(episodes), 1, 1)

    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
        data = pinndd.SyntheticData({"x": torch.tensor([[1.0], [2.0]])}, {"x": pinndd.Box((0,), (10,))})
        problem = DistillationProblem(Number(), Number(), RelativeL2(), Mean())
        distill(problem, data, hypergradient=Exact(), validation=[range(1)], settings=OuterSettings(steps=1, batch=1))
        assert seen == [[False, False]] * 3
        assert [kind.allow_tf32 for kind in kinds] == [True, True]
    finally:
        for kind, allowed in zip(kinds, before, strict=True):
            kind.allow_tf32 = allowed
