"""A protocol is one object: everything that others ask about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pinndd.data import SyntheticData
from pinndd.devices import AUTO, PROCESSOR, Choice, chosen_device, require_device
from pinndd.pinn.checks.residual import require_sound
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.risks import Mean
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.bench import Study
from pinndd.study.protocols.learners import Recipes, distilling_recipe, drawn_learner, recipe_of, require_fit
from pinndd.study.protocols.memory import beyond_memory, fit_bytes
from pinndd.study.protocols.parts import distance_name, unknown
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.stored import Needed
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.protocols.work import Counts, counts_asked, steps_of, work_of

S = TypeVar("S")


@dataclass(frozen=True)
class Protocol(Generic[S]):
    """How a PINN meets a new boundary condition.

    Attributes:
        name: on the command line and in the rows.
        about: what D̂ is, for lists.
        words: what reports and pictures call its things.
        size: class of its own settings; its fields are its options on the command line.
        default_size: returns the size for a PDE where nothing is said.
        study: applies the protocol to a PDE.
        recipes: its learners, by name.
        judges: those of them that train on a set besides its own learner if nothing is said.
        curve: whether ``--curve`` repeats it at other sizes.
        derivatives: whether its models know derivatives, which some distances compare.
        usual: whether a study runs it where no protocol is named.
        labelled: whether its sets are solved by somebody, whose solutions it takes back.
        nonsense: returns why it makes no sense for a PDE at a size, or an empty text.
        export: writes a set as CSV and returns the files.
        fields: returns what it needs of a set for a PDE; nothing is looked at beforehand where it says nothing.
        processor: whether it works on the processor alone: solvers do, and what is fitted to their small tables.
        shared: whether one network serves all boundary conditions.
        placed: whether its sets are placements, whose pictures show where each point stands on the outline of the domain.
    """

    name: str
    about: str
    words: ProtocolWords
    size: type[S]
    default_size: Callable[[PDE], S]
    study: Callable[[PDE, S, StudySettings, Progress, Allowance, Recipes], Study[S]]
    recipes: Recipes
    judges: Sequence[str]
    curve: bool
    derivatives: bool
    usual: bool
    labelled: bool
    nonsense: Callable[[PDE, S], str]
    export: Callable[[PDE, SyntheticData, Path], Sequence[Path]]
    placed: bool = False
    processor: bool = False
    shared: bool = False
    fields: Callable[[PDE], Mapping[str, Needed]] = lambda pde: {}

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the fields of its own settings."""
        return tuple(f.name for f in fields(self.size))  # type: ignore[arg-type]

    def sized_for(self, pde: PDE, given: Mapping[str, Any] | None = None) -> S:
        """Return its settings for a PDE, with the values that were given in place of the usual ones.

        Raises:
            ValueError: it has no such setting, or a value is out of range.
        """
        for name in given or {}:
            if name not in self.options:
                raise unknown(f"setting of the protocol {self.name}:", name, self.options)
        return self.size(**{**vars(self.default_size(pde)), **(given or {})})

    def open(
        self,
        pde: PDE,
        size: S | None = None,
        settings: StudySettings | None = None,
        progress: Progress = quiet,
        allowance: Allowance | None = None,
    ) -> Study[S]:
        """Apply the protocol to a PDE.

        Args:
            pde: the equation.
            size: its own settings (None: as usual for the PDE).
            settings: those that all protocols have (None: the usual ones).
            progress: called often.
            allowance: processor time that is left.

        Raises:
            TypeError: the settings are those of another protocol.
            UnknownNameError: there is no such learner, distance, risk or shift.
            UserCodeError: the residual cannot be trained on, see `pinndd.pinn.checks.residual.residual_faults`.
            ValueError: see `refusal`; or there is no such device.

        Warns:
            UserWarning: the settings name another device than the processor, on which alone the protocol works.
        """
        require_sound(pde)
        size = self.default_size(pde) if size is None else size
        if not isinstance(size, self.size):
            raise TypeError(
                f"protocol {self.name!r}: its own settings are {self.size.__name__}, not {type(size).__name__}; "
                f"pass {self.size.__name__}({', '.join(self.options)})"
            )
        settings = settings or StudySettings()
        self._require_parts(pde, settings)
        refused = self.refusal(pde, size, settings)
        if refused:
            raise ValueError(f"protocol {self.name!r}: {refused}")
        if self.processor and settings.device not in (PROCESSOR, AUTO):
            warnings.warn(
                f"the protocol {self.name} works on the processor ({PROCESSOR}), and not on {settings.device}: its solvers do",
                stacklevel=2,
            )
        if not self.processor:
            require_device(settings.device)
        settings = replace(settings, device=self.choice(pde, counts_asked(size), settings).device)
        return self.study(pde, size, settings, progress, allowance or Allowance(), self.recipes)

    def choice(self, pde: PDE, counts: Counts, settings: StudySettings, learner: str | None = None) -> Choice:
        """Choose the device, by the work of a step where the settings leave it open.

        Args:
            pde: the equation.
            counts: points of the equations, and of the conditions.
            settings: those that all protocols have.
            learner: that trains (None: the one that the settings name, or the usual one).

        Raises:
            UnknownNameError: the protocol has no such learner.
        """
        if self.processor:
            return Choice(PROCESSOR)
        named = learner or settings.learner or drawn_learner(pde)
        return chosen_device(
            settings.device, lambda: work_of(pde, counts, recipe_of(named, self.recipes), self.recipes, shared=self.shared)
        )

    def refusal(self, pde: PDE, size: S, settings: StudySettings) -> str:
        """Return why the protocol cannot be run so, or an empty text."""
        try:
            self._require_parts(pde, settings)
        except ValueError as error:
            return str(error)
        if settings.curve and not self.curve:
            return "it is not repeated at other sizes; leave out --curve"
        if settings.measure.derivatives and not self.derivatives:
            return "its conditioned models know values only; take a distance without derivatives"
        nonsense = self.nonsense(pde, size)
        if nonsense:
            return nonsense
        settings = replace(settings, device=self.choice(pde, counts_asked(size), settings).device)
        return beyond_memory(pde, size, settings, lambda: self._fit_bytes(pde, size, settings))

    def _fit_bytes(self, pde: PDE, size: S, settings: StudySettings) -> int:
        """Return the bytes that a step of training holds at least; 0 where solvers work, whose tables are small."""
        if self.processor:
            return 0
        recipe = recipe_of(settings.learner or drawn_learner(pde), self.recipes)
        return max(fit_bytes(*step) for step in steps_of(pde, counts_asked(size), recipe, self.recipes, shared=self.shared))

    def _require_parts(self, pde: PDE, settings: StudySettings) -> None:
        """Make sure that learner, judges, risk, distance and shifts exist and fit the equation.

        Raises:
            UnknownNameError: there is none of a name.
            ValueError: a learner does not fit the equation, the number of a risk is wrong, or a distance has the name of another.
        """
        if settings.learner is not None:
            distilling_recipe(pde, settings.learner, self.recipes)
        for name in settings.judges or ():
            require_fit(pde, recipe_of(name, self.recipes))
        settings.risk_or(Mean())
        settings.tested(pde.shifts)
        _ = settings.measure, distance_name(settings.distance)
