"""Stopping in time."""

from typing import Any

import jax

from jaxnet_mini.base.arguments import check_count, check_flag, check_level
from jaxnet_mini.callbacks.base import Logs, Real, say
from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.core.types import Variables


class EarlyStopping(MonitorCallback):
    """Stop when a monitored value has stopped improving.

    Args:
        monitor: a name in the logs.
        min_delta: the least change that counts as an improvement.
        patience: how many epochs without improvement are waited for.
        verbose: 1 prints when training stops and when weights are restored.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name.
        baseline: a value that has to be beaten for the waiting to start anew.
        restore_best_weights: whether the model ends with the weights of the best
            epoch instead of the last; also when training was never stopped.
        start_from_epoch: how many epochs pass before monitoring starts.

    Attributes:
        best: the best value so far; None before the first.
        best_epoch: the index of its epoch.
        stopped_epoch: the index of the epoch after which training was stopped, else 0.
        wait: how many epochs have passed without an improvement.

    Raises:
        ArgumentError: an argument is of another kind; or, when training begins,
            ``mode="auto"`` cannot tell.

    Source: https://keras.io/api/callbacks/early_stopping/
    """

    _counters = ("wait", "stopped_epoch", "best_epoch")
    best_weights: Any

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: Real = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: Real | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, baseline, min_delta)
        self.patience = check_count("EarlyStopping: patience", patience, least=0)
        self.verbose = check_level("EarlyStopping: verbose", verbose)
        self.baseline = baseline
        self.restore_best_weights = check_flag(
            "EarlyStopping: restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = check_count(
            "EarlyStopping: start_from_epoch", start_from_epoch, least=0
        )
        self._forget()

    def _forget(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def state_dict(self) -> dict[str, Any]:
        best = jax.tree.leaves(self.best_weights)
        return super().state_dict() | {"best_weights": best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        best = state["best_weights"]
        structure = jax.tree.structure(_variables(self.model))
        self.best_weights = jax.tree.unflatten(structure, best) if best else None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.sign  # noqa: B018  (an error now, not after an epoch)
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.monitored(logs or {}, "does nothing in this epoch")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Without any improvement the first epoch is the best there is.
            self.best_weights, self.best_epoch = _variables(self.model), epoch
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = _variables(self.model)
            if self.improves(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0:
            say(self.verbose, f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            say(
                self.verbose,
                "Restoring model weights from the end of the best epoch: "
                f"{self.best_epoch + 1}.",
            )
            self.model.params, self.model.layer_state = self.best_weights


def _variables(model: Any) -> Variables:
    """Return all that a model has learned."""
    return Variables(model.params, model.layer_state)
