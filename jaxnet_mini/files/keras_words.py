"""Our configurations in the words of Keras 3, the way back from `keras_config`.

What `jaxnet_mini.files.config` writes is translated into what Keras 3.0 writes, graphs
into what Keras 3.4 does; all later versions read both. Names of classes and arguments
are Keras's already, so that only what differs stands here: a new class or argument
needs nothing. What has no equal in Keras is an error that names it; layers and models
of a user's own classes stand there by name, and so do a user's own activations, losses
and metrics that are functions.

Source: https://keras.io/guides/serialization_and_saving/.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import constraints, initializers, regularizers
from jaxnet_mini.core.layers import Base, Input
from jaxnet_mini.core.losses import FunctionLoss
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks import own_layers, running
from jaxnet_mini.core.networks.composed import Composed, shaped
from jaxnet_mini.core.networks.graph import Graph, names_in
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.networks.sources import results
from jaxnet_mini.core.networks.symbolic import INPUT as UNNAMED
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.optimizers import Optimizer
from jaxnet_mini.core.types import Shape, is_shape
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.files import keras_calls, keras_functions, keras_graphs, keras_steps
from jaxnet_mini.files.config import CLASSES, COMPOSED, NON_FINITE, to_config
from jaxnet_mini.files.keras_groups import alone, is_model
from jaxnet_mini.files.registered import in_package

OURS_ALONE = {
    name
    for name, kind in CLASSES.items()
    if kind in (Base, Input, FunctionLoss, Optimizer, *COMPOSED)
} | {"metrics.crossentropy"}
"""What Keras has not; of all others it has one of the same name."""

DROPPED = {"adapted_to", "input_shape", "num_outputs", "undecayed"}
"""Arguments that Keras has not: it finds them out when a model is built, or keeps no
such thing in a file."""

MODULES = {"schedules": "keras.optimizers.schedules"}
"""Where Keras has a kind of values, if not in a module of the kind's name."""

BY_NAME = {
    "_constraint": constraints.get,
    "_initializer": initializers.get,
    "_regularizer": regularizers.get,
}
"""What a name stands for in arguments that end so."""

ACCURACY = ("accuracy", "acc")
"""The words for the metric that Keras has by a word alone: shapes tell which."""


INITIALIZERS = {
    snake_case(name.split(".")[1]): kind
    for name, kind in CLASSES.items()
    if name.startswith("initializers.")
}
"""The classes of initializers, by the names of the functions that do the same."""


def architecture(
    config: dict[str, Any],
    net: Composed,
    outline: Sequence[LayerOutline],
    input_shape: Shape,
) -> dict[str, Json]:
    """Return a model's configuration as Keras has it in ``config.json``.

    Args:
        config: what `jaxnet_mini.models.architecture` makes of the model.
        net: its layers.
        outline: of the same layers.
        input_shape: without the batch axis.

    Raises:
        ArgumentError: something has no equal in Keras.
    """
    layers = config.get("layers") or [
        node["config"]["layer"] for node in config["graph"]["config"]["nodes"]
    ]
    if len(outline) == 1 and is_model(outline[0].layer):
        written = _own(layers[0], f"the model {config['name']!r}")
    elif isinstance(net, Graph):
        whole = LayerOutline(config["name"], net, input_shape, (), {})
        inputs = config["inputs"] or [config.get("input", {"config": {}})]
        dtypes = [own["config"].get("dtype") for own in inputs]
        given = dict(zip(names_in(net.inputs), dtypes, strict=False))
        written = _graph(whole, net, config["graph"]["config"], inputs=given)
    else:
        written = _sequential(config, layers, outline, input_shape)
    shape: Any = [None, *input_shape] if is_shape(input_shape) else None
    if shape is None and len(net.calls) == 1:
        taken = net.calls[0].inputs(net.named_inputs(input_shape))
        shape = jax.tree.map(lambda own: [None, *own], taken, is_leaf=is_shape)
    return written | {"build_config": {"input_shape": shape}}


def _sequential(
    named: dict[str, Json],
    layers: Sequence[Json],
    outline: Sequence[LayerOutline],
    input_shape: Shape,
    within: str = "float32",
) -> dict[str, Json]:
    """Return layers in a row, of the name, policy and whether trained of ``named``."""
    names = {part.name for part in outline}
    first: Any = named.get("input", {"config": {}})
    name = first["config"].get("name") or UNNAMED
    while name in names:
        name += "_"
    pairs = zip(outline, layers, strict=True)
    policy = named.get("dtype") or within
    own = [_layer(*pair, policy) for pair in pairs]
    written = [_input(name, input_shape, {name: first["config"].get("dtype")}), *own]
    arguments = {"name": named["name"], "trainable": named.get("trainable", True)}
    arguments |= {"dtype": policy, "layers": written}
    arguments["build_input_shape"] = [None, *input_shape]
    return _object("keras", "Sequential", arguments)


def _input(
    name: str, shape: Shape, dtypes: Mapping[str, str | None] | None = None
) -> dict[str, Json]:
    dtype = (dtypes or {}).get(name) or "float32"
    config = {"batch_shape": [None, *shape], "dtype": dtype, "sparse": False}
    return _object("keras.layers", "InputLayer", config | {"name": name})


def _layer(part: LayerOutline, config: Json, within: str) -> dict[str, Json]:
    """Return a layer as Keras writes it, and those inside it.

    Args:
        part: the layer.
        config: as `jaxnet_mini.files.config` has it.
        within: the policy of the network in which it stands.
    """
    named: dict[str, Json] = {"name": part.name}
    layer: Any = alone(part.layer)
    if layer is not part.layer:
        (config,) = config["config"]["layers"]
    if type(layer) is Serial:
        parts = outlines.outline(layer, part.input_shape)
        arguments = config["config"]
        return _sequential(
            arguments | named, arguments["layers"], parts, part.input_shape, within
        )
    if type(layer) is Graph:
        return _graph(part, layer, config["config"], within)
    if isinstance(layer, Operation):
        return keras_steps.written(layer, part.name)
    where = f"the layer {part.name!r}"
    if own_layers.is_own(layer):
        written = _own(config, where)
    else:
        written = translated(config, where)
        kept = {"trainable": True, "dtype": within} | written["config"]
        kept.pop("broadcasts", None)  # which changes no shape that has been
        written["config"] = named | kept | named
    if part.params or part.state:
        shapes = {"input_shape": [None, *part.input_shape]}
        if own_layers.is_own(layer) and not is_shape(part.input_shape):
            shapes = layer.build_shapes(running.zeros(part.input_shape))
        several = len(shapes) > 1
        one: Json = next(iter(shapes.values()))
        written["build_config"] = (
            {"shapes_dict": shapes} if several else {"input_shape": one}
        )
    return written


def _graph(
    part: LayerOutline,
    net: Graph,
    config: dict[str, Json],
    within: str = "float32",
    inputs: Mapping[str, str | None] | None = None,
) -> dict[str, Json]:
    """Return a graph as Keras writes it, of inputs of these dtypes by name."""
    policy, shapes = net.dtype or within, net.named_inputs(part.input_shape)
    own = {node["config"]["name"]: node["config"]["layer"] for node in config["nodes"]}
    layers = {}
    for call in net.calls:
        keras_calls.check_training(call)
        taken = call.inputs(shapes)
        shape, params = shaped(call, jax.random.key(0), taken)
        shapes |= results(call.name, shape)
        if call.owns:
            known = LayerOutline(call.name, call.layer, taken, (), params)
            layers[call.name] = _layer(known, own[call.name], policy)
    with plain_json.locating(f"the layer {part.name!r}"):
        arguments = keras_graphs.functional(
            net, shapes, layers, functools.partial(_input, dtypes=inputs)
        )
    named = {"name": part.name, "trainable": config.get("trainable", True)}
    if policy != "float32":
        named["dtype"] = policy
    written = _object("keras.src.models.functional", "Functional", named | arguments)
    return written | {"registered_name": "Functional"}


def settings(
    config: dict[str, Json], names: Sequence[str] = (), keyed: bool = True
) -> dict[str, Json]:
    """Return how a model is trained as Keras has it, its ``compile_config``.

    Args:
        names: of several outputs.
        keyed: whether these are names to Keras, and not their places alone.
        config: what `jaxnet_mini.models.compile` makes of it.

    Raises:
        ArgumentError: something has no equal in Keras.
    """
    optimizer = translated(config["optimizer"], "the optimizer")
    name = {"name": snake_case(optimizer["class_name"])}
    optimizer["config"] = name | optimizer["config"]
    weights, loss = config.get("loss_weights"), config["loss"]
    if not names:
        weights = None if weights is None else [weights]
        loss = _loss(loss)
    else:
        losses = [own and _loss(own) for own in loss]
        loss = dict(zip(names, losses, strict=True)) if keyed else losses
        if weights and keyed:
            weights = dict(zip(names, weights, strict=True))
    return {
        "loss_weights": weights,
        "optimizer": optimizer,
        "loss": loss,
        **{
            several: _metrics(names, config[several], keyed)
            for several in ("metrics", "weighted_metrics")
        },
    }


def _loss(config: Json) -> Any:
    """Return a loss as Keras writes it; a user's own function as itself."""
    given: Any = config["config"]
    function = given.get("function")
    if config["class"] == "losses.FunctionLoss" and keras_functions.is_own(function):
        return keras_functions.own(function, "the loss")
    return translated(config, "the loss")


def _metrics(names: Sequence[str], given: Sequence[Json], keyed: bool = True) -> Json:
    """Return metrics as Keras has them, of several outputs by their names."""
    if not names:
        return [metric(entry) for entry in given]
    if not keyed:
        lists: list[Json] = [_metrics((), own) for own in given]
        return lists if any(lists) else None
    pairs = zip(names, given, strict=True)
    return {name: _metrics((), own) for name, own in pairs if own} or None


def _object(module: str, name: str, config: Json) -> dict[str, Json]:
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


def _own(config: Json, where: str) -> dict[str, Json]:
    """Return an object of a user's own class, with what its ``get_config`` gives."""
    arguments = config["config"].items()
    written = {n: translated(v, f"{where}.{n}", own=True) for n, v in arguments}
    name = in_package(config["class"])
    written = _object("__main__", config["class"], written) | {"registered_name": name}
    return written | ({"module": None} if ">" in name else {})


def translated(value: Json, where: str, own: bool = False) -> Any:
    """Return a value of our configurations as Keras writes it.

    Args:
        value: what `jaxnet_mini.files.config` makes of a value.
        where: what messages call it.
        own: whether it may name a user's own classes and functions.

    Raises:
        ArgumentError: something has no equal in Keras.

    >>> translated({"class": "regularizers.L2", "config": {"l2": 0.1}}, "value")[
    ...     "class_name"
    ... ]
    'L2'
    """
    if isinstance(value, list):
        return [translated(entry, where, own) for entry in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        pairs = value["dict"].items()
        return {name: translated(v, where, own) for name, v in pairs}
    if own and "." not in value.get("class", "."):
        return _own(value, where)
    if own and keras_functions.is_own(value):
        return keras_functions.named(in_package(value["function"]))
    if "float" in value:
        return NON_FINITE[value["float"]]
    if "function" in value:
        kind, name = _known(value["function"], where)
        if kind != "initializers":
            return name
        # Keras writes these as classes, whose names are those of the functions.
        value = to_config(INITIALIZERS[name]())
    config = {
        argument: _argument(argument, given, f"{where}.{argument}")
        for argument, given in value["config"].items()
        if argument not in DROPPED and (argument, given) != ("name", None)
    }
    kind, name = _known(value["class"], where)
    if name == "Lambda" and isinstance(config["function"], str):
        # A Lambda of one of Keras's own functions is read by no Keras.
        name, config["activation"] = "Activation", config.pop("function")
    return _object(MODULES.get(kind, f"keras.{kind}"), name, config)


def _argument(argument: str, value: Json, where: str) -> Json:
    """Return the value of an argument, whose name may tell what a word stands for."""
    if argument in ("activation", "function") and keras_functions.is_own(value):
        return keras_functions.own(value, where)
    if isinstance(value, str):
        for end, get in BY_NAME.items():
            if argument.endswith(end):
                value = to_config(get(value))
    return translated(value, where)


def _known(name: str, where: str) -> tuple[str, str]:
    """Return the kind and the name of what Keras has too.

    Raises:
        ArgumentError: it has not.
    """
    if "." in name and name not in OURS_ALONE:
        kind, own = name.split(".")
        return kind, own
    what = f"a {name.split('.')[-1]}, which Keras has not"
    if "." not in name:
        what = f"{name}, of your own"
    raise ArgumentError(
        f"{where} cannot be written as Keras does: it is {what}. Give the file a "
        "name that ends in '.safetensors', or keep the weights alone with "
        "model.save_weights."
    )


def metric(config: Json) -> Json:
    """Return a metric as Keras writes it."""
    where = f"the metric {config['config'].get('name') or config['class']!r}"
    function = config["config"].get("fn")
    if config["class"] != "metrics.MeanMetricWrapper" or "function" not in function:
        return translated(config, where)
    name = config["config"]["name"]
    if function["function"] == "metrics.accuracy":
        word: str = name.removeprefix("weighted_")  # which Keras puts there itself
        if word in ACCURACY:
            return word
        raise ArgumentError(
            f"{where} cannot be written as Keras does, whose name for it is "
            f"'accuracy': give that in its place, or the file a name that ends in "
            "'.safetensors'."
        )
    if keras_functions.is_own(function):
        own, written = function["function"], keras_functions.own(function, where)
    else:
        _, own = _known(function["function"], where)
        written = keras_functions.named(own)
    if own == name:
        return written
    return _object("keras.metrics", "MeanMetricWrapper", {"name": name, "fn": written})
