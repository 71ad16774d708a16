"""What a metric is: sums that add up over batches, and one result at the end."""

import abc
import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import jax
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_flag, check_word
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import inspection
from jaxnet_mini.core.fields import Check, check_fields
from jaxnet_mini.core.inspection import Configured
from jaxnet_mini.core.losses.functions import as_outputs
from jaxnet_mini.core.metrics.by_hand import ByHand
from jaxnet_mini.core.types import Float, as_array, as_wide, broadcast
from jaxnet_mini.core.values import Value
from jaxnet_mini.core.variables import Variable, spec_of
from jaxnet_mini.errors import ArgumentError

Totals: TypeAlias = Any
"""A pytree of sums."""

Weight: TypeAlias = Float[Array, "batch ..."]
"""How often rows count, or single outputs of them."""

MetricFunction: TypeAlias = Callable[[Array, Array], Array]


RESERVED = frozenset({"for_outputs", "totals", "zeros"})
"""What a trainer asks of a metric, and a user's attribute would hide."""


def as_batch(
    y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[Array, Array, Array]:
    """Return what was given by hand as `Metric.totals` takes it.

    Args:
        y_true: targets, ``(batch, ...)``.
        y_pred: outputs, ``(batch, ...)``.
        sample_weight: a number, ``(batch,)``, ``(batch, 1)`` or one weight per output;
            None stands for 1.
    """
    y_true, y_pred = as_wide(as_array("y_true", y_true)), as_outputs(y_pred)
    dtype = jax.dtypes.canonicalize_dtype(float)
    given = 1.0 if sample_weight is None else sample_weight
    weight = as_array("sample_weight", given).astype(dtype)
    if weight.ndim == y_pred.ndim > 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    shape = y_pred.shape[: max(1, weight.ndim)]
    return y_true, y_pred, broadcast("sample_weight", weight, shape)


class Metric(ByHand, Configured, Value, abc.ABC):
    """The base of the metrics: derive a frozen, hashable value with a ``name``.

    Logs go by the name. The functions are pure: ``totals`` makes sums from one batch,
    ``result`` turns the sums of a whole epoch into the metric.

    In Keras's form a class has ``update_state(self, y_true, y_pred,
    sample_weight=None)`` instead, which changes variables that its ``__init__`` asked
    for by `add_variable`, and ``result(self)``. Such an object is equal to itself
    alone. ``sample_weight`` is None but for weighted metrics; rows that fill up the
    last batch do not come, and the others of that batch come one by one.

    Args:
        name: in the logs; by default the class in snake case.
        dtype: None or ``"float32"``.
    """

    name: str
    short: ClassVar[str] = ""
    """Another name that Keras has for it, if any."""
    is_numbered: ClassVar[bool] = False
    """Whether Keras tells weighted ones apart from others by a number."""

    def __post_init__(self) -> None:
        """Check the fields; None and "" stand for the default name.

        Raises:
            ArgumentError: the name is no word, or a flag neither True nor False.
        """
        own: Any = self.name
        if own is None or (isinstance(own, str) and not own):
            object.__setattr__(self, "name", self.default_name)
        check_fields(self, f"{type(self).__name__}: ", _otherwise)

    @property
    def default_name(self) -> str:
        """What it is called in the logs where it is given no name."""
        ours = next(kind for kind in type(self).__mro__ if attributes.is_ours(kind))
        kind = type(self) if inspect.isabstract(ours) else ours
        return getattr(type(self), "name", "") or snake_case(kind.__name__)

    @property
    def in_words(self) -> str:
        """What a message calls it: its class, and its name if it has its own.

        >>> from jaxnet_mini.metrics import AUC
        >>> AUC().in_words, AUC(name="area").in_words
        ('AUC', "AUC 'area'")
        """
        kind = type(self).__name__
        return kind if self.name == self.default_name else f"{kind} {self.name!r}"

    def __repr__(self) -> str:
        default = getattr(type(self), "name", self.name)  # that of the field
        own = self.name != self.default_name
        return Configured.__repr__(self if own else self.renamed(default))

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "metric")
        if "update_state" in inspection.defined_in(cls):
            _in_keras_form(cls)

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        kind = type(self).__name__
        if dtype not in (None, "float32"):
            raise ArgumentError(f'{kind}: dtype must be "float32", not {dtype!r}.')
        name = self.default_name if name is None else name
        object.__setattr__(self, "name", check_word(f"{kind}: name", name))

    def __setattr__(self, name: str, value: Any) -> None:
        inspection.check_free(self, name, RESERVED)
        super().__setattr__(name, value)

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        **named: Any,
    ) -> Variable:
        """Return a new variable, for a class in Keras's form.

        Args:
            shape: a tuple of integers; () for one number.
            initializer: of its value before the first batch.
            dtype: ``"float32"`` by default. From batch to batch it is carried as a
                float, which counts to 2**24.
            named: ``name``, by default ``"variable"``.
        """
        values = self._values
        named["trainable"] = False
        spec = spec_of(values, shape, initializer, dtype, **named)
        values[spec.name] = spec.first(jax.random.key(0))
        return Variable(spec, values, type(self).__name__)

    add_weight = add_variable

    @functools.cached_property
    def _values(self) -> dict[str, Any]:  # passed over by what compares values
        return {}

    def reset_state(self) -> None:
        """Forget what was counted, for what comes next."""
        super().reset_state()
        for held in vars(self).values():
            if isinstance(held, Variable):
                held.assign(held.spec.first(jax.random.key(0)))
            elif isinstance(held, ByHand):
                held.reset_state()

    def _counted(self, *batch: Any, **named: Any) -> Any:
        return self.totals(*as_batch(*batch, **named))

    @abc.abstractmethod
    def zeros(self) -> Totals:
        """Return the sums of no batch, see `zeros`."""

    @abc.abstractmethod
    def totals(self, y_true: Array, y_pred: Array, weight: Weight) -> Totals:
        """Return the sums of one batch; rows count as often as ``weight`` says.

        What batches return is added up, whatever it is: a largest value, say, is no sum
        and cannot be a metric.
        In training it is ``(batch,)``; a call by hand may weigh single outputs.
        """

    @abc.abstractmethod
    def result(self, totals: Totals) -> Any:
        """Return the metric from the sums of all batches, JAX or NumPy arrays.

        A scalar, or for some metrics an array of one axis.
        """

    def for_outputs(self, outputs: int) -> "Metric":
        """Return the metric for a network of so many outputs; mostly itself."""
        return self

    def renamed(self, name: str) -> "Metric":
        """Return the same metric by another name."""
        other = copy.copy(self)
        object.__setattr__(other, "name", name)
        return other

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count one more batch, and return the metric of all that was counted.

        So does Keras. In a program that JAX compiles nothing is kept, and it is the
        metric of this batch alone.

        Args:
            y_true: targets, ``(batch, ...)``.
            y_pred: outputs, ``(batch, ...)``.
            sample_weight: one weight per example or per output, or None for ones.
        """
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._called(y_true, y_pred, **weights)


def _otherwise(field: dataclasses.Field[Any]) -> Check | None:
    """Return how a field is checked that declares nothing."""
    if field.name == "name":
        return check_word
    return check_flag if field.type is bool else None


def _in_keras_form(kind: Any) -> None:
    """Let a user's class be compared by identity, and need no sums of its own."""
    kind.__eq__, kind.__hash__ = object.__eq__, object.__hash__
    if kind.zeros is Metric.zeros:  # derived from no metric with sums
        kind.zeros = kind.totals = _no_sums


def _no_sums(*_: Any) -> tuple[()]:
    """Return no sums: all that is counted stands in variables."""
    return ()
