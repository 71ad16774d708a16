"""Values as plain JSON and back: layers, losses, metrics, optimizers, functions.

A value of this library is written by its name, such as ``layers.Dense``, with all its
arguments; a name without a dot is a user's own class or function, which whoever reads
the file gives again. Reading looks names up in the tables of this file. It imports
nothing, evaluates nothing and checks every argument before it is used.
"""

import dataclasses
import inspect
import math
import numbers
import types
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from jaxnet_mini.base.plain_json import Json, fits, hints, locating
from jaxnet_mini.core import (
    activations,
    constraints,
    initializers,
    inspection,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from jaxnet_mini.core.fields import written
from jaxnet_mini.core.metrics.own import Folded
from jaxnet_mini.core.networks import ensemble, graph, own_layers, repeat, serial
from jaxnet_mini.core.operations import Operation
from jaxnet_mini.core.optimizers import schedules
from jaxnet_mini.errors import ArgumentError, UnknownNameError, find, short
from jaxnet_mini.files.own_models import with_models_as_layers
from jaxnet_mini.files.registered import name_of, with_registered

CustomObjects: TypeAlias = Mapping[str, Any]
"""A user's own classes and functions, by the names that a file has them under."""

NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""Floats that JSON does not have, by their names in a file."""


def _classes(kind: str, module: types.ModuleType, base: type) -> dict[str, type]:
    return {
        f"{kind}.{name}": value
        for name, value in _listed_in(module)
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and name == value.__name__
    }


def _functions(kind: str, module: types.ModuleType) -> dict[str, Any]:
    return {
        f"{kind}.{name}": value
        for name, value in _listed_in(module)
        if inspect.isfunction(value)
        and list(inspect.signature(value).parameters)[:2] == ["y_true", "y_pred"]
    }


def _listed_in(module: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(module, name)) for name in module.__all__]


COMPOSED = (
    serial.Serial,
    graph.Graph,
    graph.Node,
    repeat.Repeat,
    ensemble.Ensemble,
    Operation,
)
"""Layers that are made of others, and what they are made of besides."""

CLASSES: dict[str, type] = {
    **_classes("constraints", constraints, constraints.Constraint),
    "layers.Input": layers.Input,
    **_classes("layers", layers, layers.Base),
    **{f"layers.{kind.__name__}": kind for kind in COMPOSED},
    **_classes("initializers", initializers, initializers.Initializer),
    **_classes("losses", losses, losses.Loss),
    **_classes("metrics", metrics, metrics.Metric),
    **_classes("optimizers", optimizers, optimizers.Optimizer),
    **_classes("regularizers", regularizers, regularizers.Regularizer),
    **_classes("schedules", schedules, schedules.LearningRateSchedule),
}
"""All public classes of this library that a file may name, frozen dataclasses."""

FUNCTIONS: dict[str, Any] = {
    **{f"activations.{name}": f for name, f in activations.ACTIVATIONS.items()},
    **{f"initializers.{name}": f for name, f in initializers.INITIALIZERS.items()},
    **_functions("losses", losses),
    **_functions("metrics", metrics),
}
"""The functions that a file may name."""

_NAMES: dict[int, str] = {}
for _known, _value_of_ours in (*CLASSES.items(), *FUNCTIONS.items()):
    _NAMES.setdefault(id(_value_of_ours), _known)
for _of_jax, _value_of_ours in activations.OF_JAX.items():
    _NAMES.setdefault(id(_of_jax), _NAMES[id(_value_of_ours)])


def public_name(value: Any) -> str | None:
    """Return the name of one of our own classes or functions, None for all else.

    >>> public_name(layers.Dense), public_name(activations.relu), public_name(3)
    ('layers.Dense', 'activations.relu', None)
    """
    return _NAMES.get(id(value))


def to_config(
    value: Any, where: str = "value", own: dict[str, Any] | None = None
) -> Json:
    """Return a value as plain JSON.

    Args:
        value: None, a boolean, a number, a string, a tuple or a dictionary of values,
            a frozen dataclass whose fields are values, or a function with a name.
        where: what messages call it.
        own: filled with the classes and functions met that are not of this library,
            by name.

    Raises:
        ArgumentError: it is none of these, or two of a user's own functions or
            classes go by one name.

    >>> to_config(layers.Dropout(0.5))["config"]
    {'input_shape': None, 'name': None, 'rate': 0.5}
    >>> to_config(activations.relu)
    {'function': 'activations.relu'}
    """
    own = {} if own is None else own
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if type(value) is tuple:
        return [to_config(v, f"{where}[{i}]", own) for i, v in enumerate(value)]
    if type(value) is dict and all(isinstance(key, str) for key in value):
        pairs = value.items()
        return {"dict": {k: to_config(v, f"{where}[{k!r}]", own) for k, v in pairs}}
    if isinstance(value, type):
        raise ArgumentError(
            f"{where} cannot be saved: {value!r} is a class, not a value; write "
            f"{value.__name__}(...)."
        )
    if isinstance(value, Folded):  # as a trainer holds it
        value = value.metric
    if public_name(value) in FUNCTIONS:
        return {"function": public_name(value)}
    if dataclasses.is_dataclass(value) or _by_config(type(value)):
        arguments = _arguments(value, where)
        name = _name(getattr(value, "written_as", type(value)), CLASSES, where, own)
        config = {n: to_config(v, f"{where}.{n}", own) for n, v in arguments.items()}
        return {"class": name, "config": config}
    if callable(value):
        return {"function": _name(value, FUNCTIONS, where, own)}
    raise ArgumentError(
        f"{where} cannot be saved: {value!r} is no number, string, tuple, dictionary, "
        "frozen dataclass or function."
    )


def _by_config(kind: type) -> bool:
    """Tell whether a file has what objects of a class return from ``get_config``."""
    return own_layers.is_own(kind) or inspection.is_made_by_config(kind)


def _arguments(value: Any, where: str) -> dict[str, Any]:
    """Return what an object is made of, in the form in which a file gives it back.

    Raises:
        ArgumentError: its ``get_config`` returns something else.
    """
    if not _by_config(type(value)):
        arguments = written(value)
        # Classes of ours take lists where they hold arrays.
        of_arrays = np.ndarray if public_name(type(value)) in CLASSES else ()
        return {field: _tuples(held, of_arrays) for field, held in arguments.items()}
    config = value.get_config()
    if not isinstance(config, dict) or not all(isinstance(n, str) for n in config):
        raise ArgumentError(
            f"{where} cannot be saved: get_config of {type(value).__name__} must "
            f"return a dictionary of its arguments by name, not {short(config)}."
        )
    # JSON has lists alone, and what is read comes as tuples.
    return {name: _tuples(entry, (list, tuple)) for name, entry in config.items()}


def _tuples(value: Any, kinds: Any) -> Any:
    """Return values of some kinds as tuples in tuples, all else as it is."""
    if type(value) is dict:
        return {name: _tuples(entry, kinds) for name, entry in value.items()}
    several: Any = isinstance(value, kinds) and getattr(value, "shape", True)
    return tuple(_tuples(entry, kinds) for entry in value) if several else value


def _name(value: Any, table: Mapping[str, Any], where: str, own: dict[str, Any]) -> str:
    """Return the name of one of our own values or of a user's."""
    known = public_name(value)
    if known is not None and known in table:
        return known
    name = name_of(value) or getattr(value, "__name__", None)
    if not isinstance(name, str) or not name.isidentifier():
        raise ArgumentError(
            f"{where} cannot be saved: {value!r} has no name to find it by when the "
            "file is read. Write it as a function with def, or as a frozen dataclass "
            "with __call__, whose fields are saved."
        )
    if own.setdefault(name, value) is not value:
        raise ArgumentError(
            f"{where} cannot be saved: {value!r} and {own[name]!r} both go by the name "
            f"{name!r}, so that a file could not tell them apart: rename one, or make "
            "it a frozen dataclass with __call__, whose fields are saved."
        )
    return name


def from_config(
    config: Json, custom_objects: CustomObjects | None = None, where: str = "value"
) -> Any:
    """Return the value behind what `to_config` wrote.

    Args:
        config: JSON as ``json.loads`` returns it; it is checked throughout.
        custom_objects: the user's own classes and functions that it names.
        where: what messages call it.

    Raises:
        UnknownNameError: no class, function or argument has a name that stands there.
        ArgumentError: an argument has another type than its class wants, is missing
            or has a value that the class refuses.

    >>> from_config({"class": "layers.Dropout", "config": {"rate": 0.5}})
    Dropout(0.5)
    """
    own = with_registered(custom_objects)
    check_custom(config, own)
    try:
        return _value(config, own, where)
    except RecursionError:
        raise ArgumentError(f"{where} is nested too deeply.") from None


def check_custom(config: Json, custom_objects: CustomObjects | None) -> None:
    """Check that all of the user's own classes and functions are given.

    Raises:
        UnknownNameError: some are not; the message names all of them.
    """
    try:
        missing = sorted(set(_foreign(config)) - set(with_registered(custom_objects)))
    except RecursionError:
        raise ArgumentError("the configuration is nested too deeply.") from None
    if missing:
        given = ", ".join(f'"{name}": {name}' for name in missing)
        raise UnknownNameError(
            f"of what is named here, not of this library: {', '.join(missing)}. Give "
            f"custom_objects={{{given}}}."
        )


def _foreign(config: Json) -> Iterator[str]:
    """Yield the names in it that are not of this library."""
    if isinstance(config, list):
        for entry in config:
            yield from _foreign(entry)
    elif isinstance(config, dict):
        name = config.get("class", config.get("function"))
        if isinstance(name, str) and "." not in name:
            yield name
        arguments = config.get("config", config.get("dict"))
        if isinstance(arguments, dict):
            yield from _foreign(list(arguments.values()))


def _value(config: Json, own: CustomObjects, where: str) -> Any:
    if isinstance(config, float) and not math.isfinite(config):
        raise ArgumentError(f"{where} must be a finite number, not {config!r}.")
    if config is None or isinstance(config, bool | int | float | str):
        return config
    if isinstance(config, list):
        return tuple(_value(v, own, f"{where}[{i}]") for i, v in enumerate(config))
    if isinstance(config, dict):
        if config.keys() == {"float"} and config["float"] in list(NON_FINITE):
            return NON_FINITE[config["float"]]
        if config.keys() == {"dict"} and isinstance(config["dict"], dict):
            pairs = config["dict"].items()
            return {k: _value(v, own, f"{where}[{k!r}]") for k, v in pairs}
        if config.keys() == {"function"} and isinstance(config["function"], str):
            with locating(where):
                function = _looked_up(config["function"], FUNCTIONS, own)
            if not callable(function):
                raise ArgumentError(
                    f"custom_objects[{config['function']!r}] must be a function, "
                    f"not {function!r}."
                )
            return function
        if config.keys() == {"class", "config"} and isinstance(config["class"], str):
            return _instance(config["class"], config["config"], own, where)
    raise ArgumentError(
        f'{where} must be a number, string, list, {{"class": ..., "config": ...}} or '
        f'{{"function": ...}}, not {short(config)}.'
    )


def _instance(name: str, arguments: Json, own: CustomObjects, where: str) -> Any:
    with locating(where):
        kind = _looked_up(name, CLASSES, own)
    by_config = isinstance(kind, type) and _by_config(kind)
    if not (by_config or (isinstance(kind, type) and dataclasses.is_dataclass(kind))):
        raise ArgumentError(
            f"custom_objects[{name!r}] must be a frozen dataclass, whose fields the "
            f"file has, or a class in Keras's form with get_config, not {kind!r}."
        )
    if not isinstance(arguments, dict):
        raise ArgumentError(
            f"{where}: the arguments of {name} must be a dictionary, not "
            f"{short(arguments)}."
        )
    if not by_config:
        _check_fields(name, kind, arguments, where)
    values = {
        argument: _value(value, own, f"{where}.{argument}")
        for argument, value in arguments.items()
    }
    if by_config:
        return _made(kind, values, where)
    if name in CLASSES:
        values = with_models_as_layers(kind, values)
        for argument, value in values.items():
            expected = hints(kind)[argument]
            if not fits(value, expected):
                raise ArgumentError(
                    f"{where}.{argument} must be of type "
                    f"{inspect.formatannotation(expected)}, not {short(value)}."
                )
    with locating(where):
        return kind(**values)


def _check_fields(name: str, kind: Any, given: Mapping[str, Json], where: str) -> None:
    """Check that a dataclass has the arguments that are given, and they are enough."""
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    with locating(where):
        for argument in given:
            find(fields, argument, f"argument of {name}")
    for argument, field in fields.items():
        absent = (field.default, field.default_factory) == (dataclasses.MISSING,) * 2
        if absent and argument not in given:
            raise ArgumentError(f"{where}: {name} needs the argument {argument!r}.")


def _made(kind: Any, values: dict[str, Any], where: str) -> Any:
    """Return an object in Keras's form, made by its ``from_config``."""
    make = getattr(kind, "from_config", lambda config: kind(**config))
    try:
        return make(values)
    except TypeError as error:
        raise ArgumentError(
            f"{where}: {kind.__name__} is not made of what the file has, "
            f"{', '.join(values)}: {error}. Let get_config return the arguments of "
            "__init__, and __init__ pass those of its base on to super().__init__."
        ) from None


def find_class(name: str) -> type:
    """Return one of our classes, such as ``layers.Dense``.

    Raises:
        UnknownNameError: none has this name; only those of its kind are listed.
    """
    found: type = _find_near(CLASSES, name, "class")
    return found


def _find_near(table: Mapping[str, Any], name: str, what: str) -> Any:
    kind = name.split(".")[0] + "."
    near = {known: value for known, value in table.items() if known.startswith(kind)}
    return find(near or table, name, what)


def _looked_up(name: str, table: Mapping[str, Any], own: CustomObjects) -> Any:
    if "." not in name:
        return own[name]
    return _find_near(table, name, "class" if table is CLASSES else "function")
