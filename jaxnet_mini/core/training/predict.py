"""What a network gives for inputs, one batch or many, as pure functions."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Int, Layer, Params, Variables


def apply(net: Layer, variables: Variables | Params, x: Array) -> Array:
    """Return the outputs for one batch, see `predict`."""
    return protocol.run(net, *Variables.of(variables), x)[0]


def predict(
    net: Layer,
    variables: Variables | Params,
    batches: Array,
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
) -> Array:
    """Return the outputs of batches ``first`` to ``last - 1``; zeros for the others.

    Args:
        net: a layer.
        variables: its parameters, and what it remembers; the former alone where it
            remembers nothing.
        batches: inputs stacked as ``(steps, batch, ...)``.
        first: the first batch.
        last: the batch before which to stop.

    Returns:
        ``(steps, batch, *output_shape)``.
    """

    def outputs_of(index: Array | int) -> Array:
        x = jax.lax.dynamic_index_in_dim(batches, index, keepdims=False)
        return apply(net, variables, x)

    one = jax.eval_shape(lambda: outputs_of(0))
    outputs: Array = jax.lax.fori_loop(
        first,
        last,
        lambda index, outputs: jax.lax.dynamic_update_index_in_dim(
            outputs, outputs_of(index), index, axis=0
        ),
        jnp.zeros((batches.shape[0], *one.shape), one.dtype),
    )
    return outputs
