"""Pictures of training and of results, drawn with matplotlib when it is there.

Every function returns a ``matplotlib.figure.Figure`` that shows itself at the end of a
notebook's cell and is written to a file with ``figure.savefig("curves.png")``. Figures
are made without pyplot: no window opens and no global state is kept.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_positive
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError, find
from jaxnet_mini.figures import (
    BLUE,
    VERMILION,
    Names,
    classes_of,
    new_figure,
    percent,
    word_for,
    wrapped,
)

if TYPE_CHECKING:
    import matplotlib.figure

MOST_IMAGES = 100
MOST_CLASSES = 100


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


def show_images(
    images: Any,
    labels: Any = None,
    predictions: Any = None,
    names: Names | None = None,
    columns: int | None = None,
) -> "matplotlib.figure.Figure":
    """Draw images in a grid, with their labels and what a model takes them for.

    With both labels and predictions, wrong ones stand out: "7, not 9", in bold,
    another colour and a frame.

    Args:
        images: grey ``(rows, height, width)``, shown from the least value (black) to
            the greatest (white), or colour ``(rows, height, width, 3)``, in 0-255 as
            integers or 0-1 as floats.
        labels: classes ``(rows,)``, or one-hot ``(rows, classes)``.
        predictions: classes, or what ``predict`` returned: ``(rows, classes)``, or
            ``(rows, 1)`` for two classes. Probabilities are shown in percent.
        names: a word for each class.
        columns: images beside each other; None takes 5, or 10 for more than 25 images.

    Raises:
        ShapeError: ``images`` has another number of axes.
        DataError: values that cannot be shown, or no class for each image.
        ArgumentError: ``names`` lacks a class, ``columns`` is no positive integer, or
            more than 100 images.

    >>> figure = show_images(np.zeros((2, 8, 8)), labels=[7, 9], predictions=[7, 7])
    >>> [axes.get_title() for axes in figure.axes]
    ['7', '7, not 9']
    """
    pixels = _pixels(images)
    rows = len(pixels)
    if columns is None:
        columns = min(rows, 5 if rows <= 25 else 10)
    columns = check_positive("columns", columns)
    true = None if labels is None else classes_of(labels, "labels", rows)[0]
    taken, chances = None, None
    if predictions is not None:
        taken, chances = classes_of(predictions, "predictions", rows)
    high = math.ceil(rows / columns)
    figure = new_figure(max(1.5 * columns, 3.0), 1.85 * high)
    limits = (pixels.min(), pixels.max())
    for row, image in enumerate(pixels):
        axes = figure.add_subplot(high, columns, row + 1, xticks=[], yticks=[])
        axes.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1])
        label = None if true is None else word_for(true[row], names)
        if taken is None:
            if label is not None:
                axes.set_title(wrapped(label, 18), fontsize=9, parse_math=False)
            continue
        wrong = true is not None and true[row] != taken[row]
        title = word_for(taken[row], names)
        if wrong:
            title += f", not {label}"
        if chances is not None:
            title += f" ({percent(float(chances[row]))})"
        drawn = axes.set_title(wrapped(title, 18), fontsize=9, parse_math=False)
        if label is not None:
            drawn.set(color=VERMILION if wrong else BLUE)
        if wrong:
            drawn.set(fontweight="bold")
            axes.spines[:].set(color=VERMILION, linewidth=3)
    return figure


def _pixels(images: Any) -> NDArray[Any]:
    pixels = np.asarray(images)
    if pixels.dtype.kind not in "biuf":
        raise DataError(f"images must hold real numbers, not {pixels.dtype}.")
    if pixels.ndim == 2:
        raise ShapeError(
            f"images of shape {pixels.shape} are one image or were flattened: give "
            "images[None] for one, or reshape them to (rows, height, width)."
        )
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[-1] != 3):
        one = pixels.ndim == 4 and pixels.shape[-1] == 1
        advice = "give images[..., 0]" if one else "reshape them"
        raise ShapeError(
            "images must have the shape (rows, height, width) or (rows, height, width, "
            f"3), not {pixels.shape}: {advice}."
        )
    if pixels.size == 0:
        raise DataError(f"images is empty (shape {pixels.shape}): give at least one.")
    if len(pixels) > MOST_IMAGES:
        raise ArgumentError(
            f"{len(pixels)} images are more than one picture can show: give at most "
            f"{MOST_IMAGES}, for example images[:25]."
        )
    if not np.isfinite(pixels).all():
        raise DataError(
            "images holds NaN or infinity: put numbers there, for example with "
            "np.nan_to_num(images)."
        )
    if pixels.ndim == 4:
        greatest = 1 if pixels.dtype.kind in "bf" else 255
        if pixels.min() < 0 or pixels.max() > greatest:
            raise DataError(
                f"images in colour must be in 0-{greatest} as {pixels.dtype}, not in "
                f"{pixels.min()} to {pixels.max()}: scale them to that."
            )
    # matplotlib wants bytes or floats of a few sizes for colours.
    return pixels.astype(
        np.uint8 if pixels.dtype.kind in "iu" and pixels.ndim == 4 else np.float32
    )


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    names: Names | None = None,
) -> "matplotlib.figure.Figure":
    """Draw how often each class was taken for each: rows are true, columns predicted.

    Args:
        y_true: classes ``(rows,)``, or one-hot ``(rows, classes)``.
        y_pred: classes, or what ``predict`` returned: ``(rows, classes)``, or
            ``(rows, 1)`` for two classes.
        names: a word for each class.

    Raises:
        DataError: no classes, or not one prediction for each label.
        ArgumentError: ``names`` lacks a class, or more than 100 classes.

    >>> figure = confusion_matrix([0, 1, 1], [0, 1, 0])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '0', '1', '1']
    """
    true, _ = classes_of(y_true, "y_true")
    taken, _ = classes_of(y_pred, "y_pred", len(true))
    classes = int(max(np.max(true), np.max(taken))) + 1
    for given in (y_true, y_pred):
        if np.ndim(given) == 2:
            classes = max(classes, np.shape(given)[1])
    if names is not None:
        classes = max(classes, len(names))
    if classes > MOST_CLASSES:
        raise ArgumentError(
            f"{classes} classes are more than one picture can show, which is "
            f"{MOST_CLASSES}: leave some out."
        )
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (true, taken), 1)
    words = [word_for(i, names) for i in range(classes)]
    # In inches: a digit or letter is about 0.085 wide in this size.
    side = classes * max(0.42, 0.1 + 0.085 * len(f"{np.max(counts):,}"))
    beside = 0.085 * max(map(len, words))
    width = max(side + beside + 0.9, 3.6)
    figure = new_figure(width, max(side + 0.7 * beside + 1.1, 3.6))
    right = int(counts.trace())
    figure.suptitle(f"{right:,} of {len(true):,} right ({percent(right / len(true))})")
    axes: Any = figure.add_subplot()
    picture = axes.imshow(counts, cmap="cividis", vmin=0)
    _write_counts(axes, picture, counts)
    axes.set_yticks(range(classes), words, parse_math=False)
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    upright = all(len(word) <= 3 for word in words)
    axes.set_xticks(
        range(classes), words, parse_math=False, **({} if upright else slanted)
    )
    axes.set_ylabel("true")
    axes.set_xlabel("predicted")
    return figure


def _write_counts(axes: Any, picture: Any, counts: NDArray[np.int64]) -> None:
    """Write each count into its cell, black or white, whichever is readable there."""
    for (row, column), number in np.ndenumerate(counts):
        red, green, blue, _ = picture.to_rgba(number)
        luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        axes.text(
            column, row, f"{number:,}", ha="center", va="center", fontsize=9,
            color="black" if luminance > 0.18 else "white",
        )  # fmt: skip
