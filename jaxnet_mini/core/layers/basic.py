"""The layers that most networks are made of."""

import dataclasses

from jax import Array

from jaxnet_mini.base.arguments import check_number
from jaxnet_mini.core import activations
from jaxnet_mini.core.layers.base import Base, check_shape
from jaxnet_mini.core.types import Params, Shape, as_float


@dataclasses.dataclass(frozen=True, repr=False)
class Input(Base):
    """The shape of one example; passes its input on.

    >>> import jax
    >>> Input((28, 28)).init(jax.random.key(0), (28, 28))
    ((28, 28), {})
    """

    shape: Shape

    def __post_init__(self, input_dim: int | None) -> None:
        shape = check_shape(self.shape, "shape")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "input_shape", shape)
        super().__post_init__(input_dim)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Input({self.shape}{name})"


@dataclasses.dataclass(frozen=True, repr=False)
class Activation(Base):
    """Apply a function to each element, or to the last axis for ``softmax``.

    >>> import jax.numpy as jnp
    >>> Activation("relu").apply({}, jnp.array([[-1.0, 2.0]]))
    Array([[0., 2.]], dtype=float32)
    """

    activation: str | activations.Activation | None

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        activations.get(self.activation)

    def forward(self, params: Params, x: Array) -> Array:
        return activations.get(self.activation)(as_float(x))


@dataclasses.dataclass(frozen=True, repr=False)
class Rescaling(Base):
    """``x * scale + offset``, in floats; images may so stay ``uint8`` until here.

    >>> import jax.numpy as jnp
    >>> Rescaling(1 / 255).apply({}, jnp.array([[0, 255]], jnp.uint8))
    Array([[0., 1.]], dtype=float32)
    """

    scale: float
    offset: float = 0.0

    def __post_init__(self, input_dim: int | None) -> None:
        super().__post_init__(input_dim)
        for argument in ("scale", "offset"):
            check_number(argument, getattr(self, argument))

    def forward(self, params: Params, x: Array) -> Array:
        return as_float(x) * self.scale + self.offset


@dataclasses.dataclass(frozen=True, repr=False)
class Identity(Base):
    """Pass the inputs on, to keep a place in a network.

    Source: https://keras.io/api/layers/core_layers/identity/
    """
