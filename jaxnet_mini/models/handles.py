"""Handles: a layer as it stands in a model, with the weights that it has there."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import (
    as_integer,
    check_flag,
    check_training,
    check_word,
)
from jaxnet_mini.base.policies import DTypePolicy
from jaxnet_mini.core import symbols
from jaxnet_mini.core.layers import Input, Normalization
from jaxnet_mini.core.layers.by_itself import OF_A_MODEL
from jaxnet_mini.core.networks import protocol, sources
from jaxnet_mini.core.networks.graph import NETWORKS
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.types import Layer, Variables
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, LayerError, StateError, find, short
from jaxnet_mini.models import functional, places, weights
from jaxnet_mini.models.places import Path
from jaxnet_mini.models.weights import Weight


class Handle:
    """A layer of a model, as `Model.layers` and `Model.get_layer` give it.

    It is equal to the layer, prints as it and is of its class, and has its settings as
    attributes; by their names it gives the weights too, such as ``kernel``. Handed to
    another model it brings its weights: both models share them. The layer itself, a
    value without weights, is its ``pure``.

    Args:
        model: in which it stands.
        layer: which.
    """

    def __init__(self, model: Any, layer: Layer) -> None:
        self._model, self._layer = model, layer

    @property
    def pure(self) -> Any:
        """The layer itself, as it is now."""
        return places.latest(self._layer)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.pure)

    def __eq__(self, other: object) -> bool:
        return bool(self.pure == getattr(other, "pure", other))

    def __hash__(self) -> int:
        return hash(self.pure)

    def __repr__(self) -> str:
        return repr(self.pure)

    def __reduce_ex__(self, _: Any) -> Any:
        # A copy is one of the layer, which stands in no model.
        return (_itself, (self.pure,))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "adapt" and self._model.built:
            return self._adapt
        if name in ("mean", "variance") and isinstance(self.pure, Normalization):
            return self._statistic(name)
        if name == "layers" and type(self.pure) in NETWORKS:
            return [Handle(self._model, layer) for layer in self.pure.layers]
        if name == "get_layer" and type(self.pure) in NETWORKS:
            return functools.partial(layer_of, self.layers, [*self.pure.names])
        if self.has_weights and not hasattr(type(self.pure), name):
            # Of a class in Keras's form; what has slots has no such dictionary.
            looked = getattr(self.pure, "__dict__", {}).get("_looked")
            found = self.weight(looked.attributes.get(name, name) if looked else name)
            if found is not None:
                return found
        if name in OF_A_MODEL:  # which the layer itself would ask this for
            what = f"{self!r} has no {name}, or none before it is built."
            raise AttributeError(what, name=name)
        return getattr(self.pure, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_model", "_layer", "trainable"):
            object.__setattr__(self, name, value)
        else:
            setattr(self.pure, name, value)

    # Its place in the model

    @property
    def _place(self) -> tuple[tuple[str, ...], LayerOutline]:
        return next(
            (path, part)
            for path, part in self._model._located()
            if places.latest(part.layer) is self.pure
        )

    @property
    def name(self) -> str:
        """Its name in the model."""
        return self._place[1].name

    @property
    def trainable(self) -> bool:
        """Whether it is trained, in all models that share its weights.

        Where other weights are trained then, the optimizers begin afresh at their
        learning rates; one whose model takes no step meanwhile goes on when it is set
        back.

        Raises:
            ArgumentError: it is set to neither True nor False.
            LayerError: the layer has weights and no such attribute, or stands within
                a class of one's own.
        """
        return any(
            getattr(layer, "trainable", True) for _, layer in _held_by(self.pure, ())
        )

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        freeze(self._model, [self], trainable)

    @property
    def dtype_policy(self) -> DTypePolicy:
        """In what it computes in the model."""
        of_model = self._model.dtype_policy.name
        return DTypePolicy(getattr(self.pure, "_policy", None) or of_model)

    @property
    def compute_dtype(self) -> str:
        """Of what it computes."""
        return self.dtype_policy.compute_dtype

    @property
    def dtype(self) -> str:
        """Of its weights; of an `Input` what it declares."""
        own = isinstance(self.pure, Input) and self.pure.dtype
        return own or self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """Of its weights."""
        return self.dtype_policy.variable_dtype

    @property
    def input(self) -> Any:
        """What stands for its inputs, for models that are written by calling layers.

        An `Input` has none.
        """
        of_input = isinstance(self.pure, Input)
        return [] if of_input else jax.tree.leaves(self.output)[0].sources

    @property
    def output(self) -> Any:
        """What stands for its outputs, likewise."""
        found = functional.written(self._model._held).by_name
        if len(self._place[0]) > 1:
            raise LayerError(
                f"{self!r} stands within a model of {self._model!r}, and has input and "
                "output in that one: ask the inner model's own layer."
            )
        return found[self.name]

    # Its weights

    @property
    def has_weights(self) -> bool:
        """Whether they are known in the model."""
        return bool(self._model.built)

    def variables_there(self) -> Variables:
        """Return the parameters, and what is remembered, as they are in the model.

        Raises:
            StateError: there are none yet.
        """
        if not self.has_weights:
            raise StateError(
                f"{self.pure!r} has no weights yet in {self._model!r}: call the model "
                "on data, model(x), or fit it, before a part of it."
            )
        return places.at(self._model._held.untrained().variables, self._place[0])

    def weight(self, name: str) -> Any:
        """Return a weight, or a dictionary of those of a part; None of another name."""
        for own in self.variables_there():
            if name in own:
                path = "/".join((*self._place[0], name))
                named = {weight.path: weight for weight in self.weights}
                return named.get(path, own[name])
        return None

    def _adapt(self, data: Any) -> None:
        """See `Normalization.adapt`; of this model, and those that share the layer."""
        pure: Any = self.pure
        self._model._held.adapt(self._place[0], pure.adapted(data))

    def _statistic(self, name: str) -> Any:
        """Return a mean or variance of a `Normalization` as Keras shows it."""
        if not (self._model.built and self.pure.has_state):
            return getattr(self.pure, name)
        rank = len(self._place[1].input_shape) + 1
        return self.pure.shown(self.variables_there().state[name], rank)

    def __call__(self, *given: Any, training: bool | None = None, **named: Any) -> Any:
        """Return the layer's outputs for a batch, or what stands for them.

        Args:
            *given: inputs, ``(batch, ...)``, or what stands for them in a model that is
                being written.
            training: whether it acts as in training; None for what such a model does.
            **named: what else the ``call`` of a class of one's own takes.
        """
        x, training = sources.called_with(self.pure, given, named, training)
        if symbols.is_symbolic(x):
            return symbols.called(self.pure, x, training)
        if hasattr(self.pure, "check_number"):  # of one's own any structure comes
            x = symbols.arrays_in(self.pure, x)
        training = check_training(training)
        drawn = training or protocol.always_training(self.pure)
        key = self._model._held.next_key() if drawn else None
        variables = self.variables_there()
        with transfers.meant():
            x = jax.tree.map(jnp.asarray, x)
            return protocol.run(
                self.pure,
                *variables,
                x,
                key=key,
                training=training,
                within=self._model.net.dtype,
            )[0]

    def _weights(self, trainable: bool | None = None) -> list[Weight]:
        if not isinstance(self.pure, Input):
            self.variables_there()  # an error where there are none yet
        path, part = self._place
        within = "".join(f"{name}/" for name in path[:-1])
        return weights.listed(self._model._held, [part], trainable, within)

    @property
    def weights(self) -> list[Weight]:
        """Its weights, in its own order, then what it remembers."""
        return self._weights()

    variables = weights

    @property
    def trainable_weights(self) -> list[Weight]:
        """Those that are trained."""
        return self._weights(True)

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """Those that are not, and what it remembers."""
        return self._weights(False)

    non_trainable_variables = non_trainable_weights

    def count_params(self) -> int:
        """Return the number of numbers in all its weights."""
        return sum(weight.value.size for weight in self.weights)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of its weights as NumPy arrays."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, arrays: Any) -> None:
        """Replace its weights, given in the order of `weights`.

        Raises:
            ArgumentError, ShapeError: they are others.
        """
        own = weights.in_order([self._place[1]], arrays)
        prefix = "".join(f"{name}/" for name in self._place[0][:-1])
        self._model._held.replace({prefix + path: own[path] for path in own})


def layer_of(
    layers: list[Layer],
    names: list[str],
    name: str | None = None,
    index: int | None = None,
) -> Layer:
    """Return one of the layers, see `Model.get_layer`.

    Args:
        layers: all of them.
        names: theirs.
        name: of the one that is wanted, or None.
        index: its place, or None.

    Raises:
        ArgumentError, UnknownNameError: none is, or not exactly one is asked for.
    """
    if (name is None) == (index is None):
        raise ArgumentError(
            "get_layer takes either a name, such as "
            f'get_layer("{names[0] if names else "dense"}"), or a place, as in '
            "get_layer(index=0)."
        )
    if name is not None:
        named = dict(zip(names, layers, strict=True))
        return find(named, check_word("name", name), "layer")
    place = as_integer(index)
    if place is None or not -len(layers) <= place < len(layers):
        raise ArgumentError(
            f"index must be an integer below {len(layers)}, the number of layers, not "
            f"{short(index)}."
        )
    return layers[place]


def freeze(model: Any, handles: Sequence[Handle], trainable: bool) -> None:
    """Set whether layers of a model are trained; see `Handle.trainable`.

    Raises:
        ArgumentError, LayerError: one cannot; nothing has changed.
    """
    check_flag("trainable", trainable)
    located = {
        id(places.latest(part.layer)): (path, part) for path, part in model._located()
    }
    paths = [located[id(handle.pure)][0] for handle in handles]
    new: dict[Path, Any] = {}
    for handle, path in zip(handles, paths, strict=True):
        for where, layer in _held_by(handle.pure, path):
            if hasattr(layer, "trainable"):
                if trainable != bool(layer.trainable):
                    new[where] = layer
            elif not model.built or jax.tree.leaves(located[id(handle.pure)][1].params):
                raise LayerError(
                    f"{layer!r} has weights and no trainable, and would go on being "
                    "trained: give its class a field trainable: bool = True."
                )
    objects = []  # of a user's own, which stay the same ones
    for path, layer in new.items():
        if dataclasses.is_dataclass(layer):
            new[path] = dataclasses.replace(layer, trainable=bool(trainable))  # type: ignore[type-var]
        else:
            objects.append(layer)

    def change() -> None:
        for layer in objects:
            layer.trainable = trainable

    if new:
        model._held.exchange(new, change)


def _held_by(layer: Any, path: Path) -> list[tuple[Path, Layer]]:
    """Return the layers of a network with their paths; another layer is alone."""
    if type(layer) in NETWORKS and layer.trainable:
        return list(places.within(layer, path))
    return [(path, layer)]


def _itself(layer: Layer) -> Layer:
    return layer
