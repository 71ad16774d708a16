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

from jaxnet_mini.base import seeds
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.policies import COMPUTE_DTYPES
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import losses, metrics
from jaxnet_mini.core.layers import Base, Input
from jaxnet_mini.core.networks.symbolic import INPUT as UNNAMED
from jaxnet_mini.errors import ArgumentError, short
from jaxnet_mini.files import keras_graphs
from jaxnet_mini.files.config import CLASSES, COMPOSED, to_config
from jaxnet_mini.files.keras_values import (
    NEUTRAL,
    check_neutral,
    class_of,
    function,
    initializer,
    instance,
    is_own,
    own_name,
    short_float,
    shown,
)
from jaxnet_mini.files.own_models import as_row, training_of

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

EXECUTION = {"jit_compile", "run_eagerly", "steps_per_execution"}
"""Settings of how Keras runs its steps."""


def architecture(config: dict[str, Json], own: Collection[str]) -> dict[str, Json]:
    """Return the architecture that Keras wrote as `jaxnet_mini.files.config` has it.

    Args:
        config: the contents of ``config.json``.
        own: the names of the user's own functions, which go before ours.

    Raises:
        ArgumentError: it is no Sequential, or a layer has no counterpart here.
    """
    model = _own_object(config, own, "float32", "the model")
    if model is not None:
        built: Any = config.get("build_config")
        return {
            "name": model["config"].get("name") or snake_case(model["class"]),
            "seed": seeds.default_seed(),
            "input_shape": _rows(built and built.get("input_shape")),
            "layers": [model],
        }
    kind, arguments = class_of(config, "the model")
    if kind not in NETWORKS:
        raise ArgumentError(
            f"the model is a {kind}, and only a Sequential or a Functional is read."
        )
    entries = arguments.get("layers")
    if not isinstance(entries, list) or not entries:
        raise ArgumentError("the model has no layers.")
    given: dict[str, dict[str, Json]] = {}
    for entry in entries if kind == "Functional" else entries[:1]:
        if is_own(entry):
            continue
        inputs, first = class_of(entry, "the first layer")
        if inputs == "InputLayer":
            given["_".join(str(first.get("name")).split())] = first
            check_neutral(first, {"batch_shape"}, "the input")
    found = [*given.values()] or [{"batch_shape": arguments.get("build_input_shape")}]
    if kind == "Functional":
        found = [given.get(name, {}) for name in keras_graphs.input_names(arguments)]
    rows = [_row(own.get("batch_shape")) for own in found]
    network = _network(kind, arguments, own)
    layers = network["config"].get("layers")
    policy = network["config"].get("dtype")
    with_policy = {} if policy is None or layers is None else {"dtype": policy}
    return with_policy | {
        "name": arguments.get("name"),
        "seed": seeds.default_seed(),
        "input_shape": rows if len(rows) > 1 else rows[0],
        **_called(network, rows, found),
    }


def _called(network: Json, rows: list[list[int]], given: list[Any]) -> dict[str, Json]:
    """Return layers with their inputs, of which Keras wrote what is ``given``."""
    dtypes = [own.get("dtype") for own in given]
    inputs = [
        Input(tuple(row), dtype=None if dtype == "float32" else dtype)
        for row, dtype in zip(rows, dtypes, strict=True)
    ]
    layers = network["config"].get("layers")
    if layers is None:
        return {"graph": network, "inputs": [*map(to_config, inputs)]}
    name = re.sub(r"\s", "_", str(given[0].get("name", UNNAMED)))
    first = inputs[0] if name == UNNAMED else dataclasses.replace(inputs[0], name=name)
    says_more = first != Input(first.shape)
    return {"layers": layers} | ({"input": to_config(first)} if says_more else {})


def _network(
    kind: str, config: dict[str, Json], own: Collection[str], within: str = "float32"
) -> Json:
    """Return layers in a row, or a graph of them, as Keras has them."""
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
            if is_own(entry) or class_of(entry, "a layer")[0] != "InputLayer"
        ]
        if len(layers) == 1:
            layers = [as_row(layers[0], own)]
        return {"class": "layers.Serial", "config": named | {"layers": layers}}
    nodes, start, end = keras_graphs.nodes_of(
        config,
        lambda entry: _layer(entry, own, policy),
        lambda entry: training_of(own_name(entry, own, "a layer"), own),
    )
    graph = {"nodes": nodes, "inputs": start, "outputs": end}
    return {"class": "layers.Graph", "config": named | graph}


def _own_object(
    entry: Json, own: Collection[str], within: str, where: str
) -> dict[str, Json] | None:
    """Return an object of a user's own class, made of what its ``get_config`` gave.

    Raises:
        ArgumentError: the class is not given, or what it is made of is unknown.

    Returns:
        None where the class is one of Keras.
    """
    name, given = own_name(entry, own, where), entry.get("config")
    if name is None:
        return None
    # What is as it is without being said is no argument of every class.
    neutral: dict[str, Any] = {"trainable": True, "dtype": within}
    given = given | {"dtype": _policy(given, where, within)}
    config = {
        argument: _given(value, own, within, f"{name}.{argument}")
        for argument, value in given.items()
        if argument not in neutral or value != neutral[argument]
    }
    return {"class": name, "config": config}


def _given(value: Json, own: Collection[str], within: str, where: str) -> Json:
    """Return what an argument of a user's own class is."""
    if isinstance(value, list):
        return [_given(entry, own, within, where) for entry in value]
    if not isinstance(value, dict):
        return short_float(value)
    room = str(value.get("module")).rpartition(".")[2]
    kind = value.get("class_name")
    if kind is None:
        pairs = value.items()
        return {"dict": {n: _given(v, own, within, f"{where}.{n}") for n, v in pairs}}
    if kind == "function":
        return function(value, where, own, ())
    if (found := _own_object(value, own, within, where)) is not None:
        return found
    if kind in NETWORKS or room == "layers":
        return _layer(value, own, within)
    if room == "initializers":
        read = initializer(value, where)
        return None if read is ... else read
    _, config = class_of(value, where)
    return instance(f"{room}.{kind}", config, where, own)


def _rows(shape: Json) -> Json:
    """Return the shape of one example of each input, in a list or a dictionary."""
    if isinstance(shape, dict):
        return {name: _row(own) for name, own in shape.items()}
    several = isinstance(shape, list) and shape and isinstance(shape[0], list)
    return [*map(_row, shape)] if several else _row(shape)


def _row(shape: Json) -> list[int]:
    """Return the shape of one example.

    Raises:
        ArgumentError: it is not known.
    """
    if not isinstance(shape, list) or any(type(n) is not int for n in shape[1:]):
        raise ArgumentError(
            f"the input shape is {shape}: build the model in Keras with a shape "
            "that is known but for the batch axis, and save it again."
        )
    return shape[1:]


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
    if (found := _own_object(entry, own, within, "a layer")) is not None:
        return found
    kind, config = class_of(entry, "a layer")
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
    layer = instance(f"layers.{kind}", config, where, own)
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
    found: list[str] = []
    if is_own(config):
        return found
    for entry in config["config"]["layers"]:
        if is_own(entry):
            continue
        kind, arguments = class_of(entry, "a layer")
        if kind in NETWORKS:
            found += of_training(entry)
        where = f"the layer {arguments.get('name')!r}"
        found += [
            f"{where} has {argument}={shown(value)!r}"
            for argument, value in arguments.items()
            if _is_of_training(kind, argument)
            and value not in NEUTRAL.get(argument, (None, False))
        ]
    return found


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
    check_neutral(compiled, known | EXECUTION, "compile")

    def part(kind: str, where: str, names: Collection[str], value: Json) -> Json:
        if isinstance(value, dict) and isinstance(value.get("config"), dict):
            if (found := _own_object(value, own, "float32", where)) is not None:
                return found
            name, arguments = class_of(value, where)
            return instance(f"{kind}.{name}", arguments, where, own)
        return function(value, where, own, names)

    def given(entry: str) -> Json:
        return keras_graphs.by_output(names, compiled.get(entry), entry)

    arguments: Any = config.get("config")
    if config.get("class_name") == "Functional":
        names = keras_graphs.output_names(arguments)
        names = names if len(names) > 1 else []
    else:  # what is said by name is of the outputs of a class with call
        said = [compiled.get(n) for n in ("loss", "metrics", "weighted_metrics")]
        keyed = (own for own in said if isinstance(own, dict))
        names = sorted({n for own in keyed if "class_name" not in own for n in own})
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
        if names or any(isinstance(one, list) for one in found):
            lists = (o if isinstance(o, list | None) else [o] for o in found)
            read[entry] = [[*map(metric, several or ())] for several in lists]
        else:
            read[entry] = [*map(metric, found)]
    return read
