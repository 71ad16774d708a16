"""What all layers share: shapes that are checked, names, fields that are parameters."""

import dataclasses
import re
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_positive
from jaxnet_mini.base.policies import check_policy
from jaxnet_mini.base.text import as_call
from jaxnet_mini.core import initializers
from jaxnet_mini.core.fields import Checked, Flag, Newer, WithConfig, check_fields
from jaxnet_mini.core.layers import called
from jaxnet_mini.core.layers.by_itself import ByItself
from jaxnet_mini.core.layers.penalties import constrained, total_penalty
from jaxnet_mini.core.types import Params, RandomKey, Shape, check_shape
from jaxnet_mini.core.values import Value, refuse_fields
from jaxnet_mini.errors import ArgumentError, LayerError, ShapeError


def _check_shape(argument: str, value: Any) -> Shape:
    return check_shape(value, argument)


def check_features(layer: Any, input_shape: Shape) -> int:
    """Return the length of the last axis of the inputs.

    Raises:
        ShapeError: they have none.
    """
    if not input_shape:
        raise ShapeError(
            f"{layer!r} needs inputs with at least one axis of features and got "
            "scalars: reshape x to (rows, 1)."
        )
    return input_shape[-1]


def remembers(layer: Any) -> LayerError:
    """Return the error of who calls ``apply`` of a layer that is to be updated."""
    return LayerError(
        f"{layer!r} remembers more than its parameters, and apply is given these "
        "alone: make state = net.init_state(input_shape) once, and call "
        "y, state = net.update(params, state, x)."
    )


def along(axes: Shape, values: Array, x: Array) -> Array:
    """Return values of some axes of a batch with as many axes as it has."""
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    return jnp.expand_dims(values, others)


def check_name(argument: str, value: Any) -> str:
    """Return a name by which parameters go.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[^/\s]+", value):
        raise ArgumentError(
            f"{argument} must be a word without '/' or spaces, not {value!r}."
        )
    return value


@dataclasses.dataclass(frozen=True, repr=False)
class Base(ByItself, WithConfig, Value):
    """What all layers here share: a declared input shape, a name, a short ``repr``.

    On its own it passes its input on and has no parameters. A layer of a user's own is
    a frozen dataclass that derives from it and overrides ``forward``, or ``apply`` if
    it draws random numbers, and ``init`` if it has parameters or changes the shape. One
    that remembers more than its parameters has ``init_state`` and ``update`` instead of
    these two, see `jaxnet_mini.core.types.Layer`.

    Args:
        input_shape: the shape of one example, without the batch axis; inputs of others
            are then refused. None for any.
        input_dim: short for an ``input_shape`` of one axis.
        name: a word without ``/``, by which the layer's parameters and messages go; in
            a network by default the class in snake case.
        trainable: whether training changes its parameters. False freezes them: they
            get no gradient, no state of the optimizer, no decay and no penalty.
        dtype: in what it computes within a network: ``"float32"``,
            ``"mixed_bfloat16"``, which casts parameters and inputs to bfloat16 and
            keeps the former in float32; None for what the network around it does.
            With ``jax_enable_x64`` parameters are kept in float64, whatever it says.

    Raises:
        ArgumentError: one is none of these, or both shapes are given.

    >>> @dataclasses.dataclass(frozen=True, repr=False)
    ... class Scaled(Base):
    ...     factor: float
    ...     def forward(self, params, x):
    ...         return self.factor * x
    >>> Scaled(3.0).apply({}, jnp.array([[1.0, 2.0]]))
    Array([[3., 6.]], dtype=float32)
    """

    _what = "layer"

    _: dataclasses.KW_ONLY
    input_shape: Annotated[Shape | None, Checked(_check_shape)] = None
    input_dim: dataclasses.InitVar[int | None] = None
    name: Annotated[str, Checked(check_name)] | None = None
    trainable: Newer[Flag] = True
    dtype: Newer[Annotated[str, Checked(check_policy)] | None] = None

    _casts: ClassVar[str] = "inputs"
    """What is cast by `dtype`: ``"inputs"`` and parameters; ``"outputs"`` of what must
    see them as they are; ``"inner"`` of networks, each of whose layers is asked."""

    _takes_several: ClassVar[bool] = False
    """Whether several inputs, in a tuple or a dictionary, may come to it."""

    def __post_init__(self, input_dim: int | None) -> None:
        if input_dim is not None:
            if self.input_shape is not None:
                raise ArgumentError("give input_shape or input_dim, not both.")
            length = check_positive("input_dim", input_dim)
            object.__setattr__(self, "input_shape", (length,))
        check_fields(self)
        if "__dataclass_fields__" in vars(type(self)):  # which makes it frozen
            type(self).__setattr__ = refuse_fields  # type: ignore[method-assign, assignment]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = vars(cls).keys()
        if "call" in own and not own & {"apply", "forward", "update"}:
            called.install(cls)

    def __repr__(self) -> str:
        return as_call(self)

    @property
    def _policy(self) -> str | None:
        return self.dtype

    def check(self, input_shape: Any) -> None:
        """Raise a ShapeError where ``input_shape`` is not what was declared."""
        if any(isinstance(size, jax.core.Tracer) for size in input_shape):
            raise ShapeError(
                "input_shape is an argument of a traced function, in which its numbers "
                "are not known: keep it out of the arguments, as in "
                "jax.eval_shape(lambda key: net.init(key, (28, 28)), key)."
            )
        self.check_number(input_shape)
        if self.input_shape is not None and self.input_shape != tuple(input_shape):
            raise ShapeError(
                f"{self!r} expects inputs of shape {self.input_shape} and got "
                f"{tuple(input_shape)}: change its input_shape or reshape the inputs."
            )

    def check_number(self, input_shape: Any) -> None:
        """Raise a ShapeError for shapes of several inputs, where one is taken."""
        several = any(isinstance(size, tuple | list | str) for size in input_shape)
        if several and not self._takes_several and attributes.is_ours(type(self)):
            raise ShapeError(
                f"{self!r} takes one input and got {len(input_shape)}: join them, as "
                "layers.Concatenate()([a, b]) does, or call it with each."
            )

    def init(self, key: RandomKey, input_shape: Any) -> tuple[Shape, Params]:
        """Return the output shape and the parameters."""
        self.check(input_shape)
        return self._output_shape(tuple(input_shape)), {}

    def _output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of an output of a layer that has no parameters."""
        shape: Shape = input_shape
        return shape

    def apply(
        self,
        params: Params,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Array:
        """Return the outputs for a batch.

        Raises:
            LayerError: the layer has a state, and is called by ``update``.
        """
        if getattr(self, "has_state", hasattr(self, "update")):
            raise remembers(self)
        return self.forward(params, x)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the outputs, within a ``call`` that a class derived from this has.

        There the parameters are attributes, and ``super().call(x)`` is this.

        Args:
            x: a batch.
            training: whether to act as in training; None for what the model does.

        Raises:
            LayerError: it is called elsewhere.

        >>> from jaxnet_mini.layers import Dropout
        >>> class MCDropout(Dropout):
        ...     __module__ = "script"  # as in one of a user's own
        ...
        ...     def call(self, x):
        ...         return super().call(x, training=True)
        >>> y = MCDropout(0.5).apply({}, jnp.ones((1, 64)), key=jax.random.key(0))
        >>> sorted(set(y.tolist()[0]))
        [0.0, 2.0]
        """
        return called.base(self, x, training)

    def forward(self, params: Params, x: Any) -> Array:
        """Return the outputs of a layer that draws no random numbers."""
        y: Array = x
        return y

    def penalty(self, params: Params) -> Array | float:
        """Return what regularizers add to the loss of a batch; 0.0 where none does."""
        return total_penalty(params, self._of_parameters("_regularizer"))

    def constrain(self, params: Params) -> Params:
        """Return what constraints make of the parameters after an update."""
        return constrained(params, self._of_parameters("_constraint"))

    def _initial(self, name: str, key: RandomKey, shape: Shape) -> Array:
        """Return a parameter as its initializer, the field of its name, makes it."""
        initializer = getattr(self, f"{name}_initializer")
        return initializers.drawn(
            f"{self!r}: {name}_initializer", initializer, key, shape
        )

    def _of_parameters(self, end: str) -> dict[str, Any]:
        """Return the fields whose names end so, by the rest: names of parameters."""
        names = [field.name for field in dataclasses.fields(self)]
        return {n.removesuffix(end): getattr(self, n) for n in names if n.endswith(end)}
