"""What a network gives for inputs, one batch or many, as pure functions."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnet_mini.core import precision
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.types import Int, Layer, Params, RandomKey, Variables


def apply(
    net: Layer,
    variables: Variables | Params,
    x: Any,
    key: RandomKey | None = None,
    mask: Array | None = None,
) -> Any:
    """Return the outputs for one batch, see `predict`.

    Args:
        net: this and the following as there.
        variables: likewise.
        x: a batch.
        key: of random numbers, for layers that act as in training in any case.
        mask: ``(batch,)``, 0 for padding, for the same layers.
    """
    outputs, _ = protocol.run(net, *Variables.of(variables), x, key=key, mask=mask)
    return precision.widened(outputs)


def predict(
    net: Layer,
    variables: Variables | Params,
    batches: Any,
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
    drawn: Any = None,
) -> Any:
    """Return the outputs of batches ``first`` to ``last - 1``; zeros for the others.

    Args:
        net: a layer.
        variables: its parameters, and what it remembers; the former alone where it
            remembers nothing.
        batches: inputs stacked as ``(steps, batch, ...)``, of several a tree of them.
        first: the first batch.
        last: the batch before which to stop.
        drawn: for layers that act as in training in any case: a key, of which each
            batch has another one, and how many rows there are without padding.

    Returns:
        ``(steps, batch, *output_shape)``, of several outputs a tree of such arrays.
    """

    def outputs_of(index: Array | int) -> Any:
        x = jax.tree.map(
            lambda array: jax.lax.dynamic_index_in_dim(array, index, keepdims=False),
            batches,
        )
        if drawn is None:
            return apply(net, variables, x)
        key, rows = drawn
        size = jax.tree.leaves(x)[0].shape[0]
        places = index * size + jnp.arange(size, dtype=jnp.int32)
        return apply(net, variables, x, jax.random.fold_in(key, index), places < rows)

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
