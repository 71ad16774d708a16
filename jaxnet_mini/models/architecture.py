"""The architecture of a model as plain JSON, and a model of it again."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from jaxnet_mini.base import plain_json, policies, seeds
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.layers import Input
from jaxnet_mini.core.networks.graph import Graph
from jaxnet_mini.core.types import check_shape
from jaxnet_mini.errors import ArgumentError, JaxnetError
from jaxnet_mini.files import config as configs
from jaxnet_mini.files import keras_groups
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.models.blueprint import Blueprint

Model = TypeVar("Model")

DTYPE = "dtype"
"""The entry of the policy of all layers, where there is one."""

FIRST = "input"
"""The entry of the `Input` before layers in a row, where it says more than a shape."""

MOST_LAYERS = 1000
"""In a file. Each takes half a millisecond to build, whatever it then turns out to be;
`jaxnet_mini.repeat` counts as one."""


def config_of(blueprint: Blueprint, own: dict[str, Any]) -> dict[str, Any]:
    """Return the architecture as plain JSON.

    Args:
        blueprint: of the model.
        own: receives the user's own classes and functions in it, by name.

    Raises:
        ArgumentError: a layer holds what has no name to find it by.
    """
    net, shape = blueprint.net, blueprint.known_shape if blueprint.built else None
    own_class = len(net.layers) == 1 and keras_groups.is_model(net.layers[0])
    if own_class and shape is not None:
        shape = net.calls[0].inputs(net.named_inputs(shape))
    named = {"name": blueprint.name, "seed": blueprint.seed}
    named["input_shape"] = _as_lists(shape)
    first = blueprint.first
    if blueprint.built and first is not None and first != Input(first.shape):
        named[FIRST] = configs.to_config(first)
    if isinstance(net, Graph) and not own_class:  # which has its policy in it
        inputs = [configs.to_config(part.layer) for part in blueprint.inputs]
        graph = configs.to_config(blueprint.net, "the graph", own)
        return named | {"inputs": inputs, "graph": graph}
    layers = [
        configs.to_config(part.layer, f"the layer {part.name!r}", own)
        for part in blueprint.outline
    ]
    if blueprint.net.dtype is not None:
        named[DTYPE] = blueprint.net.dtype
    return named | {"layers": layers}


def model_of(
    kind: type[Model], config: Mapping[str, Any], custom_objects: CustomObjects | None
) -> Model:
    """Return a model of an architecture, with new weights.

    Args:
        kind: the class of the model, made of layers, a name and a seed.
        config: what `config_of` returned.
        custom_objects: the user's own classes and functions in it, by name.

    Raises:
        UnknownNameError, ArgumentError, ShapeError: it describes no model.
    """
    entries: dict[str, Any] = {
        "name": str,
        "seed": int,
        "input_shape": list | dict | None,
    }
    if DTYPE in config:  # written where there is one
        entries[DTYPE] = str
    if FIRST in config:
        entries[FIRST] = dict
    if "graph" in config:
        return _model_of_graph(kind, config, entries, custom_objects)
    plain_json.check_keys(config, entries | {"layers": list}, "the architecture")
    made: Any = kind
    policy = config.get(DTYPE) and policies.check_policy(DTYPE, config[DTYPE])
    with policies.choosing(policy):
        layers = configs.from_config(config["layers"], custom_objects, "layers")
    with computing("the layers cannot be built"), policies.choosing(policy):
        if len(layers) == 1 and hasattr(layers[0], "_held"):  # of a class with call
            model: Any = layers[0]
            model.name, model.seed = config["name"], config["seed"]
        else:
            first = _first_of(config)
            layers = layers if first is None else [first, *layers]
            model = made(layers, config["name"], config["seed"])
        if config["input_shape"] is not None:
            model.build(_with_batch_axis(config["input_shape"]))
    built: Model = model
    return built


def _model_of_graph(
    kind: type[Model],
    config: Mapping[str, Any],
    entries: dict[str, Any],
    custom_objects: CustomObjects | None,
) -> Model:
    entries |= {"inputs": list} if "inputs" in config else {}
    plain_json.check_keys(config, entries | {"graph": dict}, "the architecture")
    net = configs.from_config(config["graph"], custom_objects, "graph")
    inputs = config.get("inputs")
    inputs = inputs and configs.from_config(inputs, custom_objects, "inputs")
    made: Any = kind
    with computing("the layers cannot be built"):
        if not isinstance(net, Graph):
            raise ArgumentError(f"graph must be layers.Graph, not {net!r}.")
        shape = _as_shape(net, config["input_shape"])
        named = check_word("name", config["name"]), seeds.check_seed(config["seed"])
        blueprint = Blueprint(*named, first=_first_of(config))
        built: Model = made.of_blueprint(blueprint.with_net(net, shape, inputs))
    return built


def _first_of(config: Mapping[str, Any]) -> Input | None:
    """Return the `Input` before layers in a row, if one was written.

    Raises:
        ArgumentError: it is another layer, or of another shape.
    """
    if FIRST not in config:
        return None
    first, shape = (
        configs.from_config(config[FIRST], None, FIRST),
        config["input_shape"],
    )
    if not isinstance(first, Input) or _as_lists(first.shape) != shape:
        raise ArgumentError(
            f"{FIRST} must be layers.Input of the shape {shape}, not {first!r}."
        )
    return first


def _with_batch_axis(listed: Any) -> Any:
    """Return what was written of the shape of the inputs as `Model.build` takes it."""
    if isinstance(listed, dict):
        return {name: _with_batch_axis(own) for name, own in listed.items()}
    if listed and isinstance(listed[0], list):
        return [*map(_with_batch_axis, listed)]
    return (None, *listed)


def _as_lists(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _as_lists(own) for name, own in shape.items()}
    return [_as_lists(axis) for axis in shape] if isinstance(shape, tuple) else shape


def _as_shape(net: Graph, listed: Any) -> Any:
    """Return what was written of the shape of a graph's inputs."""
    if isinstance(net.inputs, str):
        return check_shape(listed, "input_shape")
    shapes = listed if isinstance(listed, list) else []
    return tuple(check_shape(shape, "input_shape") for shape in shapes)


def check_number(architecture: Json) -> None:
    """Check that there are not too many layers for a file, those within others too.

    Raises:
        ArgumentError: there are.
    """
    number = json.dumps(architecture).count('"layers.')
    if number > MOST_LAYERS:
        raise ArgumentError(
            f"there are {number} layers, and a file holds at most {MOST_LAYERS}: "
            "repeat one with jaxnet_mini.repeat, or keep the weights alone."
        )


@contextlib.contextmanager
def computing(what: str) -> Iterator[None]:
    """Name what fails where every argument is right alone, and all together are not.

    Raises:
        ArgumentError: JAX or optax takes them not, nor a class of the user's.
    """
    try:
        yield
    except (JaxnetError, RecursionError):
        raise
    except Exception as error:
        raise ArgumentError(f"{what}: {error}") from error
