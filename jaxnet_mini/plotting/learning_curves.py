"""Curves of loss and metrics over the epochs."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import ArgumentError, DataError, find
from jaxnet_mini.plotting.figure import BLUE, VERMILION, new_figure, wrapped

if TYPE_CHECKING:
    import matplotlib.figure


def curves(
    history: Any, metrics: str | Sequence[str] | None = None
) -> "matplotlib.figure.Figure":
    """Draw what was logged at each epoch: one panel a metric, training and validation.

    Values that are not finite are left out, and a learning rate has a logarithmic axis.

    Args:
        history: what ``fit`` returned, or a dictionary of names to one float an epoch.
        metrics: names without ``val_``, in the order to draw; None draws all.

    Raises:
        ArgumentError: ``history`` is neither, or nothing was logged.
        UnknownNameError: a metric that was not logged.
        DataError: a metric has not one number for each epoch.

    >>> figure = curves({"loss": [0.9, 0.5], "val_loss": [0.8, 0.7]})
    >>> [axes.get_title() for axes in figure.axes]
    ['loss']
    """
    epochs, logs = _logs(history)
    known = {name.removeprefix("val_"): name for name in logs}
    if metrics is None:
        chosen = sorted(known, key=lambda name: name != "loss")
    else:
        chosen = [metrics] if isinstance(metrics, str) else list(metrics)
        for metric in chosen:
            find(known, metric, "metric")
    if not chosen:
        raise ArgumentError("there is no metric to draw: train an epoch first.")
    columns = {1: 1, 2: 2, 4: 2}.get(len(chosen), 3)
    rows = math.ceil(len(chosen) / columns)
    figure = new_figure(max(4.6 * columns, 5.5), 3.4 * rows)
    for place, metric in enumerate(chosen, 1):
        axes = figure.add_subplot(rows, columns, place)
        _draw_metric(axes, metric, epochs, logs.get(metric), logs.get(f"val_{metric}"))
    return figure


def _logs(history: Any) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Return the epochs, from 1, and what was logged, NaN where nothing was."""
    logs = getattr(history, "history", history)
    if not isinstance(logs, Mapping):
        raise ArgumentError(
            "history must be what fit returned or a dictionary such as "
            f"{{'loss': [0.9, 0.5]}}, not {type(history).__name__}."
        )
    arrays = {}
    for name, values in logs.items():
        try:
            arrays[name] = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            arrays[name] = np.empty((0, 0))
        if arrays[name].ndim != 1:
            raise DataError(
                f"history[{name!r}] must be a list of one number an epoch, not "
                f"{values!r}."
            )
    most = max(map(len, arrays.values()), default=0)
    # Only what fit returned knows of an ``initial_epoch`` and of a
    # ``validation_freq``; a dictionary starts with the first epoch.
    indices = np.asarray(getattr(history, "epoch", range(most)), np.int64)
    places = getattr(history, "epochs_of", {})
    for name, values in arrays.items():
        if len(values) == len(indices):
            continue
        if len(places.get(name, ())) != len(values):
            raise DataError(
                f"history[{name!r}] has {len(values)} values for {len(indices)} "
                "epochs, and at which of them they were logged is not known: give what "
                "fit returned, or put float('nan') where nothing was logged."
            )
        arrays[name] = np.full(len(indices), np.nan)
        arrays[name][np.isin(indices, places[name])] = values
    return indices + 1, arrays


def _draw_metric(
    axes: Any,
    metric: str,
    epochs: NDArray[np.int64],
    training: NDArray[np.float64] | None,
    validation: NDArray[np.float64] | None,
) -> None:
    drawn: list[NDArray[np.float64]] = []
    for label, values, colour, style, marker in [
        ("training", training, BLUE, "-", "o"),
        ("validation", validation, VERMILION, "--", "s"),
    ]:
        if values is None:
            continue
        finite = np.isfinite(values)
        drawn.append(values[finite])
        # A marker at each value, unless values are many and none is missing.
        shown = marker if len(epochs) <= 15 or not finite.all() else ""
        axes.plot(
            epochs[finite], values[finite], style, color=colour, label=label,
            marker=shown, markersize=4,
        )  # fmt: skip
    axes.set_title(wrapped(metric, 46), parse_math=False)
    axes.set_xlabel("epoch")
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    together = np.concatenate(drawn)
    if not len(together):
        axes.text(0.5, 0.5, "no finite value", ha="center", transform=axes.transAxes)
        axes.set_yticks([])
    elif metric == "learning_rate" and np.min(together) > 0.0:
        axes.set_yscale("log")
    if validation is not None:
        axes.legend()
