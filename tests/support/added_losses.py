"""What Keras's layers add to the loss, counted as it is and not by chance.

Keras finds what ``add_loss`` was given by the ``id`` of it. While a model is traced,
the ids of the trace before are still there, and where one of them is given out again a
loss counts twice or not at all (keras_losses_found_by_dead_ids.sh of the findings).
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any
from unittest import mock


@contextlib.contextmanager
def forgetting_earlier_calls(keras: Any) -> Iterator[None]:
    """A block in which every trace of a model of Keras begins without such ids."""
    own = keras.layers.Layer.stateless_call

    @functools.wraps(own)
    def stateless_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._clear_losses()
        return own(self, *args, **kwargs)

    with mock.patch.object(keras.layers.Layer, "stateless_call", stateless_call):
        yield
