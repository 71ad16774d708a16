"""Whether rows that fill up a batch leave a trace in what is made of the others."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.networks import activity, protocol
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.core.types import Variables
from jaxnet_mini.devices import transfers

FILLS = (0.0, 1.0, 100.0)
"""What padding is tried with."""

RTOL, ATOL = 1e-4, 1e-7
"""By how much results of real rows may differ, as rounding may let them."""


def counts(net: Any, variables: Any, x: Any, training: bool = False) -> bool:
    """Tell whether it matters by which rows a batch is filled up.

    Of layers of this library it is known that it does not: each output depends on its
    own example alone, or they look at the mask. Of functions and layers of a user's
    that may be otherwise, as in ``x - mean(x, axis=0)``, or where they remember what
    they have seen. Then it is tried, with the shapes of a batch and numbers at random:
    whether outputs of real rows, what layers remember and what they add to the loss
    stay the same.

    Args:
        net: a network.
        variables: its parameters and what it remembers, or the former alone.
        x: a batch, or the shapes and dtypes of one, of several inputs a tree.
        training: whether layers act as in training.
    """
    if protocol.acts_by_row(net):
        return False
    leaves, structure = jax.tree.flatten((Variables.of(variables), x))
    shapes = tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves)
    return _tried(net, structure, shapes, training)


def parts(
    net: Any, variables: Any, batches: tuple[Data, int, int]
) -> list[tuple[Data, int, int]]:
    """Return batches to run through forward, in two parts where padding would count.

    Args:
        net: a network; None where padding must not come in any case.
        variables: see `counts`.
        batches: a stack on the device, see `jaxnet_mini.data.stacks`, the first batch
            to run, and the one before which to stop.

    Returns:
        The same, or those batches that are full, and the rows of the last one as a
        batch of its own.
    """
    stack, first, last = batches
    if net is not None and protocol.acts_by_row(net):
        return [batches]
    with transfers.meant():
        shapes = jax.tree.map(_of_batch, stack.x)
        batch = jax.tree.leaves(shapes)[0].shape[0]
        whole, rest = divmod(int(transfers.to_host(stack.rows)), batch)
        if not rest or last <= whole:
            return [batches]
        if net is not None and not counts(net, variables, shapes):
            return [batches]
        end = _end(stack, whole, rest), 0, 1
        return [(stack, first, whole), end] if first < whole else [end]


def _of_batch(stack: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(stack.shape[1:], stack.dtype)


def _end(stack: Data, place: int, rows: int) -> Data:
    """Return the first rows of a batch of a stack, as a stack of its own."""

    def cut(array: Any) -> Any:
        return array[place : place + 1, :rows]

    x, y, weight = jax.tree.map(cut, (stack.x, stack.y, stack.weight))
    return Data(x, y, weight, np.int32(rows))


@functools.lru_cache(maxsize=64)
def _tried(net: Any, structure: Any, shapes: tuple[Any, ...], training: bool) -> bool:
    rng = np.random.default_rng(0)
    variables, x = jax.tree.unflatten(structure, shapes)
    rows = jax.tree.leaves(x)[0].shape[0]
    if rows < 2:
        return False
    real = rows // 2
    drawing = training or protocol.always_training(net)

    @jax.jit
    def made(variables: Any, x: Any, mask: Any) -> Any:
        outputs, *others = activity.run(
            net,
            variables.params,
            variables.state,
            x,
            key=jax.random.key(0) if drawing else None,
            training=training,
            mask=mask,
        )
        return jax.tree.map(lambda leaf: leaf[:real], outputs), others

    def batch(fill: float) -> Any:
        return jax.tree.map(lambda leaf: _rows(leaf, real, fill), x)

    with transfers.meant():
        own = jax.tree.map(functools.partial(_numbers, rng), variables)
        mask = (np.arange(rows) < real).astype(np.float32)
        found = [jax.device_get(made(own, batch(fill), mask)) for fill in FILLS]
        if not all(_same(found[0], other) for other in found[1:]):
            return True
        *_, others = found[0]
        if not any(map(np.any, jax.tree.leaves(others))):
            return False
        # What is remembered and added may be of no row alone, as a deviation.
        without = jax.tree.map(lambda leaf: leaf[:real], batch(0.0))
        return not _same(others, jax.device_get(made(own, without, None))[1])


def _rows(leaf: Any, real: int, fill: float) -> NDArray[Any]:
    """Return rows that differ, and behind them some of one number."""
    numbers = np.arange(leaf.shape[0]).reshape(-1, *[1] * (len(leaf.shape) - 1))
    rows = 0.1 + 0.9 * numbers / real
    features = np.linspace(0.5, 1.0, max(1, int(np.prod(leaf.shape[1:]))))
    values = rows * features.reshape(1, *leaf.shape[1:])
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        values = np.round(values)
    return np.where(numbers < real, values, fill).astype(leaf.dtype)


def _numbers(rng: np.random.Generator, leaf: Any) -> Any:
    """Return numbers above zero, as wide as layers begin with."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), leaf.shape)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return np.zeros(leaf.shape, leaf.dtype)
    width = leaf.shape[-2] if len(leaf.shape) > 1 else 1
    return (rng.uniform(0.1, 1.0, leaf.shape) / width).astype(leaf.dtype)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two trees of arrays agree but for rounding."""

    def alike(one: Any, other: Any) -> bool:
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        return bool(np.all(np.isclose(one, other, RTOL, ATOL, equal_nan=True)))

    return all(map(alike, jax.tree.leaves(one), jax.tree.leaves(other)))
