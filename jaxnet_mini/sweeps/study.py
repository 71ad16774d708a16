"""Members that a study of Optuna asks for, and what it is told of them."""

import dataclasses
import functools
import math
import numbers
from collections.abc import Generator
from typing import Any

from jaxnet_mini.errors import ArgumentError, import_extra, short
from jaxnet_mini.sweeps import space as spaces
from jaxnet_mini.sweeps.space import Candidate, Candidates, Space

AT_ONCE = 8
"""How many members are asked for before the study is told of any."""


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A study that is asked for members, some at a time.

    Args:
        study: an ``optuna.Study``.
        space: names of hyper-parameters to what Optuna draws them from: its
            distributions, or lists of values.
        n_trials: how many to ask for.

    Raises:
        ArgumentError: ``study`` is none, or is of several objectives; or, once it is
            asked, ``space`` has two values that Optuna takes for one.
    """

    study: Any
    space: Space
    n_trials: int

    def __post_init__(self) -> None:
        if not (hasattr(self.study, "ask") and hasattr(self.study, "tell")):
            raise ArgumentError(
                "sampler must be a study of Optuna, such as optuna.create_study(), "
                f"not {short(self.study)}."
            )
        if len(self.study.directions) > 1:
            raise ArgumentError(
                f"sampler is a study of {len(self.study.directions)} objectives, and "
                "members are compared by one, monitor: create it with one direction."
            )

    @functools.cached_property
    def _distributions(self) -> dict[str, Any]:
        optuna = import_extra("optuna.distributions", "optuna")
        return {
            name: given
            if isinstance(given, optuna.BaseDistribution)
            else optuna.CategoricalDistribution(_told_apart(name, given))
            for name, given in spaces.checked(self.space).items()
        }

    @property
    def mode(self) -> str:
        """Which values it takes for better: ``"min"`` or ``"max"``."""
        return "max" if self.study.direction.name == "MAXIMIZE" else "min"

    def batches(
        self, model: Any, x: Any, y: Any
    ) -> Generator[list[Candidate], None, None]:
        """Yield candidates, some at a time; those that nobody tells of have failed.

        Args:
            model: see `jaxnet_mini.sweeps.space.candidates`, also for what is raised.
            x: likewise.
            y: likewise.
        """
        made = Candidates(model, self._distributions, x, y)
        for first in range(0, self.n_trials, AT_ONCE):
            trials: list[Any] = []
            try:
                for _ in range(first, min(first + AT_ONCE, self.n_trials)):
                    trials.append(self.study.ask(self._distributions))
                yield [made.of(trial.params, trial) for trial in trials]
            finally:
                known = self.study.get_trials(deepcopy=False)
                for trial in trials:
                    if not known[trial.number].state.is_finished():
                        self.study.tell(trial, state=_states().FAIL)

    def tell(self, trial: Any, value: float, pruned: bool) -> None:
        """Tell the study how a member ended.

        Args:
            trial: of that member.
            value: what is monitored, at the end; NaN where it went wrong.
            pruned: whether it fell behind.
        """
        if pruned:
            self.study.tell(trial, state=_states().PRUNED)
        elif math.isfinite(value):
            self.study.tell(trial, value)
        else:
            self.study.tell(trial, state=_states().FAIL)


def _told_apart(name: str, given: Any) -> list[Any]:
    """Return the values to choose from.

    Raises:
        ArgumentError: two are equal, as 1, 1.0 and True are: Optuna records the first.
    """
    values: list[Any] = spaces.listed(name, given)
    seen = [value for value in values if isinstance(value, numbers.Number)]
    for place, value in enumerate(seen):
        for other in seen[:place]:
            if value == other and type(value) is not type(other):
                raise ArgumentError(
                    f"space[{name!r}] has both {other!r} and {value!r}, and Optuna "
                    f"records {other!r} for either: leave one out, or try both without "
                    "sampler."
                )
    return values


def _states() -> Any:
    return import_extra("optuna.trial", "optuna").TrialState
