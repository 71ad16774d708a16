"""Values in Keras's configurations, in the words of this library.

What has no counterpart here is an error that says so.

Source: https://keras.io/guides/serialization_and_saving/.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core import initializers
from jaxnet_mini.errors import ArgumentError, UnknownNameError
from jaxnet_mini.files.config import CLASSES, FUNCTIONS, find_class

ACTIVATIONS = {"Activation", "ELU", "LeakyReLU", "ReLU", "Softmax"}
"""Layers that may be the activation of another."""

IGNORED = {
    *("data_format", "dtype", "ema_momentum", "ema_overwrite_frequency"),
    *("name", "seed", "renorm_clipping", "renorm_momentum", "synchronized"),
}
"""Arguments that change nothing that a model here computes, or are read elsewhere."""

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


def class_of(entry: Json, where: str) -> tuple[str, dict[str, Any]]:
    """Return the class that Keras names, and its arguments."""
    if isinstance(entry, dict):
        name, config = entry.get("class_name"), entry.get("config")
        own_name(entry, (), where)  # which is none of ours of that name
        if isinstance(name, str) and isinstance(config, dict):
            return name, config
    raise ArgumentError(f"{where} is described in a way unknown here.")


def is_own(entry: Json) -> bool:
    """Tell whether the class that an entry names is none of Keras's."""
    if not isinstance(entry, dict):
        return False
    name, module = entry.get("registered_name"), entry.get("module")
    if module is None:  # as of what is written in a script itself
        return name is not None
    of_keras = str(module).split(".")[0] in ("keras", "builtins")
    return not of_keras or name not in (None, entry.get("class_name"))


def own_name(entry: Json, own: Collection[str], where: str) -> str | None:
    """Return the name of a user's own class, None where the class is one of Keras.

    Raises:
        ArgumentError: the class is not given.
    """
    if not is_own(entry):
        return None
    full = str(entry.get("registered_name") or entry.get("class_name"))
    name = full.rpartition(">")[2]
    if name not in own or not isinstance(entry.get("config"), dict):
        raise ArgumentError(
            f"{where} is of a class of its author's own, {full!r}: give one in Keras's "
            f"form, custom_objects={{{name!r}: ...}}, or build the model here and call "
            "model.load_weights."
        )
    return name


def shown(value: Json) -> Json:
    """Return what a message shows of an argument: of an object its class."""
    return value.get("class_name") if isinstance(value, dict) else value


def instance(
    name: str, config: dict[str, Any], where: str, own: Collection[str]
) -> dict[str, Json]:
    """Return an object of our class of a name, its arguments translated.

    Raises:
        ArgumentError: there are others, and they say something.
    """
    fields = {field.name for field in dataclasses.fields(find_class(name))}
    check_neutral(config, fields, where)
    arguments = {}
    for argument in (fields & config.keys()) - {"dtype"}:
        value = config[argument]
        if argument.startswith("ema_") and not config.get("use_ema"):
            continue  # nothing depends on it
        if argument in ("activation", "function"):
            value = function(value, where, own, ())
        elif argument.endswith("_initializer"):
            value = initializer(value, where)
        elif isinstance(value, dict) and (room := _room(argument)):
            kind, inner = class_of(value, f"{where} {argument}")
            inner = {a: v for a, v in inner.items() if a != "name"}  # Keras's default
            value = instance(f"{room}.{kind}", inner, f"{where} {argument}", own)
        elif argument == "fn":
            value = function(value, where, own, OF_BATCHES)
        elif isinstance(value, dict):
            raise ArgumentError(
                f"{where} has for {argument} a {value.get('class_name')!r}, which is "
                "not supported."
            )
        if value is not ...:
            arguments[argument] = short_float(value)
    return {"class": name, "config": arguments}


def _room(argument: str) -> str | None:
    """Return where the class of an argument stands, None for one of another kind."""
    if argument == "learning_rate":
        return "schedules"
    ends = ("_regularizer", "_constraint")
    return next((f"{end[1:]}s" for end in ends if argument.endswith(end)), None)


def check_neutral(config: dict[str, Any], known: Collection[str], where: str) -> None:
    """Raise where an argument that is not known here says something."""
    for argument, value in config.items():
        # The weights come from the file, whatever they began with.
        ignored = argument in IGNORED or argument.endswith("_initializer")
        neutral = NEUTRAL.get(argument, (None, False))
        if argument not in known and not ignored and value not in neutral:
            raise ArgumentError(
                f"{where} has {argument}={shown(value)!r}: not supported."
            )


def short_float(value: Json) -> Json:
    """Return the shortest float64 that is the same float32, as the user wrote it."""
    if isinstance(value, float) and abs(value) < np.finfo(np.float32).max:
        single = np.float32(value)
        return float(str(single)) if float(single) == value else value
    return value


def initializer(value: Json, where: str) -> Any:
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
    kind, config = class_of(value, f"{where} an initializer")
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
    arguments = {argument: short_float(value) for argument, value in given.items()}
    return {"class": f"initializers.{kind}", "config": arguments}


def function(
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
        name = name.rpartition(">")[2]  # without the package that it is registered in
        if name in own or name not in known:
            return {"function": name}
        # By a name Keras may know another: cosine_similarity has the other sign.
        return {"function": OF_BATCHES[name]} if name in OF_BATCHES else name
    if isinstance(value, dict) and value.get("class_name", ...) in (..., "__lambda__"):
        raise ArgumentError(
            f"{where} holds a lambda, that is code: nothing is run from a file."
        )
    kind, config = class_of(value, where)
    if kind in ACTIVATIONS:
        # There is nothing to train in it, and nothing that goes by its name.
        config = {a: v for a, v in config.items() if a not in ("name", "trainable")}
        return instance(f"layers.{kind}", config, where, own)
    raise ArgumentError(f"{where} holds a {kind}: not supported there.")
