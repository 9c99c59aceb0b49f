"""What a file may execute, and what a user gets whose module fails: one line with the place, and never a traceback."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import pinndd
from pinndd import BoundaryValues, SyntheticData
from pinndd.cli import app
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.loading import PDEModuleError, load_pde, load_remembered
from pinndd.study.results.run_config import RunConfig
from pinndd.user_code import UserCodeError

MODULE = """
import deepxde as dde
from pinndd import PDE, Initial, Periodic, families

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))

def residual(x, u):
    return dde.grad.jacobian(u, x, i=0, j=1) + dde.grad.jacobian(u, x, i=0, j=0)

def reference(values, points):
    return values["start"]((points[:, 0] - points[:, 1]) % 1)

START = families.Fourier(modes=2)
pde = PDE(
    name="ring", domain=domain, residual=residual, reference=reference,
    conditions=[Periodic("ring"), Initial("start", values=START)],
    shifts={"sparse": {"start": families.Fourier(modes=2, active=1)}},
)
"""


SMALL = pinndd.StudySettings(effort=0.02, learner="ridge")


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    return path


def invoke(*arguments):
    """Run a command: exit code, standard output, and the one line of the standard error."""
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.stdout, found.stderr


def header(pde):
    return {"pde": pde.name, "module": pde.source.module, "source": pde.source.checksum}


@pytest.fixture
def saved(module, tmp_path):
    """A distilled set of that module, made from Python."""
    size = pinndd.RetrainSettings(points=9, boundary_points=6)
    found = pinndd.distill_set(load_pde(module), "retrain", size, settings=SMALL)
    found.data.save(tmp_path / "set.npz")
    return tmp_path / "set.npz"


@pytest.mark.usefixtures("few_conditions")
class TestASet:
    def test_made_from_python_finds_its_module_from_every_folder(self, saved, module, tmp_path, monkeypatch):
        assert SyntheticData.load(saved).header["module"] == str(module)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert invoke("export", saved)[0] == 0

    def test_of_an_edited_module_is_refused_and_accepted_with_a_word(self, saved, module):
        module.write_text(MODULE.replace("modes=2)\npde", "modes=3)\npde"))
        code, _, said = invoke("export", saved)
        assert (code, said.count("\n")) == (2, 1)
        assert "it was edited: checksum" in said
        assert f"give --pde {module}" in said
        code, _, said = invoke("export", saved, "--pde", module)
        assert code == 0
        assert said.startswith("pinndd: warning: the module given is another than the one that")
        with pytest.raises(PDEModuleError, match=r"it was edited.* give pde= "):
            pinndd.evaluate(saved)

    def test_whose_module_has_moved_asks_and_executes_nothing(self, saved, module, tmp_path, monkeypatch):
        folder = tmp_path / "received"
        folder.mkdir()
        shutil.move(saved, folder / "set.npz")
        (folder / "mine.py").write_text(MODULE)
        module.unlink()
        code, _, said = invoke("export", folder / "set.npz")
        assert (code, said.count("\n")) == (2, 1)
        assert "is not there any more" in said
        assert f"has its name and the same text: if you trust it, give --pde {folder / 'mine.py'}" in said
        code, _, said = invoke("export", folder / "set.npz", "--pde", folder / "mine.py")
        assert (code, said) == (0, "")

    @pytest.mark.parametrize("where", ["beside", "current"])
    def test_a_relative_path_is_never_executed(self, saved, tmp_path, monkeypatch, where):
        folder = tmp_path / "received"
        folder.mkdir()
        monkeypatch.chdir(folder if where == "current" else tmp_path)
        (folder / "evil.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
        SyntheticData.load(saved).with_header(module="evil.py").save(folder / "set.npz")
        code, _, said = invoke("evaluate", folder / "set.npz")
        assert code == 2
        assert "another text (checksum" in said
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize("entries", [{"module": ""}, {"source": ""}, {"module": 3}, {"source": None}])
    def test_that_does_not_say_is_refused(self, saved, entries):
        SyntheticData.load(saved).with_header(**entries).save(saved)
        code, _, said = invoke("export", saved)
        assert code == 2
        assert "does not say with which module it was made, so none is executed: give the module of 'ring' with --pde" in said
        code, _, said = invoke("export", saved, "--pde", "heat")
        assert code == 2
        assert "was distilled for the PDE 'ring', --pde gives 'heat'" in said

    @pytest.mark.parametrize("entries", [{}, {"module": "heat"}, {"module": "", "source": ""}, {"module": "heat", "source": ""}])
    def test_of_a_packaged_pde_without_a_checksum_is_accepted_with_a_word(self, tmp_path, entries):
        points, kept = pinndd.RetrainSettings(points=9, boundary_points=6), tmp_path / "old.npz"
        data = pinndd.distill_set("heat", "retrain", points, settings=SMALL).data
        plain = {name: value for name, value in data.header.items() if name not in ("module", "source")}
        replace(data, header={**plain, **entries}).save(kept)
        code, _, said = invoke("export", kept)
        assert (code, said.count("\n")) == (0, 1)
        assert "old.npz does not say with which module it was made" in said
        assert "nobody can tell whether the packaged 'heat', which is used, is the same" in said
        settings = pinndd.StudySettings(test_conditions=2, shifts=("none",))
        with pytest.warns(UserWarning, match="whether the packaged 'heat', which is used, is the same"):
            pinndd.evaluate(kept, settings=settings)

    @pytest.mark.parametrize(
        "entries",
        [{"module": "/somewhere/heat.py"}, {"module": "heat.py"}, {"module": "other"}, {"module": 3}, {"pde": "ring"}, {"pde": 3}],
    )
    def test_without_a_checksum_no_other_module_is_executed(self, entries):
        with pytest.raises(PDEModuleError, match="none is executed"):
            load_remembered({"pde": "heat", **entries}, None)
        with pytest.raises(PDEModuleError):
            load_remembered({"pde": "heat", "source": "0" * 64}, None)

    def test_of_a_packaged_pde_of_another_version_is_refused(self):
        pde = load_pde("heat")
        assert load_remembered(header(pde), None).name == "heat"
        with pytest.raises(PDEModuleError, match="this version of pinndd has another one: checksum 00000000 then"):
            load_remembered({**header(pde), "source": "0" * 64}, None)

    def test_of_a_pde_that_was_changed_remembers_no_module(self, module):
        assert load_pde(module).source is not None
        assert replace(load_pde(module), title="changed").source is None


def test_what_is_executed_is_what_was_looked_at(module):
    """Python's cache of an older text of the same size and second is not used."""
    assert load_pde(module).shifts["sparse"]["start"].active == 1
    module.write_text(MODULE.replace("active=1", "active=2"))
    assert load_pde(module).shifts["sparse"]["start"].active == 2


def test_a_run_folder_executes_only_its_own_module(module, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    RunConfig("ring", ["retrain"], {}, module=str(module), source="0" * 64).save(folder / "config.toml")
    code, _, said = invoke("plot", folder)
    assert code == 2
    assert "it was edited: checksum 00000000 then" in said
    code, _, said = invoke("plot", folder, "--pde", module)
    assert "warning: the module given is another" in said
    assert "has no finished protocol yet" in said
    code, _, said = invoke("plot", folder, "--pde", "heat")
    assert "is about 'ring', --pde gives 'heat'" in said


class TestAModule:
    def test_imports_what_lies_beside_it(self, module, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        for folder, modes in ((tmp_path, 2), (other, 3)):
            (folder / "constants_of_mine.py").write_text(f"MODES = {modes}\n")
            (folder / "mine.py").write_text(
                "from constants_of_mine import MODES\n" + MODULE.replace("Fourier(modes=2)", "Fourier(modes=MODES)")
            )
        assert [load_pde(f / "mine.py").ensemble().size for f in (tmp_path, other, tmp_path)] == [4, 6, 4]

    def test_with_a_relative_import_says_what_to_write(self, module):
        module.write_text("from .constants_of_mine import MODES\n" + MODULE)
        code, _, said = invoke("check", module)
        assert code == 2
        assert "a module beside this one is imported by its name, without a dot" in said

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("import sys; sys.exit(0)", "line 1: SystemExit: 0"),
            ("raise SystemExit", "line 1: SystemExit"),
            ("1 / 0", "line 1: ZeroDivisionError: division by zero"),
            ("def f(): f()\nf()", "RecursionError"),
            ("raise MemoryError", "line 1: MemoryError"),
            ("raise BaseExceptionGroup('two', [ValueError('one')])", "ExceptionGroup: two"),
        ],
    )
    def test_that_fails_when_imported(self, module, line, message):
        module.write_text(line + "\n" + MODULE)
        code, _, said = invoke("check", module)
        assert (code, said.count("\n")) == (2, 1)
        assert message in said
        assert str(module) in said

    @pytest.mark.parametrize("name", ["../evil", "", "a\\nb", "a/b", ".hidden", " a", "a ", "a  b", "a .b", "x" * 101])
    @pytest.mark.parametrize("what", ["PDE", "condition", "shift"])
    def test_names_are_plain_file_names(self, module, what, name):
        old = {"PDE": 'name="ring"', "condition": 'Initial("start"', "shift": '"sparse":'}[what]
        module.write_text(MODULE.replace(old, old.replace(old.split('"')[1], name)))
        code, _, said = invoke("check", module)
        assert code == 2
        assert f"{what} name" in said
        assert "is no plain file name; expected 1 to 100 letters" in said

    def test_names_of_conditions_and_shifts_may_be_several_words(self, module, tmp_path):
        module.write_text(MODULE.replace('"start"', '"the start"').replace('"sparse"', '"one mode"'))
        assert invoke("check", module)[0] == 0
        size = pinndd.RetrainSettings(points=9, boundary_points=6)
        found = pinndd.distill_set(load_pde(module), "retrain", size, settings=SMALL)
        found.data.save(tmp_path / "set.npz")
        assert invoke("export", tmp_path / "set.npz")[0] == 0
        assert "the start" in (tmp_path / "set.csv").read_text()
        assert load_remembered(found.data.header, None).shifts.keys() == {"one mode"}
        module.write_text(MODULE.replace('name="ring"', 'name="my ring"'))
        assert invoke("check", module)[0] == 2

    @pytest.mark.parametrize(("old", "new"), [("start", "interior"), ("sparse", "none")])
    def test_names_that_mean_something_else(self, module, old, new):
        module.write_text(MODULE.replace(f'"{old}"', f'"{new}"'))
        code, _, said = invoke("check", module)
        assert code == 2
        assert f"name '{new}'" in said

    @pytest.mark.parametrize("failure", ["1 / 0", "raise RuntimeError('boom')", "import sys; sys.exit(0)", "assert False", "None.x"])
    @pytest.mark.parametrize("function", ["residual", "reference"])
    @pytest.mark.parametrize("command", ["check", "distill", "study"])
    def test_whose_functions_fail(self, module, tmp_path, command, function, failure):
        signature = {"residual": "residual(x, u)", "reference": "reference(values, points)"}[function]
        module.write_text(MODULE.replace(f"def {signature}:", f"def {signature}:\n    {failure}"))
        more = {"check": [], "distill": ["--quick", "--out", tmp_path / "x.npz"], "study": ["--quick", "--out", tmp_path / "run"]}
        code, printed, said = invoke(command, module, *more[command])
        assert code in (1, 2)
        flat = " ".join((printed + said).split())
        assert f"{function} raised" in flat
        assert f"in {function}:" in flat
        assert "Traceback" not in flat


@pytest.mark.parametrize(
    ("s", "message"),
    [
        ("[0.5]", "asked at list; expected a tensor or a numpy array of real numbers"),
        ("np.zeros((2, 2, 2))", r"asked at an array of shape \(2, 2, 2\); expected"),
        ("np.array(['a'])", "asked at an array of type <U1"),
    ],
)
def test_places_that_are_none(module, s, message):
    module.write_text("import numpy as np\n" + MODULE.replace('values["start"]((points', f'values["start"]({s}) + (0 * (points'))
    pde = load_pde(module)
    ensemble = pde.ensemble()
    coefficients = ensemble.sample(2, torch.Generator().manual_seed(0))
    with pytest.raises(UserCodeError, match=message):
        pde.reference(BoundaryValues(ensemble, coefficients), coefficients[:, :2])


def test_values_answer_in_kind():
    ensemble = load_pde("heat").ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(3, torch.Generator().manual_seed(0)))
    s = torch.linspace(0, 1, 5, dtype=torch.float64)
    exact = values["start"](s)
    for array in (s.numpy(), s.numpy()[:, None], s.numpy()[::-1][::-1]):
        found = values["start"](array)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, exact.numpy())
    assert values["start"](s.numpy().astype(np.float32)).dtype == np.float32
    assert values["start"](np.array([0, 1])).dtype == np.float64
    recorded = BoundaryValues(ensemble, values.coefficients.clone().requires_grad_())
    with pytest.raises(ValueError, match="where gradients are needed; a stand_in is written in torch"):
        recorded["start"](s.numpy())


def test_a_stand_in_in_numpy_is_refused():
    pde = replace(load_pde("burgers"), stand_in=lambda values, points: np.zeros((len(values), len(points))))
    finding = check_pde(pde)[-1]
    assert (finding.level, finding.subject) == ("error", "stand-in")
    assert "returned a numpy array, through which no gradient passes; write it in torch" in finding.message


def test_deepxde_is_imported_without_what_it_rarely_needs():
    code = """
import sys
from pinndd.pinn.jets.deepxde import import_deepxde
dde = import_deepxde()
assert not {"scipy", "sklearn", "skopt", "matplotlib"} & set(sys.modules)
assert dde.geometry.Rectangle([0, 0], [1, 1]).random_points(3, "Sobol").shape == (3, 2)
assert dde.geometry.Hypersphere([0, 0, 0], 1).random_boundary_points(4).shape == (4, 3)
assert dde.data.GRF(1.0).random(2).shape[0] == 2
import scipy.stats, sklearn.preprocessing
assert 0.49 < scipy.stats.norm.cdf(0) < 0.51
"""
    subprocess.run([sys.executable, "-c", code], check=True)
