"""Activations: Keras's names, JAX's functions.

Source: https://keras.io/api/layers/activations/ and ``jax.nn``. Each takes and
returns an array of any float dtype and shape; ``softmax`` and ``log_softmax`` work
on the last axis.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.errors import ArgumentError, find

Activation: TypeAlias = Callable[[Array], Array]


def linear(x: Array) -> Array:
    """Return ``x`` unchanged."""
    return x


celu = jax.nn.celu
elu = jax.nn.elu
exponential = jnp.exp
# Keras computes the exact form, JAX by default the approximation with tanh.
gelu = functools.partial(jax.nn.gelu, approximate=False)
hard_sigmoid = jax.nn.hard_sigmoid
hard_silu = jax.nn.hard_silu
# Keras's slope is 0.2, JAX's 0.01.
leaky_relu = functools.partial(jax.nn.leaky_relu, negative_slope=0.2)
log_sigmoid = jax.nn.log_sigmoid
log_softmax = jax.nn.log_softmax
mish = jax.nn.mish
relu = jax.nn.relu
relu6 = jax.nn.relu6
selu = jax.nn.selu
sigmoid = jax.nn.sigmoid
silu = jax.nn.silu
softmax = jax.nn.softmax
softplus = jax.nn.softplus
softsign = jax.nn.soft_sign
tanh = jnp.tanh

ACTIVATIONS: dict[str, Activation] = {
    "celu": celu,
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "swish": silu,
    "tanh": tanh,
}


def get(activation: str | Activation | None) -> Activation:
    """Return the function behind a Keras name; a callable stands for itself.

    Args:
        activation: a name, a callable of one array, or None for ``linear``.

    Raises:
        UnknownNameError: no activation has this name.
        ArgumentError: neither a name nor a callable.

    >>> get("relu") is jax.nn.relu
    True
    """
    if activation is None:
        return linear
    if isinstance(activation, str):
        return find(ACTIVATIONS, activation, "activation")
    if callable(activation):
        return activation
    raise ArgumentError(
        f"activation must be a name, a callable or None, not {activation!r}: "
        'write for example activation="relu".'
    )
