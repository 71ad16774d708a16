"""Pictures of training and of results, drawn with matplotlib when it is there.

Every function returns a ``matplotlib.figure.Figure`` that shows itself at the end of a
notebook's cell and is written to a file with ``figure.savefig("curves.png")``. Figures
are made without pyplot: no window opens and no global state is kept.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_positive
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError
from jaxnet_mini.plotting.figure import (
    BLUE,
    VERMILION,
    Names,
    as_classes,
    new_figure,
    percent,
    word_for,
    wrapped,
)

if TYPE_CHECKING:
    import matplotlib.figure

MOST_IMAGES = 100


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
    true = None if labels is None else as_classes(labels, "labels", rows)[0]
    taken, chances = None, None
    if predictions is not None:
        taken, chances = as_classes(predictions, "predictions", rows)
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
