"""What the callbacks share that watch one value in the logs."""

import re
import warnings
from typing import Any

import numpy as np

from jaxnet_mini.base.arguments import check_number, check_word, is_number
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.callbacks.base import Callback, Logs, Real
from jaxnet_mini.errors import ArgumentError, find

# The last of these words in a name says which way is up: an accuracy's loss is a loss.
_LARGER_IS_BETTER = re.compile(
    "acc|accuracy|auc|precision|recall|sensitivity|specificity|f1|fbeta|r2|similarity"
    "|true"
)
_SMALLER_IS_BETTER = re.compile(
    "loss|error|crossentropy|divergence|poisson|hinge|huber|cosh|logcosh|mse|mae|mape"
    "|msle|rmse|bce|false"
)


class MonitorCallback(Callback):
    """The base of callbacks that watch whether a value in the logs gets better.

    Args:
        monitor: a name in the logs.
        mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name and, where
            that says nothing, by the class or function behind the model's metric.
        baseline: the value to beat at first.
        min_delta: the least change that counts as an improvement.

    Attributes:
        best: the best value so far; None before the first.

    Raises:
        UnknownNameError: another ``mode``.
        ArgumentError: ``monitor`` is no string, or one of the others no number.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: Real | None = None,
        min_delta: Real = 0,
    ) -> None:
        kind = type(self).__name__
        self.monitor = check_word(f"{kind}: monitor", monitor)
        self.mode = mode
        check_reference(f"{kind}: baseline", baseline)
        self.best: Real | None = baseline
        check_number(f"{kind}: min_delta", min_delta)
        self.min_delta = abs(min_delta)
        signs = {"min": -1, "max": 1, "auto": _sign_of(monitor)}
        self._sign = find(signs, mode, "mode")

    @property
    def sign(self) -> int:
        """1 where larger values are better, -1 where smaller ones are.

        Raises:
            ArgumentError: ``mode="auto"`` cannot tell.
        """
        if not self._sign:
            trainer = getattr(self.model, "trainer", None)
            for metric in getattr(trainer, "all_metrics", ()):
                if metric.name == self.monitor.removeprefix("val_"):
                    kind = getattr(metric, "fn", type(metric))
                    self._sign = _sign_of(getattr(kind, "__name__", ""))
        if not self._sign:
            raise ArgumentError(
                f"{type(self).__name__}: mode='auto' does not know whether a larger or "
                f"a smaller {self.monitor!r} is better: give mode='min' or mode='max'."
            )
        return self._sign

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.best = None if state["best"] is None else float(state["best"])

    def improves(self, value: Real, reference: Real | None) -> bool:
        """Tell whether ``value`` is better than ``reference``, which may be None."""
        if reference is None:
            return True
        return self.sign * value - self.min_delta > self.sign * reference

    def monitored(self, logs: Logs, consequence: str) -> Real | None:
        """Return the monitored value, or None after a warning where there is none."""
        value: Real | None = logs.get(self.monitor)
        if value is None:
            found = f"is not in the logs ({', '.join(logs)})"
            advice = "give fit validation_data for names with val_, or "
        elif np.ndim(value):
            found, advice = f"is not one number but {value}", ""
        else:
            return value
        warnings.warn(
            f"{type(self).__name__} monitors {self.monitor!r}, which {found}, and "
            f"{consequence}: {advice}monitor another name.",
            stacklevel=3,
        )
        return None


def check_reference(argument: str, value: Any) -> None:
    """Check a value to beat; it may be infinite.

    Raises:
        ArgumentError: neither a number nor None.
    """
    if value is not None and (not is_number(value) or value != value):
        raise ArgumentError(f"{argument} must be a number or None, not {value!r}.")


def _sign_of(name: str) -> int:
    """Return 1 or -1 by the last word that says which way is better, else 0."""
    words = snake_case(name).replace("f_beta", "fbeta").split("_")
    for word in reversed(words):
        if _LARGER_IS_BETTER.fullmatch(word):
            return 1
        if _SMALLER_IS_BETTER.fullmatch(word):
            return -1
    return 0
