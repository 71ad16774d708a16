"""What the calls of layers in a graph say, in the words of Keras."""

from typing import Any

from jaxnet_mini.core import inspection
from jaxnet_mini.core.networks import own_layers
from jaxnet_mini.core.networks.composed import Call
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.files.keras_groups import alone


def check_training(call: Call) -> None:
    """Check that Keras can tell what a call says of ``training`` from what it does not.

    Raises:
        ArgumentError: it cannot, where that is the default of a user's own ``call``.
    """
    layer: Any = alone(call.layer)
    kind = type(layer._written) if own_layers.is_own(layer) else None
    default = inspection.default_of(kind, "call", "training")
    if call.training is not None and call.training is default:
        raise ArgumentError(
            f"the layer {call.name!r} is called with training={default}, which is what "
            "its call has by default too, and Keras would not know that it was said: "
            "write def call(self, x, training=None), or give the file a name that ends "
            "in '.safetensors'."
        )
