"""How far training is."""

from typing import NamedTuple

from jaxnet_mini.core.training.sums import Sums
from jaxnet_mini.core.types import Logs


class Point(NamedTuple):
    """How far a call of ``fit`` is.

    Args:
        epoch: the index of the epoch.
        step: how many of its steps are done; 0 stands before ``on_epoch_begin``.
        sums: of these steps; None where there are none.
        logs: of the last whole epoch.
        stopped: whether training is to end here.
    """

    epoch: int
    step: int = 0
    sums: Sums | None = None
    logs: Logs = {}  # noqa: RUF012  (never changed)
    stopped: bool = False
