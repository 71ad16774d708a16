"""A callback made of functions."""

from typing import Any

from jaxnet_mini.base.arguments import can_call
from jaxnet_mini.callbacks.base import Callback
from jaxnet_mini.core.inspection import parameters_of
from jaxnet_mini.errors import ArgumentError, find, short


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        hooks: functions by the names of hooks, such as ``on_epoch_end``; each takes
            what the hook takes. Other names become attributes, as in Keras.

    Raises:
        ArgumentError: what stands for a hook is no function, or takes other arguments.
        UnknownNameError: a name begins with ``on_``, or would be a hook if it did, and
            is none.

    >>> seen = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> seen.on_epoch_end(0, {"loss": 0.5})
    0 {'loss': 0.5}

    Source: https://keras.io/api/callbacks/lambda_callback/
    """

    def __init__(self, **hooks: Any) -> None:
        known = {name: name for name in dir(Callback) if name.startswith("on_")}
        for name, function in hooks.items():
            if name.startswith("on_") or f"on_{name}" in known:
                find(known, name, "hook")
            if name in known:
                _check(name, function)
            if function is not None:
                setattr(self, name, function)


def _check(hook: str, function: Any) -> None:
    """Raise an ArgumentError where a function does not take what the hook takes."""
    taken = parameters_of(Callback, hook)
    fits = function is None or (callable(function) and can_call(function, *taken))
    if not fits:
        raise ArgumentError(
            f"LambdaCallback: {hook} must be a function of ({', '.join(taken)}), not "
            f"{short(function)}."
        )
