"""A callback made of functions."""

from collections.abc import Callable
from typing import Any

from jaxnet_mini.callbacks.base import Callback
from jaxnet_mini.errors import find


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        hooks: functions by the names of hooks, such as ``on_epoch_end``; each takes
            what the hook takes. Other names become attributes, as in Keras.

    Raises:
        UnknownNameError: a name begins with ``on_``, or would be a hook if it did, and
            is none.

    >>> seen = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> seen.on_epoch_end(0, {"loss": 0.5})
    0 {'loss': 0.5}

    Source: https://keras.io/api/callbacks/lambda_callback/
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        known = {name: name for name in dir(Callback) if name.startswith("on_")}
        for name, function in hooks.items():
            if name.startswith("on_") or f"on_{name}" in known:
                find(known, name, "hook")
            if function is not None:
                setattr(self, name, function)
