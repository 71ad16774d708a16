"""Logs: loss and metrics by name, made of their sums."""

import numpy as np

from jaxnet_mini.callbacks import Logs
from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.training.trainer import Trainer


def with_held_out(logs: Logs, held_out: Logs) -> Logs:
    """Return the logs of training and of validation together, in order."""
    return dict(sorted((logs | {f"val_{k}": v for k, v in held_out.items()}).items()))


def sums_to_logs(trainer: Trainer, sums: Sums) -> Logs:
    """Return loss and metrics as plain floats, computed on the host in float64.

    A metric of several values, such as a precision at each of some thresholds, is a
    list.
    """
    logs = trainer.logs(sums.value())
    return {name: np.asarray(value).tolist() for name, value in logs.items()}
