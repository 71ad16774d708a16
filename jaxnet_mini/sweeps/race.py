"""What the members of a sweep are compared by while they train, and who asks."""

import dataclasses
from typing import Any

from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.data.fit_arguments import FitData, FitSchedule
from jaxnet_mini.errors import ArgumentError, find
from jaxnet_mini.sweeps.rungs import Rungs
from jaxnet_mini.sweeps.study import Sampler

HELD_OUT = "val_"


@dataclasses.dataclass(frozen=True)
class Race:
    """What the members of a sweep are compared by while they train, and who asks.

    Args:
        monitor: a loss or a metric.
        mode: see `MonitorCallback`.
        rungs: after which epochs how many go on, or None.
        sampler: is told how they end, or None.
    """

    monitor: str
    mode: str
    rungs: Rungs | None
    sampler: Sampler | None

    @property
    def compares(self) -> bool:
        """Whether members are compared before they have ended."""
        return self.rungs is not None or self.sampler is not None

    def sign(self, model: Any) -> int:
        """Return 1 where larger values are better, -1 where smaller ones are.

        Args:
            model: one of the members, compiled.

        Raises:
            ArgumentError: nobody knows it, or the study says otherwise.
        """
        given = MonitorCallback(self.monitor, self.mode)
        given.set_model(model)
        if self.sampler is None:
            return given.sign
        asked = MonitorCallback(self.monitor, self.sampler.mode).sign
        try:
            known = given.sign
        except ArgumentError:
            return asked
        if known != asked:
            word = "maximize" if known > 0 else "minimize"
            raise ArgumentError(
                f"the study has another direction than {self.monitor!r}: create it "
                f"with direction={word!r}, or say which values are better by mode."
            )
        return asked

    def check(self, model: Any, data: FitData, schedule: FitSchedule) -> None:
        """Check that there will be something to compare.

        Args:
            model: one of the members, compiled.
            data: what it is to learn.
            schedule: when it does what.

        Raises:
            UnknownNameError: nothing of that name is logged.
            ArgumentError: not in time; or it is not known which values are better.
        """
        if not self.compares:
            return
        if self.rungs is not None:
            self._check_rungs(schedule, self.rungs)
        held_out = data.validation_split or data.validation_data is not None
        if self.monitor.startswith(HELD_OUT) and not held_out:
            raise ArgumentError(
                f"members are compared by {self.monitor!r}, and nothing is held out: "
                "give validation_split or validation_data, or monitor="
                f"{self.monitor.removeprefix(HELD_OUT)!r}."
            )
        trainer = model.trainer
        logged = [*trainer.loss_names, *(metric.name for metric in trainer.all_metrics)]
        logged += [f"{HELD_OUT}{name}" for name in logged if held_out]
        find(dict.fromkeys(logged), self.monitor, "loss or metric")
        self.sign(model)

    def _check_rungs(self, schedule: FitSchedule, rungs: Rungs) -> None:
        first = rungs.epochs(schedule.epochs)[0]
        held_out = self.monitor.startswith(HELD_OUT)
        if held_out and not any(schedule.due(n + 1) for n in range(first)):
            raise ArgumentError(
                f"{rungs} compares members after {first} epochs, and none is validated "
                f"before, as validation_freq={schedule.validation_freq!r} says: give "
                "a larger min_resource, or validate earlier."
            )
