"""What a network gives for inputs, one batch or many, as pure functions."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Int, Layer, Params, Variables


def apply(net: Layer, variables: Variables | Params, x: Any) -> Any:
    """Return the outputs for one batch, see `predict`."""
    return protocol.run(net, *Variables.of(variables), x)[0]


def predict(
    net: Layer,
    variables: Variables | Params,
    batches: Any,
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
) -> Any:
    """Return the outputs of batches ``first`` to ``last - 1``; zeros for the others.

    Args:
        net: a layer.
        variables: its parameters, and what it remembers; the former alone where it
            remembers nothing.
        batches: inputs stacked as ``(steps, batch, ...)``, of several a tree of them.
        first: the first batch.
        last: the batch before which to stop.

    Returns:
        ``(steps, batch, *output_shape)``, of several outputs a tree of such arrays.
    """

    def outputs_of(index: Array | int) -> Any:
        x = jax.tree.map(
            lambda array: jax.lax.dynamic_index_in_dim(array, index, keepdims=False),
            batches,
        )
        return apply(net, variables, x)

    def put(index: Array, outputs: Any) -> Any:
        return jax.tree.map(
            lambda all_of_it, one: jax.lax.dynamic_update_index_in_dim(
                all_of_it, one, index, axis=0
            ),
            outputs,
            outputs_of(index),
        )

    steps = jax.tree.leaves(batches)[0].shape[0]
    zeros = jax.tree.map(
        lambda one: jnp.zeros((steps, *one.shape), one.dtype),
        jax.eval_shape(lambda: outputs_of(0)),
    )
    return jax.lax.fori_loop(first, last, put, zeros)
