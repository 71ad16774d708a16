"""Layers of this library whose ``call`` a user's class overrides, as in Keras.

There ``super().call(x)`` is what the layer computes, and weights are attributes. Here
``apply``, or ``update`` of a layer that remembers something, runs such a ``call`` on a
copy of the layer that has its parameters, made for this once.
"""

import inspect
import itertools
from typing import Any

from jax import Array

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core import random
from jaxnet_mini.core.types import Params, RandomKey, State, as_wide
from jaxnet_mini.errors import LayerError

_CALL = "_call"
"""Where a copy keeps what it is called with."""


class _Call:
    """What a copy is called with, and what it remembers in the end."""

    def __init__(self, params: Params, state: State, how: dict[str, Any]) -> None:
        self.params, self.state, self.how = params, state, how


def install(kind: Any) -> None:
    """Let what networks ask of a class run the ``call`` that it defines."""

    def apply(
        self: Any,
        params: Params,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
    ) -> Any:
        return _run(self, _Call(params, {}, {"key": key, "training": training}), x)[0]

    def update(
        self: Any,
        params: Params,
        state: State,
        x: Any,
        *,
        key: RandomKey | None = None,
        training: bool = False,
        mask: Array | None = None,
    ) -> tuple[Any, State]:
        how = {"key": key, "training": training, "mask": mask}
        return _run(self, _Call(params, state, how), x)

    kind.apply = apply
    if hasattr(kind, "update"):
        kind.update = update
    # It may call what draws as in training, and then needs a key in predictions.
    kind.always_training = True


def _run(layer: Any, call: _Call, x: Any) -> tuple[Any, State]:
    copy = object.__new__(type(layer))
    vars(copy).update(vars(layer))
    weights = call.params if isinstance(call.params, dict) else {}
    settings = {*vars(layer), *dir(type(layer))}
    vars(copy).update({n: w for n, w in weights.items() if n not in settings})
    vars(copy)[_CALL] = call
    taken = inspect.signature(type(layer).call).parameters
    numbers, key, owner = itertools.count(), call.how["key"], repr(layer)
    with random.drawing(lambda: random.drawn_as(next(numbers), key, owner)):
        y = copy.call(as_wide(x), **{n: v for n, v in call.how.items() if n in taken})
    return y, call.state


def base(copy: Any, x: Any, training: bool | None) -> Any:
    """Return what the layer computes, of which a class overrides ``call``.

    Raises:
        LayerError: it is asked outside of a call.
    """
    call: _Call | None = vars(copy).get(_CALL)
    if call is None:
        raise LayerError(
            f"call of {copy!r} is called by hand, where it has no weights: put the "
            "layer into a model, or give its params to layer.apply(params, x)."
        )
    ours: Any = next(own for own in type(copy).__mro__ if attributes.is_ours(own))
    how = call.how if training is None else call.how | {"training": bool(training)}
    if "mask" not in how:
        return ours.apply(copy, call.params, x, **how)
    y, call.state = ours.update(copy, call.params, call.state, x, **how)
    return y
