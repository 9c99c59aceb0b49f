"""Two synthetic sets of one size meet the usual criterion alike; one of them is useless for the task.

20 000 patients have four covariates, and one in a hundred has received a treatment that helps. The usual criterion (1) asks that
a model trained on the synthetic set has the same training loss on all data as one trained on all data. It leaves the effect of
the treatment open: so few have received it that a model with the opposite effect meets the criterion within 1 %. The first
set of 12 examples is made so. The vacuity test calls it vacuous for the task "predict the response to the treatment". The second
set of 12 is distilled for that task.

Prints the relative error in the response: above 1 for the set that merely meets the criterion, below 0.05 for the other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.diagnostics import Vacuity, vacuity
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.linear import LinearRidge
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.tasks import HeldOutPrediction

EXAMPLES, PATIENTS, TREATED = 12, 20_000, 200
EFFECTS = torch.tensor([[0.8], [-0.5], [0.3], [0.4]], dtype=torch.float64)
RESPONSE = 0.5
BOX = Box((-8.0,), (8.0,))


def identity(inputs: Tensor) -> Tensor:
    """Return the inputs: covariates and treatment have no constant beside them."""
    return inputs


def with_treatment(covariates: Tensor, treated: Tensor) -> Tensor:
    return torch.cat((covariates, treated[:, None]), -1)


def examples(inputs: Tensor, targets: Tensor) -> SyntheticData:
    return SyntheticData({"inputs": inputs, "targets": targets}, {"inputs": BOX, "targets": BOX})


def all_data(generator: torch.Generator) -> SyntheticData:
    """Return all patients, with noise of standard deviation 1 in their outcomes."""
    covariates = torch.randn((PATIENTS, 4), generator=generator, dtype=torch.float64)
    treated = (torch.arange(PATIENTS) < TREATED).double()
    noise = torch.randn((PATIENTS, 1), generator=generator, dtype=torch.float64)
    return examples(with_treatment(covariates, treated), covariates @ EFFECTS + RESPONSE * treated[:, None] + noise)


def responses(count: int, generator: torch.Generator) -> HeldOutPrediction:
    """Return the task: the outcome of treated patients close to the average, where it is the response that counts."""
    covariates = 0.1 * torch.randn((count, 4), generator=generator, dtype=torch.float64)
    outcome = covariates @ EFFECTS + RESPONSE
    return HeldOutPrediction(with_treatment(covariates, torch.ones(count, dtype=torch.float64)), outcome, queries=20)


def opposite(full: SyntheticData, learner: LinearRidge, task: HeldOutPrediction) -> SyntheticData:
    """Return examples from which ridge learns what it learns from all data, but for half the response with the wrong sign."""
    theta = learner.fit(full, task.everything()).parameters[0, :, None].clone()
    theta[-1] = -0.5 * RESPONSE
    # on these inputs the Gram matrix is the identity, and ridge shrinks every parameter by 1 + penalty
    inputs = torch.linalg.qr(torch.eye(EXAMPLES, 5, dtype=torch.float64) + 0.3).Q * EXAMPLES**0.5
    return examples(inputs, inputs @ theta * (1 + learner.penalty))


def main() -> tuple[Vacuity, Vacuity]:
    """Return the verdicts on the set that meets the criterion and on the set distilled for the task."""
    generator = torch.Generator().manual_seed(0)
    full, learner = all_data(generator), LinearRidge(1e-3, identity)
    task, test = responses(200, generator), responses(200, generator)
    problem = DistillationProblem(learner, task, RelativeL2(), Mean())
    start = examples(full["inputs"][-EXAMPLES:], full["targets"][-EXAMPLES:])
    settings = OuterSettings(steps=300, batch=4, learning_rate=0.01)
    found = distill(problem, start, hypergradient=Exact(), validation=[task.everything()], settings=settings)
    sets = {"meets the criterion": opposite(full, learner, task), "distilled for the task": found.data}
    verdicts = []
    for name, data in sets.items():
        chosen = torch.Generator().manual_seed(1)
        verdicts.append(vacuity(problem, data, full, test.everything(), generator=chosen))
        print(f"{name}: {verdicts[-1]}")
    return verdicts[0], verdicts[1]


if __name__ == "__main__":
    bad, good = main()
    print(f"relative error in the response: {bad.risk:.3f} and {good.risk:.3f} from {EXAMPLES} examples each")
