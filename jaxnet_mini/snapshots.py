"""The state of training as named arrays, as it goes into files, and back.

Weights stand under their paths, such as ``dense/kernel``; all else under names that
start with a slash, which no path does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini import plain, transfers, weights
from jaxnet_mini.composition import LayerOutline
from jaxnet_mini.errors import find
from jaxnet_mini.plain import Json
from jaxnet_mini.states import TrainState
from jaxnet_mini.train import Trainer

KEY = "/key"
STEP = "/step"
OPTIMIZER = "/optimizer/"

KEYS = {"threefry2x32": 2, "rbg": 4, "unsafe_rbg": 4}
"""JAX's kinds of keys, and how many 32-bit numbers one has."""


def taken(state: TrainState) -> tuple[dict[str, Any], Json]:
    """Return the arrays of a state by name, and what else `restored` needs to know."""
    arrays = weights.by_path(state.params)
    arrays |= {KEY: jax.random.key_data(state.key), STEP: state.step}
    for name, value in weights.by_path(state.optimizer_state).items():
        arrays[f"{OPTIMIZER}{name}"] = value
    kind = str(jax.random.key_impl(state.key))
    return arrays, {"key": kind, "optimizer": state.optimizer_state is not None}


def restored(
    about: Json,
    arrays: Mapping[str, NDArray[Any]],
    outline: Iterable[LayerOutline],
    trainer: Trainer | None,
    source: str,
) -> TrainState:
    """Return the state that `taken` took apart, once it was checked as a whole.

    Args:
        about: what `taken` returned beside the arrays.
        arrays: by name.
        outline: of the layers that the weights belong to.
        trainer: whose optimizer goes on; None leaves the optimizer's state out.
        source: where the arrays come from, as a message calls it.

    Raises:
        ArgumentError, UnknownNameError, ShapeError: it is not the state of these.
    """
    plain.check_keys(about, {"key": str, "optimizer": bool}, "the state")
    numbers = find(KEYS, about["key"], "kind of key")
    outline = tuple(outline)
    params = {part.name: part.params for part in outline}
    optimizer = None
    expected = weights.shapes(outline)
    expected[KEY] = jax.ShapeDtypeStruct((numbers,), np.uint32)
    expected[STEP] = jax.ShapeDtypeStruct((), np.int32)
    if trainer is None or not about["optimizer"]:
        arrays = {n: v for n, v in arrays.items() if not n.startswith(OPTIMIZER)}
    else:
        optimizer = jax.eval_shape(trainer.optimizer.init, params)
        held = weights.by_path(optimizer)
        expected |= {f"{OPTIMIZER}{name}": leaf for name, leaf in held.items()}
    weights.check(expected, arrays, source)

    def placed(prefix: str, tree: Any) -> Any:
        names = weights.by_path(tree)
        leaves = [_placed(arrays[f"{prefix}{name}"]) for name in names]
        return jax.tree.unflatten(jax.tree.structure(tree), leaves)

    return TrainState(
        placed("", params),
        placed(OPTIMIZER, optimizer),
        jax.random.wrap_key_data(_placed(arrays[KEY]), impl=about["key"]),
        _placed(arrays[STEP]),
    )


def _placed(array: NDArray[Any]) -> Array:
    # A copy: on a CPU JAX may take an array over, with the whole file behind it.
    with transfers.meant():
        return jnp.array(array)
