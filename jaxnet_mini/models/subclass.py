"""Models in Keras's form: classes that keep layers as attributes and have ``call``.

Such a model is one layer, `Called`, whose ``call`` is the class's and whose parts are
the layers that the model keeps.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import inspection
from jaxnet_mini.core.networks import calls
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.graph import NETWORKS, Graph, Node
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.own_layers import Layer
from jaxnet_mini.core.networks.serial import unique_names
from jaxnet_mini.core.types import Params, RandomKey, State, is_shape
from jaxnet_mini.core.values import MADE_OF, mapped
from jaxnet_mini.data import arrays
from jaxnet_mini.errors import ArgumentError, ShapeError
from jaxnet_mini.models import architecture
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.handles import Handle

Own = TypeVar("Own")

PARTS = "_parts"
"""Where a model has the attributes that hold layers, by name."""


class Called(Layer):
    """All that a model computes, as one layer.

    Args:
        model: whose ``call`` it is.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(name=snake_case(type(model).__name__))
        vars(self)["_written"] = model

    def __repr__(self) -> str:
        return f"{type(self._written).__name__}()"

    @functools.cached_property
    def _written(self) -> Any:  # passed over by what tells layers apart
        raise NotImplementedError

    @property
    def output_names(self) -> tuple[str, ...]:
        """What several outputs are called: their keys, or their places from 1.

        None of one output, nor before it is known what comes of ``call``.

        Raises:
            ShapeError: outputs stand within others.
        """
        looked = vars(self).get("_looked")
        shape: Any = () if looked is None else looked.output_shape
        if is_shape(shape):
            return ()
        keyed = isinstance(shape, dict)
        if not all(map(is_shape, shape.values() if keyed else shape)):
            raise ShapeError(
                f"{self!r} gives outputs of the shapes {shape}, and one array, or a "
                "list or a dictionary of arrays is expected: take them out of each "
                "other in call."
            )
        return tuple(shape) if keyed else tuple(map(str, range(1, len(shape) + 1)))

    @property
    def output_names_are_given(self) -> bool:
        """Whether several outputs come in a dictionary."""
        looked = vars(self).get("_looked")
        return looked is None or isinstance(looked.output_shape, dict)

    def graph_of(self, x: Any, y: Any) -> tuple[Graph, Any] | None:
        """Return the network for several inputs, and their shapes; None for one.

        Args:
            x: a list of arrays or a dictionary of them, or one array.
            y: targets, whose rows tell a list of inputs from one of rows.
        """
        keyed = isinstance(x, Mapping)
        parts = [*x.values()] if keyed else x
        if not isinstance(parts, list | tuple) or not all(map(arrays.is_array, parts)):
            return None
        shapes = [np.shape(part) for part in parts]
        one = len(parts) < 2 or any(len(shape) < 2 for shape in shapes)
        targets = list(y.values()) if isinstance(y, dict) else y
        several = isinstance(targets, list | tuple) and all(
            np.shape(part)[:1] == shapes[0][:1] for part in targets
        )
        rows = shapes[0][0] if several else arrays.rows_of(y)
        if not keyed and (one or rows == len(parts) != shapes[0][0]):
            return None
        shaped = zip(x, shapes, strict=True)
        return self.graph_for(
            {name: shape[1:] for name, shape in shaped}
            if keyed
            else tuple(shape[1:] for shape in shapes)
        )

    def graph_for(self, shapes: Any) -> tuple[Graph, Any]:
        """Return the network for inputs of several shapes, by name or not, and these.

        Args:
            shapes: of one example each, in a tuple or a dictionary.
        """
        keyed = isinstance(shapes, Mapping)
        names = tuple(
            shapes if keyed else (f"input_{n + 1}" for n in range(len(shapes)))
        )
        taken: Any = dict(zip(names, names, strict=True)) if keyed else names
        own = str(self.name)
        while own in names:
            own += "_"
        graph = Graph((Node(own, self, taken),), taken, own)
        return graph, tuple(shapes.values() if keyed else shapes)

    @property
    def _attributes(self) -> dict[str, Any]:
        held: dict[str, Any] = vars(self._written)
        kept: dict[str, Any] = held.get(PARTS, {})
        own = {n: v for n, v in held.items() if n not in (PARTS, MADE_OF)}
        return own | kept

    @property
    def written_as(self) -> type:
        """The class that a file names."""
        return type(self._written)

    def get_config(self) -> dict[str, Any]:
        """Return what the model is made of."""
        config: dict[str, Any] = self._written.get_config()
        return config

    def init(self, key: RandomKey, input_shape: Any) -> tuple[Any, Params]:
        shape, params = super().init(key, input_shape)
        trained = {name: state.params for name, state in self._trained().items()}
        return shape, params | {n: v for n, v in trained.items() if n in params}

    def init_state(self, input_shape: Any) -> State:
        state = super().init_state(input_shape)
        trained = {name: own.layer_state for name, own in self._trained().items()}
        return state | {n: v for n, v in trained.items() if n in state}

    def _trained(self) -> dict[str, Any]:
        """Return the states of the models that it holds and that have one, by name."""
        states: dict[int, Any] = {}

        def note(value: Any) -> None:
            held = getattr(value, "_held", None)
            if held is not None and held.state is not None:
                states[id(value.net)] = held.state

        for name, value in self._attributes.items():
            if name != "_held":
                mapped(value, note)
        parts = self._looked.parts.items()
        return {name: states[id(part)] for name, part in parts if id(part) in states}


def blueprint_of(model: Any, name: str | None, seed: int | None) -> Blueprint:
    """Return the blueprint of a model whose class has ``call``.

    Raises:
        ArgumentError: it has none.
    """
    kind = type(model)
    if not callable(getattr(kind, "call", None)):
        raise ArgumentError(
            f"{kind.__name__} has no call: derive a class from Model with "
            "def call(self, x), or write Sequential([...])."
        )
    seed = seeds.or_default(seed)
    name = snake_case(kind.__name__) if name is None else check_word("name", name)
    return Blueprint(name, seed).with_layers([Called(model)])


def is_called(kind: Any) -> bool:
    """Return whether a class of models is one of a user's own that has ``call``."""
    return callable(getattr(kind, "call", None)) and not kind._is_stack


def keep_arguments(kind: Any) -> None:
    """Let objects of such a class know what they were made of."""
    if "__init__" in vars(kind) and is_called(kind):
        kind.__init__ = inspection.keeping_arguments(vars(kind)["__init__"])


def config_of(model: Any) -> dict[str, Any]:
    """Return what `Model.get_config` does."""
    if is_called(type(model)):
        return dict(vars(model).get(MADE_OF, {}))
    return architecture.config_of(model._held.blueprint, {})


def model_of(kind: type[Own], config: Any, custom_objects: Any) -> Own:
    """Return what `Model.from_config` does, of the class that is asked."""
    if is_called(kind):
        return kind(**config)
    return architecture.model_of(kind, config, custom_objects)


def is_of_layers(model: Any) -> bool:
    """Return whether something is a model of layers, and not of a class's ``call``."""
    net = getattr(model, "net", None)
    return isinstance(net, Composed) and not any(
        isinstance(layer, Called) for layer in net.layers
    )


def keep(model: Any, name: str, value: Any) -> bool:
    """Keep an attribute with layers in it apart; return whether there are any.

    What is a property of the class is none: its setter is asked, or there is none.
    """
    own = isinstance(getattr(type(model), name, None), property)
    if own or not calls.parts_of(value):
        vars(model).get(PARTS, {}).pop(name, None)
        return False
    vars(model).setdefault(PARTS, {})[name] = value
    return True


def kept(model: Any, name: str) -> Any:
    """Return an attribute that holds layers, each as a `Handle`; None for no such."""

    def handle(value: Any) -> Any:
        layer = calls.layer_of(value)
        return value if layer is None else Handle(model, layer)

    value = vars(model).get(PARTS, {}).get(name)
    return None if value is None else mapped(value, handle)


def expanded(outline: tuple[LayerOutline, ...]) -> tuple[LayerOutline, ...]:
    """Return the outline of a model's layers, those within a `Called` in its place."""
    called: Any = outline[0].layer if len(outline) == 1 else None
    if not isinstance(called, Called):
        return outline
    (part,) = outline
    if not part.output_shape and not part.params:  # not yet built
        parts = calls.parts_of(called._attributes)
        names = unique_names(tuple(parts))
        pairs = zip(names, parts, strict=True)
        return tuple(LayerOutline(name, layer, (), (), {}) for name, layer in pairs)
    looked = called._looked
    return tuple(
        LayerOutline(
            name,
            layer,
            looked.shapes[name],
            looked.given[name],
            part.params[name],
            part.state.get(name, {}),
        )
        for name, layer in looked.parts.items()
        if name in looked.shapes
    )


def located(
    blueprint: Blueprint,
) -> Iterator[tuple[tuple[str, ...], LayerOutline]]:
    """Yield what `expanded` returns, each with its path in the model's weights.

    Each `Input` comes first, as a layer without weights, and those within models last.
    """
    outline = blueprint.outline
    parts = expanded(outline)
    within = () if parts is outline else (outline[0].name,)
    for part in blueprint.inputs:
        yield (part.name,), part
    at = [((*within, part.name), part) for part in parts]
    for path, part in at:  # more and more of them
        yield path, part
        layer: Any = part.layer
        if type(layer) in NETWORKS:
            built = jax.tree.leaves(part.params) or part.output_shape
            inner = outlines.inside(layer, part.input_shape if built else None)
            at += [((*path, one.name), one) for one in inner]
