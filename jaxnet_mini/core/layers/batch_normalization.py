"""Batch normalization, which remembers moving means and variances."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core import initializers
from jaxnet_mini.core.fields import Above0, Checked
from jaxnet_mini.core.layers.base import along
from jaxnet_mini.core.layers.normalization import _Affine, check_axes, wide
from jaxnet_mini.core.types import Params, RandomKey, Shape, State, as_float
from jaxnet_mini.errors import ArgumentError

MOVING = "moving_mean", "moving_variance"
"""What is remembered, in Keras's order."""


def _check_axis(argument: str, value: Any) -> int:
    if isinstance(value, tuple | list):
        raise ArgumentError(
            f"{argument} must be one axis, whose entries each have a mean of their "
            f"own, not {value!r}."
        )
    axis: Any = check_axes(argument, value)
    return int(axis)


def _check_momentum(argument: str, value: Any) -> Any:
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ArgumentError(
            f"{argument} is the share of the moving mean that stays at each step, in "
            f"[0, 1], not {value!r}."
        )
    return value


@dataclass(frozen=True, repr=False)
class BatchNormalization(_Affine):
    """Bring each feature to mean 0 and variance 1 over the batch, then scale and shift.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``. In training mean and
    variance are those of the batch, over all axes but one, and the layer remembers
    ``momentum * moving + (1 - momentum) * new`` of both; the variance is that divided
    by the number of values. Else, and where ``trainable`` is False, it goes by what it
    remembers. Padding leaves no trace. All is computed in float32 at least, and over
    several devices the batch is that of all of them.

    Parameters: ``gamma`` (ones) and ``beta`` (zeros), and remembered ``moving_mean``
    (zeros) and ``moving_variance`` (ones), each ``(features,)``.

    Args:
        axis: that of the features: -1 is the last, 1 the first of an example.
        momentum: in [0, 1].
        epsilon: added to the variance, above 0.
        center: whether to add ``beta``.
        scale: whether to multiply by ``gamma``.
        beta_initializer: a Keras name or a callable ``(key, shape) -> array``.
        gamma_initializer: likewise.
        moving_mean_initializer: likewise; what it draws is the same every time.
        moving_variance_initializer: likewise.
        beta_regularizer: a penalty on ``beta`` that is added to the loss, or None.
        gamma_regularizer: likewise, on ``gamma``.
        beta_constraint: what ``beta`` is brought back to after each update, or None.
        gamma_constraint: likewise, of ``gamma``.

    Raises:
        ArgumentError: one is none of these.
        ShapeError: ``init`` for examples without such an axis, and ``update`` with
            others than those that the parameters were made for.
        LayerError: ``apply``, which is told of parameters alone.

    Source: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167

    >>> layer, x = BatchNormalization(), jnp.array([[1.0], [3.0]])
    >>> output_shape, params = layer.init(jax.random.key(0), (1,))
    >>> y, state = layer.update(params, layer.init_state((1,)), x, training=True)
    >>> jnp.round(y, 2), state["moving_mean"]
    (Array([[-1.],
           [ 1.]], dtype=float32), Array([0.02], dtype=float32))
    """

    axis: Annotated[int, Checked(_check_axis)] = -1
    momentum: Annotated[float, Checked(_check_momentum)] = 0.99
    epsilon: Above0 = 1e-3
    _: KW_ONLY
    moving_mean_initializer: initializers.Named = "zeros"
    moving_variance_initializer: initializers.Named = "ones"

    def init_state(self, input_shape: Shape) -> State:
        """Return the moving mean and variance before the first batch."""
        sizes = self.sizes(input_shape)
        return {
            name: self._initial(name, key, sizes)
            for name, key in zip(MOVING, map(jax.random.key, range(2)), strict=True)
        }

    def update(
        self,
        params: Params,
        state: State,
        x: Array,
        *,
        key: RandomKey | None = None,
        training: bool = False,
        mask: Array | None = None,
    ) -> tuple[Array, State]:
        """Return the outputs, and the moving mean and variance after this batch."""
        axes = self.fitting_axes(x, (params, state))
        x = as_float(x)
        real = wide(x)
        new, rows = state, None
        if training and self.trainable:
            if mask is not None:
                rows = mask.astype(bool).reshape(-1, *(1,) * (x.ndim - 1))
                real = jnp.where(rows, real, jnp.zeros_like(real))
            new = dict(zip(MOVING, _moments(real, axes, rows), strict=True))
            state = {name: self._moved(old, new[name]) for name, old in state.items()}
        mean, variance = (along(axes, new[n].astype(real.dtype), x) for n in MOVING)
        inverse = jax.lax.rsqrt(variance + self.epsilon)
        y = self.rescaled(params, axes, real - mean, inverse)
        return y.astype(x.dtype), state

    def _moved(self, old: Array, new: Array) -> Array:
        moved = self.momentum * old + (1.0 - self.momentum) * new.astype(old.dtype)
        return jax.lax.stop_gradient(moved)


def _moments(x: Array, kept: Shape, rows: Array | None) -> tuple[Array, Array]:
    """Return mean and variance over all axes but the kept ones.

    Args:
        x: a batch, 0 in rows that are padding.
        kept: axes.
        rows: False for these rows, ``(batch, 1, ...)``; None where there are none.
    """
    others = tuple(axis for axis in range(x.ndim) if axis not in kept)
    if rows is None:
        return jnp.mean(x, others), jnp.var(x, others)
    size = x.size // x.shape[0] // x.shape[kept[0]]
    # A batch without a row has no mean, and none of its outputs counts.
    number = jnp.maximum(jnp.sum(rows) * size, 1).astype(x.dtype)
    mean = jnp.sum(x, others) / number
    apart = jnp.where(rows, x - along(kept, mean, x), jnp.zeros_like(x))
    return mean, jnp.sum(jnp.square(apart), others) / number
