"""Learning rates that change from epoch to epoch.

Setting one compiles nothing anew. A rate that is to change from step to step is a
schedule, optax's or any function ``step -> rate``, given to the optimizer itself.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnet_mini.base.arguments import (
    can_call,
    check_count,
    check_level,
    check_number,
    is_number,
)
from jaxnet_mini.callbacks.base import Callback, Logs, Real, say
from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.core.optimizers import check_learning_rate
from jaxnet_mini.errors import ArgumentError


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch; the logs show it as ``learning_rate``.

    Args:
        schedule: ``schedule(epoch)`` or ``schedule(epoch, learning_rate)``, which
            returns the learning rate of the epoch; epochs count from 0.
        verbose: 1 prints each rate that is set.

    Raises:
        ArgumentError: ``schedule`` is no function; or, when training begins, it returns
            no rate.
        StateError: when training begins, where the optimizer has a schedule of its own
            or is an optax transformation that does not let the rate be set.

    Source: https://keras.io/api/callbacks/learning_rate_scheduler/
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        if not (
            callable(schedule) and (can_call(schedule, 0) or can_call(schedule, 0, 0.0))
        ):
            raise ArgumentError(
                "LearningRateScheduler: schedule must be a function of the epoch and, "
                f"if it likes, of the learning rate, not {schedule!r}."
            )
        self.schedule = schedule
        self.verbose = check_level("LearningRateScheduler: verbose", verbose)
        self._takes_rate = can_call(schedule, 0, 0.0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = (optimizer.learning_rate,) if self._takes_rate else ()
        returned = self.schedule(epoch, *rate)
        try:
            value = check_learning_rate(returned)
        except ArgumentError:
            raise ArgumentError(
                f"LearningRateScheduler: schedule returned {returned!r} for epoch "
                f"{epoch}: return a finite number of at least 0."
            ) from None
        optimizer.learning_rate = value
        say(
            self.verbose,
            f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to "
            f"{value}.",
        )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(MonitorCallback):
    """Reduce the learning rate when a monitored value has stopped improving.

    The logs show the rate of each epoch as ``learning_rate``.

    Args:
        monitor: a name in the logs.
        factor: what the learning rate is multiplied by; at least 0 and below 1.
        patience: how many epochs without improvement are waited for.
        verbose: 1 prints each reduction.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name.
        min_delta: the least change that counts as an improvement.
        cooldown: how many epochs after a reduction are not counted as waiting.
        min_lr: the least learning rate.

    Attributes:
        best: the best value so far; None before the first.
        wait: how many epochs have passed without an improvement.
        cooldown_counter: how many epochs of ``cooldown`` are left.

    Raises:
        ArgumentError: an argument is of another kind or out of range; or, when training
            begins, ``mode="auto"`` cannot tell.
        StateError: when training begins, where the optimizer has a schedule of its own
            or is an optax transformation that does not let the rate be set.

    Source: https://keras.io/api/callbacks/reduce_lr_on_plateau/
    """

    _counters = ("wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: Real = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: Real = 1e-4,
        cooldown: int = 0,
        min_lr: Real = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if not is_number(factor) or not 0.0 <= factor < 1.0:
            raise ArgumentError(
                f"ReduceLROnPlateau: factor must be at least 0 and below 1, for "
                f"example 0.1, not {factor!r}."
            )
        self.factor = factor
        self.patience = check_count("ReduceLROnPlateau: patience", patience, least=0)
        self.verbose = check_level("ReduceLROnPlateau: verbose", verbose)
        self.cooldown = check_count("ReduceLROnPlateau: cooldown", cooldown, least=0)
        check_number("ReduceLROnPlateau: min_lr", min_lr, least=0.0)
        self.min_lr = min_lr
        self._forget()

    def _forget(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.sign  # noqa: B018  (an error now, not after an epoch)
        self._forget()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.best is None:
            # A rate that cannot be set is an error now, not after many epochs.
            optimizer = self.model.optimizer
            optimizer.learning_rate = optimizer.learning_rate

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.monitored(logs, "does nothing in this epoch")
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        # The optimizer holds float32, and the rate that min_lr was set to is not above.
        if optimizer.learning_rate <= np.float32(self.min_lr):
            return
        rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        say(
            self.verbose,
            f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.",
        )
