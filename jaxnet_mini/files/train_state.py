"""The state of training as named arrays, as it goes into files, and back.

Weights stand under their paths, such as ``dense/kernel``; all else under names that
start with a slash, which no path does.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import is_key, without_key
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import find

KEY = "/key"
STEP = "/step"
OPTIMIZER = "/optimizer/"

KEYS = {"threefry2x32": 2, "rbg": 4, "unsafe_rbg": 4}
"""JAX's kinds of keys, and how many 32-bit numbers one has."""


def taken(state: TrainState) -> tuple[dict[str, Any], Json]:
    """Return the arrays of a state by name, and what else `restored` needs to know."""
    arrays = weights.of(state.variables)
    arrays |= {KEY: jax.random.key_data(state.key), STEP: state.step}
    for name, value in by_path(state.optimizer_state).items():
        arrays[f"{OPTIMIZER}{name}"] = without_key(value)
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
    plain_json.check_keys(about, {"key": str, "optimizer": bool}, "the state")
    numbers = find(KEYS, about["key"], "kind of key")
    outline = tuple(outline)
    variables, optimizer = outlines.variables(outline), None
    expected = weights.shapes(outline)
    expected[KEY] = jax.ShapeDtypeStruct((numbers,), np.uint32)
    expected[STEP] = jax.ShapeDtypeStruct((), np.int32)
    if trainer is None or not about["optimizer"]:
        arrays = {n: v for n, v in arrays.items() if not n.startswith(OPTIMIZER)}
    else:
        trained = trainer.trained(variables.params)
        optimizer = jax.eval_shape(trainer.optimizer.init, trained)
        for name, leaf in by_path(optimizer).items():
            expected[f"{OPTIMIZER}{name}"] = jax.eval_shape(without_key, leaf)
    weights.check(expected, arrays, source)

    def placed(prefix: str, tree: Any) -> Any:
        names = by_path(tree)  # with what shows shapes and dtypes
        leaves = [_placed(arrays[f"{prefix}{n}"], leaf) for n, leaf in names.items()]
        return jax.tree.unflatten(jax.tree.structure(tree), leaves)

    return TrainState(
        placed("", variables.params),
        placed(OPTIMIZER, optimizer),
        jax.random.wrap_key_data(_placed(arrays[KEY]), impl=about["key"]),
        _placed(arrays[STEP]),
        placed("", variables.state),
    )


def _placed(array: NDArray[Any], like: Any = None) -> Array:
    # A copy: on a CPU JAX may take an array over, with the whole file behind it.
    with transfers.meant():
        placed = jnp.array(array)
        if not is_key(like):
            return placed
        kinds = (kind for kind in KEYS if _dtype(kind) == like.dtype)
        keys: Array = jax.random.wrap_key_data(placed, impl=next(kinds))
        return keys


def _dtype(kind: str) -> Any:
    """Return the dtype of a kind of keys."""
    numbers = jax.ShapeDtypeStruct((KEYS[kind],), np.uint32)
    wrap = functools.partial(jax.random.wrap_key_data, impl=kind)
    return jax.eval_shape(wrap, numbers).dtype
