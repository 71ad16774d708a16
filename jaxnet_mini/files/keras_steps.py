"""Steps of a model that are functions of ``ops``, in the words of Keras and back.

Keras has a class for each function. What is computed with is given to its call, and
what says how is an argument of the class.

Source: https://github.com/keras-team/keras, ``keras/src/ops``.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core import ops
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.operations import ARRAY, REST, SLICE, Operation
from jaxnet_mini.errors import ArgumentError

_TABLE = """
core *x dtype: cast
core *variable: stop_gradient
core *x num axis: unstack
linalg *x: det inv
linalg *x ord axis keepdims: norm
linalg *a *b: solve
math *x: erf rsqrt
math *x axis keepdims: logsumexp
math *x k sorted: top_k
nn *x: hard_sigmoid hard_silu hard_tanh log_sigmoid relu relu6 selu sigmoid silu
nn *x: softplus softsign tanh_shrink
nn *x alpha: celu elu
nn *x approximate: gelu
nn *x axis: glu log_softmax softmax
nn *x b: squareplus
nn *x negative_slope: leaky_relu
nn *x num_classes axis dtype: one_hot
nn *x threshold: hard_shrink soft_shrink
numpy *a n axis: diff
numpy *condition *x1 *x2: where
numpy *x *fill_value dtype: full_like
numpy *x *indices axis: take take_along_axis
numpy *x *key: get_item
numpy *x axes: transpose
numpy *x axis *weights: average
numpy *x axis dtype: cumprod cumsum
numpy *x axis keepdims initial: max min
numpy *x axis keepdims: all amax amin any argmax argmin mean median prod std sum var
numpy *x axis1 axis2: swapaxes
numpy *x axis: argsort count_nonzero expand_dims flip sort squeeze stack
numpy *x decimals: round
numpy *x dtype: ones_like zeros_like
numpy *x indices_or_sections axis: split
numpy *x k: tril triu
numpy *x newshape: reshape
numpy *x offset axis1 axis2: diagonal trace
numpy *x pad_width mode *constant_values: pad
numpy *x repeats axis: repeat
numpy *x repeats: tile
numpy *x shift axis: roll
numpy *x source destination: moveaxis
numpy *x x_min x_max: clip
numpy *x1 *x2 axes: tensordot
numpy *x1 *x2 axis: append
numpy *x1 *x2: add arctan2 divide dot equal floor_divide greater greater_equal inner
numpy *x1 *x2: less less_equal logaddexp logical_and logical_or logical_xor matmul
numpy *x1 *x2: maximum minimum mod multiply not_equal outer power subtract true_divide
numpy *x: absolute arccos arccosh arcsin arcsinh arctan arctanh ceil copy cos cosh
numpy *x: exp exp2 expm1 floor isfinite isinf isnan log log10 log1p log2 logical_not
numpy *x: negative ravel reciprocal sign sin sinh sqrt square tan tanh
numpy *xs axis: concatenate
numpy *xs: hstack vstack
numpy subscripts *operands: einsum
"""
"""Where Keras has functions, and what they take, in order: with a star what their
classes are called with, and else what objects of these classes are made of."""


class Form(NamedTuple):
    """How Keras has a function: the module, and what it takes by position."""

    module: str
    names: list[str]

    def takes(self, name: str) -> bool:
        """Return whether an argument is one of the call."""
        return f"*{name}" in self.names


FORMS: dict[str, Form] = {
    function: Form(*form)
    for head, _, functions in (row.partition(": ") for row in _TABLE.split("\n")[1:-1])
    for form in ((head.split()[0], head.split()[1:]),)
    for function in functions.split()
}
"""By the names of functions."""

MODULE = "keras.src.ops."
"""Where the classes of operations are; a file says so of each."""

_FUNCTIONS = {
    (MODULE + form.module, protocol.class_name(Operation(name))): name
    for name, form in FORMS.items()
}
"""The names of functions, by modules and classes of Keras."""


def is_step(entry: Json) -> bool:
    """Tell whether an entry of a Functional is an operation, and no layer."""
    return isinstance(entry, dict) and str(entry.get("module")).startswith(MODULE)


def gives_several(entry: Json) -> bool:
    """Tell whether an entry is an operation that gives several arrays."""
    several = ("Split", "TopK", "Unstack")
    return is_step(entry) and isinstance(entry, dict) and entry["class_name"] in several


def read(entry: Any, name: Callable[[Json], str]) -> tuple[Operation, tuple[str, ...]]:
    """Return an operation of Keras as the layer that does the same, and what it takes.

    Args:
        entry: as Keras writes it, of one call.
        name: gives the name of what stands for an array.

    Raises:
        ArgumentError: there is no such layer.
    """
    kind, found = entry.get("class_name"), list[str]()
    function = _FUNCTIONS.get((entry["module"], str(kind)))
    config, nodes = entry.get("config"), entry.get("inbound_nodes")
    try:
        (node,) = nodes
        called = [_plain(one, name, found) for one in node["args"]]
        given = {n: _plain(v, name, found) for n, v in node["kwargs"].items()}
        made = {n: _plain(v, name, found) for n, v in config.items() if n != "name"}
        arguments, options = _as_ours(str(function), called, given | made)
        name_here = "_".join(config["name"].split())
        layer = Operation(str(function), arguments, options, name=name_here)
        found[0]
    except (TypeError, LookupError, ValueError, AttributeError):
        raise ArgumentError(
            f"{entry.get('name')!r} is the operation {kind} of Keras, called in a way "
            "that no layer here has: build the model here, with "
            "layers.Lambda(function)(x) in its place, and call model.load_weights."
        ) from None
    return layer, tuple(found)


def _as_ours(
    function: str, called: list[Any], given: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """Return what our function is called with, by place and by name.

    Raises:
        KeyError, ValueError: there is no such function, or it does not take that.
    """
    form = FORMS[function]
    ours = inspect.signature(ops.of_arrays(function)).parameters
    by_place = [name for name in form.names if name[0] == "*"]
    given |= dict(zip((name[1:] for name in by_place), called, strict=False))
    arguments: list[Any] = []
    options: list[tuple[str, Any]] = []
    for place, name in enumerate(n.strip("*") for n in form.names):
        if name not in given:
            continue
        value, own = given.pop(name), ours.get(name)
        if own is not None and (type(value), value) == (type(own.default), own.default):
            continue
        named = own is None or own.kind is own.POSITIONAL_ONLY or form.takes(name)
        if named and place == len(arguments):
            arguments.append(value)
        else:
            options.append((name, value))
    arguments += called[len(by_place) :]
    if any(given.values()):
        raise ValueError(f"{function} takes no {[*given]}")
    return tuple(arguments), tuple(options)


def _plain(value: Json, name: Callable[[Json], str], found: list[str]) -> Any:
    """Return an argument as an operation has it; the way back from `_json`.

    Raises:
        TypeError, KeyError, ValueError: it is none.
    """
    if isinstance(value, list):
        return tuple(_plain(entry, name, found) for entry in value)
    if isinstance(value, str) and value[:1] == "{":
        raise ValueError(value)
    if not isinstance(value, dict):
        return value
    kind, config = value["class_name"], value["config"]
    if kind == "__keras_tensor__":
        found.append(name(value))
        return f"{{{len(found) - 1}}}"
    if kind == "__slice__":
        ends = (config["start"], config["stop"], config["step"])
        return (SLICE, *(_plain(end, name, found) for end in ends))
    if kind == "__ellipsis__":
        return REST
    if kind not in ("__tuple__", "__numpy__", "__array__", "__tensor__"):
        raise ValueError(kind)
    own = _plain(config["value"], name, found)
    arrays = kind != "__tuple__" and isinstance(own, tuple)
    return (ARRAY, str(config["dtype"]), own) if arrays else own


def written(layer: Operation, name: str) -> dict[str, Json]:
    """Return an operation as Keras writes it, but for its calls.

    Raises:
        ArgumentError: Keras has it not, or otherwise.
    """
    form, _, config = _arguments(layer)
    kind = protocol.class_name(layer)
    return {
        "module": MODULE + form.module,
        "class_name": kind,
        "config": {"name": name} | {n: _json(v, _none) for n, v in config.items()},
        "registered_name": kind,
    }


def node(layer: Operation, tensor: Callable[[int], Json]) -> dict[str, Json]:
    """Return a call of an operation as Keras writes it.

    Args:
        layer: the operation.
        tensor: gives what stands for its inputs, by their number.
    """
    _, given, _ = _arguments(layer)
    named = {n: _json(v, tensor) for n, v in given.items() if n}
    return {"args": [_json(v, tensor) for v in given.get("", ())], "kwargs": named}


def _arguments(layer: Operation) -> tuple[Form, dict[str, Any], dict[str, Any]]:
    """Return what an operation is called with, by "" what has no name, and made of."""
    form = FORMS.get(layer.function)
    if form is None:
        raise _absent(layer, "which Keras has not as a step of a model")
    names = [*form.names]
    names += names[-1:] * (len(layer.arguments) - len(names))
    pairs = zip(names, layer.arguments, strict=False)
    called: list[Any] = []
    config: dict[str, Any] = {}
    given: dict[str, Any] = {"": called}
    for name, value in pairs:
        if name[0] == "*":
            called.append(value)
        else:
            config[name] = value
    for name, value in layer.options:
        if not form.takes(name) and name not in form.names:
            raise _absent(layer, f"and Keras's has no {name}")
        (given if form.takes(name) else config)[name] = value
    return form, given, config


def _absent(layer: Operation, why: str) -> ArgumentError:
    return ArgumentError(
        f"ops.{layer.function} cannot be written as Keras does: it is one {why}. "
        "Give the file a name that ends in '.safetensors', or keep the weights alone "
        "with model.save_weights."
    )


def _none(_: int) -> Json:
    raise ArgumentError(
        "what says how an operation computes is computed itself, and cannot be written "
        "as Keras does: give the file a name that ends in '.safetensors'."
    )


def _json(value: Any, tensor: Callable[[int], Json]) -> Json:
    """Return an argument of an operation as Keras writes it."""
    if isinstance(value, tuple):
        entries = [_json(entry, tensor) for entry in value]
        if value[:1] == (SLICE,):
            ends = dict(zip(("start", "stop", "step"), entries[1:], strict=True))
            return {"class_name": "__slice__", "config": ends}
        if value[:1] == (ARRAY,):
            config = {"value": entries[2], "dtype": value[1]}
            return {"class_name": "__numpy__", "config": config}
        return entries
    if value == REST:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, str) and value[:1] == "{" and value not in (SLICE, ARRAY):
        return tensor(int(value[1:-1]))
    return value
