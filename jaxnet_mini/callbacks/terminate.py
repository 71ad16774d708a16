"""An orderly end when numbers turn NaN."""

from jaxnet_mini.base.arguments import check_flag
from jaxnet_mini.callbacks.base import Callback, say
from jaxnet_mini.errors import NonFiniteError


class TerminateOnNaN(Callback):
    """End training in good order when the loss turns NaN or infinite.

    Without it ``fit`` raises `NonFiniteError`. With it a line is printed, the epoch
    ends at that batch, its loss is NaN in the history, every other callback is called
    to the end, and ``fit`` returns. The loop runs no slower for it.

    As without it, and better than in Keras, the model keeps its last finite weights:
    it can go on to predict or, with a smaller learning rate, to train. A weight that
    overflows ends training too, one step before the loss would.

    Args:
        raise_error: whether to raise `NonFiniteError` all the same.

    Source: https://keras.io/api/callbacks/terminate_on_nan/
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = check_flag("TerminateOnNaN: raise_error", raise_error)

    @property
    def _needs_logs_alone(self) -> bool:
        return type(self) is TerminateOnNaN

    def on_non_finite(self, error: NonFiniteError) -> None:
        if not self.raise_error:
            # Always, as in Keras: a training that ends early is no detail.
            say(1, f"Batch {error.batch}: invalid loss or weight, terminating training")
            self.model.stop_training = True
