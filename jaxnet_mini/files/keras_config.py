"""Keras's configurations of dense Sequential models, in the words of this library.

They are translated into what `jaxnet_mini.files.config` reads and checks; nothing that
they name is imported or evaluated. What has no counterpart here is an error that says
so, for a model that computes something else than it did in Keras would help nobody.

Source: https://keras.io/guides/serialization_and_saving/.
"""

import dataclasses
import functools
import re
from collections.abc import Collection
from typing import Any

import numpy as np

from jaxnet_mini.base import seeds
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.policies import COMPUTE_DTYPES
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import initializers, losses, metrics
from jaxnet_mini.core.layers import Base, Input
from jaxnet_mini.errors import ArgumentError, UnknownNameError, short
from jaxnet_mini.files import keras_graphs
from jaxnet_mini.files.config import CLASSES, COMPOSED, FUNCTIONS, find_class

ACTIVATIONS = {"Activation", "ELU", "LeakyReLU", "ReLU", "Softmax"}
"""Layers that may be the activation of another."""

LAYERS = tuple(
    name.removeprefix("layers.")
    for name, kind in CLASSES.items()
    if name.startswith("layers.") and kind not in (Base, Input, *COMPOSED)
)
"""All layers that Keras has too; its InputLayer is read elsewhere."""

NETWORKS = ("Sequential", "Functional")
"""Layers that are made of others."""

OF_TRAINING = {"activity_regularizer", "lora_alpha", "lora_rank"}
"""Arguments of layers that, like constraints, change how they are trained and not what
they compute. (LoRA is merged into the kernels that Keras writes.)"""

IGNORED = {
    *("data_format", "dtype", "ema_momentum", "ema_overwrite_frequency"),
    *("name", "seed", "renorm_clipping", "renorm_momentum", "synchronized"),
}
"""Arguments that change nothing that a model here computes, or are read elsewhere."""

EXECUTION = {"jit_compile", "run_eagerly", "steps_per_execution"}
"""Settings of how Keras runs its steps."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "arguments": (None, {}),
    "axis": (-1, [-1]),
    "center": (True,),
    "label_smoothing": (0.0,),
    "reduction": ("sum_over_batch_size",),
    "scale": (True,),
    "trainable": (True,),
}
"""Values of arguments that our classes lack; of all others None and False."""


OF_BATCHES = {
    name.split(".")[1]: name for name in FUNCTIONS if name[:6] in ("losses", "metric")
}
"""Losses and metrics that are functions, by Keras's names."""


def architecture(config: dict[str, Json], own: Collection[str]) -> dict[str, Json]:
    """Return the architecture that Keras wrote as `jaxnet_mini.files.config` has it.

    Args:
        config: the contents of ``config.json``.
        own: the names of the user's own functions, which go before ours.

    Raises:
        ArgumentError: it is no Sequential, or a layer has no counterpart here.
    """
    kind, arguments = _class(config, "the model")
    if kind not in NETWORKS:
        raise ArgumentError(
            f"the model is a {kind}, and only a Sequential or a Functional is read."
        )
    entries = arguments.get("layers")
    if not isinstance(entries, list) or not entries:
        raise ArgumentError("the model has no layers.")
    shapes = {}
    for entry in entries if kind == "Functional" else entries[:1]:
        inputs, first = _class(entry, "the first layer")
        if inputs == "InputLayer":
            shapes[str(first.get("name"))] = first.get("batch_shape")
            _neutral(first, {"batch_shape"}, "the input")
    found = [*shapes.values()] or [arguments.get("build_input_shape")]
    if kind == "Functional":
        spelled = {"_".join(name.split()): shape for name, shape in shapes.items()}
        found = [spelled.get(name) for name in keras_graphs.input_names(arguments)]
    rows = []
    for shape in found:
        if not isinstance(shape, list) or any(type(n) is not int for n in shape[1:]):
            raise ArgumentError(
                f"the input shape is {shape}: build the model in Keras with a shape "
                "that is known but for the batch axis, and save it again."
            )
        rows.append(shape[1:])
    network = _network(kind, arguments, own)
    layers = network["config"].get("layers")
    policy = network["config"].get("dtype")
    named = {} if policy is None or layers is None else {"dtype": policy}
    return named | {
        "name": arguments.get("name"),
        "seed": seeds.default_seed(),
        "input_shape": rows if len(rows) > 1 else rows[0],
        **({"graph": network} if layers is None else {"layers": layers}),
    }


def _network(
    kind: str, config: dict[str, Json], own: Collection[str], within: str = "float32"
) -> Json:
    """Return layers in a row, or a graph of them where Keras's is not one."""
    named: dict[str, Json] = {"name": re.sub(r"\s", "_", str(config.get("name")))}
    if config.get("trainable") is False:
        named["trainable"] = False
    policy = _policy(config, f"the {kind}", within)
    named |= {} if policy == within else {"dtype": policy}
    if kind == "Sequential":
        entries = config.get("layers")
        if not isinstance(entries, list):
            raise ArgumentError("a Sequential inside the model has no layers.")
        layers = [
            _layer(entry, own, policy)
            for entry in entries
            if _class(entry, "a layer")[0] != "InputLayer"
        ]
        return {"class": "layers.Serial", "config": named | {"layers": layers}}
    nodes, start, end = keras_graphs.nodes_of(
        config, lambda entry: _layer(entry, own, policy)
    )
    arguments = [node["config"] for node in nodes]
    before = [start, *(node["name"] for node in arguments)]
    alone = all(
        isinstance(node["layer"], dict) and node["training"] is None
        for node in arguments
    )
    if alone and before == [*(node["sources"] for node in arguments), end]:
        layers = [node["layer"] for node in arguments]
        return {"class": "layers.Serial", "config": named | {"layers": layers}}
    graph = {"nodes": nodes, "inputs": start, "outputs": end}
    return {"class": "layers.Graph", "config": named | graph}


def _class(entry: Json, where: str) -> tuple[str, dict[str, Any]]:
    """Return the class that Keras names, and its arguments."""
    if isinstance(entry, dict):
        name, config = entry.get("class_name"), entry.get("config")
        if isinstance(name, str) and isinstance(config, dict):
            if entry.get("registered_name") not in (None, name):
                raise ArgumentError(
                    f"{where} is of a class of its author's own, "
                    f"{entry['registered_name']!r}: build the model here and call "
                    "model.load_weights."
                )
            return name, config
    raise ArgumentError(f"{where} is described in a way unknown here.")


def _policy(config: dict[str, Any], where: str, within: str) -> str:
    """Return the dtype policy that Keras wrote, or that of the network around."""
    policy = config.get("dtype")
    if isinstance(policy, dict) and isinstance(policy.get("config"), dict):
        policy = policy["config"].get("name") or policy["config"].get("mode")
    if policy is not None and policy not in tuple(COMPUTE_DTYPES):
        known = " and ".join(COMPUTE_DTYPES)
        raise ArgumentError(f"{where} computes in {policy!r}: only {known} are read.")
    return policy or within


def _layer(entry: Json, own: Collection[str], within: str) -> Json:
    kind, config = _class(entry, "a layer")
    where = f"the layer {config.get('name')!r}, a {kind},"
    name = re.sub(r"\s", "_", str(config.get("name")))
    if kind in NETWORKS:
        return _network(kind, config, own, within)
    policy = _policy(config, where, within)
    if kind not in LAYERS:
        raise ArgumentError(
            f"{where} has no counterpart here. Keras's layers that are read: "
            f"{', '.join(LAYERS)}."
        )
    config = {a: v for a, v in config.items() if not _is_of_training(kind, a)}
    layer = _instance(f"layers.{kind}", config, where, own)
    layer["config"]["name"] = name
    if policy != within:
        layer["config"]["dtype"] = policy
    return layer


def _is_of_training(kind: str, argument: str) -> bool:
    """Tell whether an argument that our layer lacks changes its training alone."""
    ours = CLASSES.get(f"layers.{kind}", Base)
    known = {field.name for field in dataclasses.fields(ours)}
    of_training = argument in OF_TRAINING or argument.endswith("_constraint")
    return of_training and argument not in known


def of_training(config: dict[str, Json]) -> list[str]:
    """Return what the layers have that changes training alone and is not read.

    Args:
        config: what `architecture` has read.
    """
    found = []
    for entry in config["config"]["layers"]:
        kind, arguments = _class(entry, "a layer")
        if kind in NETWORKS:
            found += of_training(entry)
        where = f"the layer {arguments.get('name')!r}"
        found += [
            f"{where} has {argument}={_named(value)!r}"
            for argument, value in arguments.items()
            if _is_of_training(kind, argument)
            and value not in NEUTRAL.get(argument, (None, False))
        ]
    return found


def _named(value: Json) -> Json:
    """Return what a message shows of an argument: of an object its class."""
    return value.get("class_name") if isinstance(value, dict) else value


def _instance(
    name: str, config: dict[str, Any], where: str, own: Collection[str]
) -> dict[str, Json]:
    """Return an object of our class of a name, its arguments translated.

    Raises:
        ArgumentError: there are others, and they say something.
    """
    fields = {field.name for field in dataclasses.fields(find_class(name))}
    _neutral(config, fields, where)
    arguments = {}
    for argument in (fields & config.keys()) - {"dtype"}:
        value = config[argument]
        if argument.startswith("ema_") and not config.get("use_ema"):
            continue  # nothing depends on it
        if argument in ("activation", "function"):
            value = _function(value, where, own, ())
        elif argument.endswith("_initializer"):
            value = _initializer(value, where)
        elif isinstance(value, dict) and (room := _room(argument)):
            kind, inner = _class(value, f"{where} {argument}")
            inner = {a: v for a, v in inner.items() if a != "name"}  # Keras's default
            value = _instance(f"{room}.{kind}", inner, f"{where} {argument}", own)
        elif argument == "fn":
            value = _function(value, where, own, OF_BATCHES)
        elif isinstance(value, dict):
            raise ArgumentError(
                f"{where} has for {argument} a {value.get('class_name')!r}, which is "
                "not supported."
            )
        if value is not ...:
            arguments[argument] = _short(value)
    return {"class": name, "config": arguments}


def _room(argument: str) -> str | None:
    """Return where the class of an argument stands, None for one of another kind."""
    if argument == "learning_rate":
        return "schedules"
    ends = ("_regularizer", "_constraint")
    return next((f"{end[1:]}s" for end in ends if argument.endswith(end)), None)


def _neutral(config: dict[str, Any], known: Collection[str], where: str) -> None:
    """Raise where an argument that is not known here says something."""
    for argument, value in config.items():
        # The weights come from the file, whatever they began with.
        ignored = argument in IGNORED or argument.endswith("_initializer")
        neutral = NEUTRAL.get(argument, (None, False))
        if argument not in known and not ignored and value not in neutral:
            raise ArgumentError(
                f"{where} has {argument}={_named(value)!r}: not supported."
            )


def _short(value: Json) -> Json:
    """Return the shortest float64 that is the same float32, as the user wrote it."""
    if isinstance(value, float) and abs(value) < np.finfo(np.float32).max:
        single = np.float32(value)
        return float(str(single)) if float(single) == value else value
    return value


def _initializer(value: Json, where: str) -> Any:
    """Return an initializer, by name where that is enough; ``...`` for the default.

    The weights come from the file, whatever they began with: what is not known here,
    and numbers of another form, are left out.
    """
    if isinstance(value, str | None):
        try:
            initializers.get(value)
        except UnknownNameError:
            return ...
        return value
    kind, config = _class(value, f"{where} an initializer")
    ours = CLASSES.get(f"initializers.{kind}")
    if ours is None:
        return ...
    fields = {field.name: field.default for field in dataclasses.fields(ours)}
    given = {a: v for a, v in config.items() if v is not None and a in fields}
    if any(isinstance(value, dict) for value in given.values()):
        return ...
    name = snake_case(kind)
    if all(fields[argument] == value for argument, value in given.items()):
        return name if name in initializers.INITIALIZERS else ...
    arguments = {argument: _short(value) for argument, value in given.items()}
    return {"class": f"initializers.{kind}", "config": arguments}


def _function(
    value: Json, where: str, own: Collection[str], known: Collection[str]
) -> Json:
    """Translate what is a name, a user's function or, for activations, a layer.

    Args:
        value: what Keras wrote.
        where: what messages call it.
        own: the names of the user's own functions.
        known: names that Keras writes for its own functions too.
    """
    if isinstance(value, str | None):
        return value
    name = value.get("config") if isinstance(value, dict) else None
    if isinstance(name, str) and value.get("class_name") == "function":
        if name in own or name not in known:
            return {"function": name}
        # By a name Keras may know another: cosine_similarity has the other sign.
        return {"function": OF_BATCHES[name]} if name in OF_BATCHES else name
    if isinstance(value, dict) and value.get("class_name", ...) in (..., "__lambda__"):
        raise ArgumentError(
            f"{where} holds a lambda, that is code: nothing is run from a file."
        )
    kind, config = _class(value, where)
    if kind in ACTIVATIONS:
        # There is nothing to train in it, and nothing that goes by its name.
        config = {a: v for a, v in config.items() if a not in ("name", "trainable")}
        return _instance(f"layers.{kind}", config, where, own)
    raise ArgumentError(f"{where} holds a {kind}: not supported there.")


def settings(config: dict[str, Json], own: Collection[str]) -> dict[str, Json] | None:
    """Return the compile settings likewise; None where there are none.

    Raises:
        ArgumentError, UnknownNameError: something has no counterpart here.
    """
    compiled = config.get("compile_config")
    if not compiled:
        return None
    if not isinstance(compiled, dict):
        raise ArgumentError("they must be a dictionary.")
    known = {"optimizer", "loss", "metrics", "weighted_metrics", "loss_weights"}
    _neutral(compiled, known | EXECUTION, "compile")

    def part(kind: str, where: str, names: Collection[str], value: Json) -> Json:
        if isinstance(value, dict) and isinstance(value.get("config"), dict):
            name, arguments = _class(value, where)
            return _instance(f"{kind}.{name}", arguments, where, own)
        return _function(value, where, own, names)

    def given(entry: str) -> Json:
        return keras_graphs.by_output(names, compiled.get(entry), entry)

    kind, arguments = _class(config, "the model")
    names = keras_graphs.output_names(arguments) if kind == "Functional" else []
    names = names if len(names) > 1 else []
    metric = functools.partial(part, "metrics", "a metric", metrics.METRICS)
    loss = functools.partial(part, "losses", "the loss", losses.LOSSES)
    weights, wanted = given("loss_weights"), given("loss")
    if isinstance(weights, list) and len(weights) == 1:
        weights = weights[0]
    read: dict[str, Json] = {} if weights is None else {"loss_weights": weights}
    optimizer = compiled.get("optimizer")
    read["optimizer"] = part("optimizers", "the optimizer", (), optimizer)
    read["loss"] = [*map(loss, wanted)] if isinstance(wanted, list) else loss(wanted)
    for entry in ("metrics", "weighted_metrics"):
        found = given(entry) or []
        if not isinstance(found, list):
            raise ArgumentError(f"{entry} must be a list, not {short(found)}.")
        if names:
            lists = (o if isinstance(o, list | None) else [o] for o in found)
            read[entry] = [[*map(metric, several or ())] for several in lists]
        else:
            read[entry] = [*map(metric, found)]
    return read
