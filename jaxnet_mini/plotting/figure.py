"""What all pictures share: colours, a figure that notebooks show, classes in words.

The two colours are of Okabe and Ito's palette, and maps are cividis: both stay apart
for colour-blind people. Where a colour says something, a word says it too.

Sources: https://jfly.uni-koeln.de/color/ and Nuñez et al. 2018 (cividis).
"""

import functools
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import ArgumentError, DataError, import_extra

if TYPE_CHECKING:
    import matplotlib.figure

Names: TypeAlias = Sequence[str] | Mapping[int, str] | NDArray[Any]
"""A word for each class, by its number."""

BLUE = "#0072B2"
VERMILION = "#D55E00"


def as_classes(
    values: Any, argument: str, rows: int | None = None
) -> tuple[NDArray[np.int64], NDArray[Any] | None]:
    """Return the class of each row, and its probability where one was given.

    Args:
        values: classes ``(rows,)``, or one-hot, probabilities or logits ``(rows,
            classes)``, or probabilities ``(rows, 1)`` of the second of two classes.
        argument: what messages call it.
        rows: how many there must be.

    Raises:
        DataError: it is nothing of that.

    >>> as_classes([[0.1, 0.9], [0.75, 0.25]], "predictions")
    (array([1, 0]), array([0.9 , 0.75]))
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or array.size == 0:
        raise DataError(
            f"{argument} must be classes of shape (rows,) or probabilities of shape "
            f"(rows, classes), not {array.dtype} of shape {array.shape}."
        )
    if rows is not None and len(array) != rows:
        raise DataError(
            f"{argument} has {len(array)} rows and {rows} are needed: give one row "
            "for each."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{argument} holds NaN or infinity: no class is known there.")
    chances: NDArray[Any] | None = None
    if array.ndim == 2 and array.shape[1] > 1:
        # Logits have an arg-max too, but are no percentages.
        if array.min() >= 0.0 and np.allclose(array.sum(1), 1.0, atol=1e-2):
            chances = array.max(1)
        return array.argmax(1), chances
    flat = array.reshape(len(array))
    shares = array.ndim == 2 and array.dtype.kind == "f"
    if shares and 0.0 <= flat.min() <= flat.max() <= 1.0:
        return (flat > 0.5).astype(np.int64), np.maximum(flat, 1.0 - flat)
    if flat.min() < 0 or (flat != np.floor(flat)).any():
        raise DataError(
            f"{argument} must be whole numbers from 0 on, not in {flat.min()} to "
            f"{flat.max()}: give classes, or probabilities of shape (rows, classes)."
        )
    return flat.astype(np.int64), None


def word_for(number: Any, names: Names | None) -> str:
    """Return what a class is called, its number where nothing else is known.

    Raises:
        ArgumentError: ``names`` lacks it.
    """
    number = int(number)
    if names is None:
        return str(number)
    try:
        return str(names[number])
    except (IndexError, KeyError):
        raise ArgumentError(
            f"names has {len(names)} words and none for class {number}: give one for "
            "each class, counted from 0."
        ) from None


def percent(share: float) -> str:
    """Return a share in percent; only the whole is called 100 %."""
    return "100%" if share >= 1.0 else f"{min(share, 0.999):.1%}"


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most ``width`` characters."""
    return "\n".join(textwrap.wrap(text, width))


def new_figure(width: float, height: float) -> "matplotlib.figure.Figure":
    """Return an empty figure of this size in inches that notebooks show."""
    made_by = import_extra("matplotlib.figure", "plot")
    drawn_by = import_extra("matplotlib.backends.backend_agg", "plot")
    figure: Any = made_by.Figure(figsize=(width, height), layout="constrained")
    drawn_by.FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    # Notebooks show figures of pyplot by themselves, and this is none.
    figure._repr_png_ = functools.partial(_png, figure)
    drawable: matplotlib.figure.Figure = figure
    return drawable


def _png(figure: Any) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()
