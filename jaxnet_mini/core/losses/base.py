"""What a loss is: a frozen value that says what targets it takes and how it reduces.

Source: https://keras.io/api/losses/.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import can_call, is_function, parameters
from jaxnet_mini.core import activations, inspection
from jaxnet_mini.core.fields import Word, one_of
from jaxnet_mini.core.inspection import Configured
from jaxnet_mini.core.precision import widened
from jaxnet_mini.core.types import as_array, as_wide, broadcast
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError, ShapeError, short

Targets: TypeAlias = Literal["classes", "probabilities", "values", "anything"]
LossFunction: TypeAlias = Callable[[Array, Array], Array]

REDUCTIONS = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "mean_with_sample_weight": "weighted",
    "sum": "sum",
    "none": None,
}
Reduction: TypeAlias = Annotated[str, one_of("reduction", REDUCTIONS)] | None


@dataclasses.dataclass(frozen=True, repr=False)
class Loss(Configured, Value, abc.ABC):
    """The base of the losses: a frozen, hashable value.

    ``targets`` tells what ``y_true`` holds: ``"classes"`` (integers, no axis of
    outputs), ``"probabilities"`` in [0, 1] or ``"values"`` of the shape of the outputs,
    or ``"anything"`` for a user's own function.

    A class of a user's own derives from it and has ``per_example``, or in Keras's form
    ``call(self, y_true, y_pred)``, which is the same: it returns one value an example,
    and what it takes besides is set by its ``__init__``, which calls this one's.

    Args:
        reduction: what becomes of one value per example. ``"sum_over_batch_size"``,
            the default, or ``"mean"``: the sum divided by the number of examples;
            ``"mean_with_sample_weight"``: divided by the sum of the weights;
            ``"sum"``: the sum; None or ``"none"``: nothing, for calls by hand only.
        name: what the loss is called; nothing depends on it.
    """

    targets: ClassVar[Targets] = "values"
    given_to_all = "name", "reduction"
    short: ClassVar[str] = ""
    """Another name that Keras has for it, if any."""

    _: dataclasses.KW_ONLY
    reduction: Reduction = "sum_over_batch_size"
    name: Word | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = inspection.defined_in(cls)
        if "call" in vars(cls) and "per_example" not in own:  # a class in Keras's form
            setattr(cls, "per_example", _call)  # noqa: B010
            if "targets" not in own:
                cls.targets = "anything"
        attributes.check_methods(cls, "loss")

    @abc.abstractmethod
    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        """Return one value per example, ``(batch, ...)``."""

    def on_logits(self, activation: activations.Activation) -> "Loss | None":
        """Return the loss that takes the inputs of ``activation`` instead.

        None where there is no better way than through the activation itself.
        """
        return None

    def reduction_factor(self, rows: Array | int, weight: Array | None) -> Any:
        """Return by what ``reduction`` multiplies the mean.

        Args:
            rows: the number of values that count.
            weight: the weights, by which the values are multiplied already, or None
                for ones.
        """
        kind = REDUCTIONS[self.reduction or "none"]
        if kind == "sum":
            return rows
        if kind == "weighted" and weight is not None:
            weights = jnp.sum(weight)
            # Without any weight the mean is 0 too.
            return rows / jnp.where(weights == 0.0, 1.0, weights)
        return 1.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Array:
        """Return the reduced loss of a batch; by default the mean over all values.

        Args:
            y_true: targets.
            y_pred: outputs; those of 16 bits are taken as float32.
            sample_weight: a number, or an array of weights that multiply the values:
                one per example or one per value.
        """
        outputs = widened(as_array("y_pred", y_pred))
        given = as_wide(as_array("y_true", y_true)), outputs
        values = jnp.asarray(self.per_example(*given))
        weight = None
        if sample_weight is not None:
            weight = as_array("sample_weight", sample_weight).astype(values.dtype)
            if weight.shape == (*values.shape, 1):
                weight = weight[..., 0]
            spread = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
            values = values * broadcast("sample_weight", spread, values.shape)
        if self.reduction in (None, "none"):
            return values
        mean: Array = jnp.mean(values) * self.reduction_factor(values.size, weight)
        return mean


def _call(loss: Any, y_true: Array, y_pred: Array) -> Array:
    values: Array = loss.call(y_true, y_pred)
    return values


class OfFunction:
    """What is computed by a function of targets, outputs and options of its own.

    A loss or a metric without options is no dataclass: it inherits all of one.
    """

    function: Callable[..., Array]
    options: ClassVar[tuple[str, ...]] = ()
    """The names of its own arguments that the function takes, in this order."""

    def per_example(self, y_true: Array, y_pred: Array) -> Array:
        """Return what the function does, one value per example."""
        options = (getattr(self, name) for name in self.options)
        return self.function(y_true, y_pred, *options)


def check_function(argument: str, value: Any) -> Any:
    """Return a user's function.

    Raises:
        ArgumentError: it is none.
    """
    if not is_function(value):
        raise ArgumentError(
            f"{argument} must be a function of (y_true, y_pred), not {value!r}."
        )
    if not can_call(value, None, None):
        raise ArgumentError(
            f"{argument} must be a function of (y_true, y_pred), and {value!r} takes "
            f"({', '.join(parameters(value))}): give it these two arguments."
        )
    return value


def check_per_example(what: str, values: Any, rows: int) -> Array:
    """Return what a loss or a metric gives for a batch.

    Args:
        what: what messages call it.
        values: ``(batch, ...)``.
        rows: how many there are.

    Raises:
        ShapeError: it is not one value, or one array, for each row.
    """
    try:
        found: Array | None = jnp.asarray(values)
    except (TypeError, ValueError):  # None, or words
        found = None
    if found is None or found.shape[:1] != (rows,):
        came = short(values) if found is None else f"shape {found.shape}"
        raise ShapeError(
            f"{what} returned {came} for a batch of {rows}: return one value per "
            "example, without a mean over the batch."
        )
    return found
