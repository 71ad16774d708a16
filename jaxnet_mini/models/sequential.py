"""`Sequential`: a model of layers one after another, to which layers can be added."""

from collections.abc import Iterable
from typing import Any

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.core.networks.serial import pure
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.models import functional, places
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.model import Model


class Sequential(Model):
    """A stack of layers that can be trained, with Keras's methods.

    Args:
        layers: the layers, in order; an `Input` may stand first.
        name: shown by `summary`.
        seed: of the initial weights and, where ``fit`` is given none, of the order of
            examples and of dropout. None takes that of `utils.set_random_seed`, which
            is 0 until it is called: the same script gives the same model every time.

    >>> from jaxnet_mini.datasets import digits
    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> (x_train, y_train), (x_test, y_test) = digits.load_data()
    >>> model = Sequential([Flatten(), Dense(32, "relu"), Dense(10, "softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    >>> history = model.fit(x_train / 16, y_train, epochs=20, verbose=0)
    >>> loss, accuracy = model.evaluate(x_test / 16, y_test, verbose=0)
    >>> accuracy > 0.9
    True
    """

    _is_stack = True

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        name: str = "sequential",
        seed: int | None = None,
    ) -> None:
        seed = seeds.or_default(seed)
        blueprint = Blueprint(check_word("name", name), seed)
        if not isinstance(layers, Iterable | None):
            raise ArgumentError(
                f"layers must be a list of layers, not {layers!r}: put it in brackets, "
                "Sequential([...])."
            )
        self._held = Held(blueprint.with_layers(_as_layers(layers or ())))

    def add(self, layer: Layer) -> None:
        """Put a layer at the end; the weights of the others stay as they are.

        Raises:
            LayerError: it is no layer, or one whose weights cannot be shared, see
                `jaxnet_mini.models.standing`.
            ArgumentError: an `Input` after the first place.
            ShapeError: it cannot take what comes from the layer before it.
        """
        self._held.build(self._held.blueprint.with_layers(_as_layers([layer])))

    def pop(self) -> None:
        """Take the last layer away.

        Raises:
            ArgumentError: there is none.
        """
        self._held.build(self._held.blueprint.without_last())


def _as_layers(layers: Iterable[Any]) -> Iterable[Layer]:
    """Yield the layers, a model as one of them."""
    for layer in layers:
        held = layer._held if isinstance(layer, Model) else None
        yield places.latest(pure(layer)) if held is None else functional.as_layer(held)
