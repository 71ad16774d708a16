"""What the progress bar shows."""

from collections.abc import Iterable, Sequence

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.callbacks.base import Callback, Logs, Real
from jaxnet_mini.callbacks.progress_bar import REDRAW_SECONDS, Bar
from jaxnet_mini.errors import ArgumentError, find


class ProgbarLogger(Callback):
    """Choose what the progress bar shows and how often it is redrawn.

    It draws nothing itself and does not slow the loop down: ``fit``, ``evaluate`` and
    ``predict`` draw the bar, with or without it, as ``verbose`` says.

    Args:
        metrics: the names of the logs to show, in this order; each shows that of the
            validation too. None shows all.
        seconds: the time between two redraws, above 0.

    Raises:
        ArgumentError: ``seconds`` is not above 0.
        UnknownNameError: when training or an evaluation begins, where the model has no
            loss or metric of a name.

    Source: https://keras.io/api/callbacks/
    """

    def __init__(
        self, metrics: Sequence[str] | None = None, seconds: Real = REDRAW_SECONDS
    ) -> None:
        if not is_number(seconds) or not seconds > 0:
            raise ArgumentError(
                f"ProgbarLogger: seconds must be above 0, not {seconds!r}: for silence "
                "give verbose=0."
            )
        self.metrics = metrics
        self.seconds = float(seconds)

    @staticmethod
    def among(callbacks: Iterable[Callback]) -> "ProgbarLogger":
        """Return the first of these callbacks that is one, or one that shows all."""
        found = (c for c in callbacks if isinstance(c, ProgbarLogger))
        return next(found, ProgbarLogger())

    def bar(self, label: str, steps: int | None, rows: int, verbose: int) -> Bar:
        """Return the bar of one job, see `jaxnet_mini.callbacks.progress_bar.Bar`."""
        return Bar(label, steps, rows, verbose, self.metrics, self.seconds)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._check()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._check()

    def _check(self) -> None:
        trainer = self.model.trainer
        names = *trainer.loss_names, *(m.name for m in trainer.all_metrics)
        known = dict.fromkeys(names, 0)
        for name in self.metrics or ():
            find(known, name, "metric of the progress bar")
