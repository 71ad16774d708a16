"""Losses, as frozen values and as functions.

Source: https://keras.io/api/losses/. A loss maps ``y_true`` and ``y_pred``, both with a
leading batch axis, to one number per example; calling it returns the mean over the
batch, as in Keras. The functions of the same names in snake case are the per-example
values alone.
"""

# What is listed below is at home in one of these; each name stands here once.
# ruff: noqa: F403, F405

from typing import Any

from jaxnet_mini.base.arguments import is_function
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core.losses.base import *
from jaxnet_mini.core.losses.classes import *
from jaxnet_mini.core.losses.functions import *
from jaxnet_mini.errors import ArgumentError, find

__all__ = ["EPSILON", "LOSSES", "FunctionLoss", "Loss", "LossFunction", "get"]
__all__ += ["BinaryCrossentropy", "CategoricalCrossentropy", "CategoricalHinge"]
__all__ += ["CosineSimilarity", "Hinge", "Huber", "KLDivergence", "LogCosh", "Poisson"]
__all__ += ["MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError"]
__all__ += ["MeanSquaredLogarithmicError", "SparseCategoricalCrossentropy"]
__all__ += ["SquaredHinge"]
__all__ += ["binary_crossentropy", "categorical_crossentropy", "categorical_hinge"]
__all__ += ["cosine_similarity", "hinge", "huber", "kl_divergence", "log_cosh"]
__all__ += ["mean_absolute_error", "mean_absolute_percentage_error"]
__all__ += ["mean_squared_error", "mean_squared_logarithmic_error", "poisson"]
__all__ += ["sparse_categorical_crossentropy", "squared_hinge"]

_CLASSES: tuple[Any, ...] = tuple(
    kind
    for kind in map(globals().get, __all__)
    if isinstance(kind, type) and hasattr(kind, "function")
)
"""What is listed above and is of a function of this library."""

LOSSES: dict[str, type[Loss]] = {kind.function.__name__: kind for kind in _CLASSES}
LOSSES |= {kind.short: kind for kind in _CLASSES if kind.short}
"""Keras's names; those of classes, and capitals, stand for the same."""


def name_of(loss: Loss) -> str:
    """Return what a loss is called: by its user, or as its function or its class.

    >>> name_of(get("mse")), name_of(Huber(name="rest"))
    ('mean_squared_error', 'rest')
    """
    function = getattr(loss, "function", type(loss))
    return loss.name or snake_case(getattr(function, "__name__", "loss"))


def acts_by_row(loss: Loss) -> bool:
    """Return whether the loss of an example is known to depend on it alone.

    Of a user's own function or class nothing is known.
    """
    return type(loss) in _CLASSES


def is_mean(loss: Loss, weighted: bool) -> bool:
    """Return whether the loss of a batch is the mean of what its examples add.

    If not, the loss of many examples depends on how they are cut into batches.

    Args:
        loss: which.
        weighted: whether the examples have weights.
    """
    kind = REDUCTIONS[loss.reduction or "none"]
    return kind == "mean" or (kind == "weighted" and not weighted)


def get(loss: str | Loss | type[Loss] | LossFunction) -> Loss:
    """Return the loss behind a Keras name, a class, one of our functions or a callable.

    Raises:
        UnknownNameError: no loss has this name.
        ArgumentError: none of these.

    >>> get("mse")
    MeanSquaredError()
    >>> get(sparse_categorical_crossentropy) == get("sparse_categorical_crossentropy")
    True
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        return find(LOSSES, snake_case(loss), "loss", loss)()
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if is_function(loss) and not isinstance(loss, type):
        # Our own functions are recognised, so that their targets are checked too.
        ours: list[Loss] = [kind() for kind in _CLASSES if loss is kind.function]
        return ours[0] if ours else FunctionLoss(loss)
    raise ArgumentError(
        f"loss must be a name, a loss or a callable, not {loss!r}: "
        'write for example loss="sparse_categorical_crossentropy".'
    )
