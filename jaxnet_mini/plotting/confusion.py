"""The confusion matrix, as a picture."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.plotting.figure import Names, as_classes, new_figure, percent, word_for

if TYPE_CHECKING:
    import matplotlib.figure


MOST_CLASSES = 100


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
    true, _ = as_classes(y_true, "y_true")
    taken, _ = as_classes(y_pred, "y_pred", len(true))
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
