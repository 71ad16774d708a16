"""Functions of `jaxnet_mini.ops` in ONNX, where they are steps of a model."""

import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxnet_mini.core import ops
from jaxnet_mini.core.operations import _filled
from jaxnet_mini.errors import LayerError
from jaxnet_mini.export.nodes import Tensor
from jaxnet_mini.export.onnx_functions import FUNCTIONS, refused
from jaxnet_mini.export.onnx_layers import WrittenLayer

Arguments = dict[str, Any]

_TABLE = """
abs Abs, absolute Abs, negative Neg, exp Exp, log Log, sqrt Sqrt, ceil Ceil, erf Erf,
floor Floor, sign Sign, sin Sin, cos Cos, tan Tan, sinh Sinh, cosh Cosh, arcsin Asin,
arccos Acos, arctan Atan, arcsinh Asinh, arccosh Acosh, arctanh Atanh, add Add,
reciprocal Reciprocal, subtract Sub, multiply Mul, divide Div, true_divide Div,
power Pow, maximum Max, minimum Min, matmul MatMul,
stop_gradient Identity
"""
_COMPUTING = dict(row.split() for row in _TABLE.split(","))
"""Operators that take, and give, numbers of one dtype."""

_TELLING = {
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
    "logical_not": "Not",
}
"""Operators that give truth values."""

_REDUCING = {
    "sum": "ReduceSum",
    "mean": "ReduceMean",
    "prod": "ReduceProd",
    "max": "ReduceMax",
    "amax": "ReduceMax",
    "min": "ReduceMin",
    "amin": "ReduceMin",
    "logsumexp": "ReduceLogSumExp",
}


def _name(at: WrittenLayer, value: Any, dtype: Any = None) -> str:
    """Return the name of an argument, in the dtype of the result or in another."""
    dtype = at.y.dtype if dtype is None else dtype
    if isinstance(value, Tensor):
        return at.nodes.cast(value, dtype).name
    return at.nodes.constant(value, dtype)


def _computed(at: WrittenLayer, given: Arguments) -> str:
    names = [_name(at, value) for value in given["args"]]
    return at.nodes.add(_COMPUTING[at.layer.function], *names)


def _told(at: WrittenLayer, given: Arguments) -> str:
    values, operator = given["args"], _TELLING[at.layer.function]
    dtype: Any = jnp.result_type(*(getattr(v, "dtype", v) for v in values))
    if at.layer.floats:
        dtype = jnp.result_type(dtype, jnp.zeros(()).dtype)
    if operator in ("And", "Or", "Xor", "Not"):
        dtype = np.bool_
    return at.nodes.add(operator, *(_name(at, v, dtype) for v in values))


def _chosen(at: WrittenLayer, given: Arguments) -> str:
    where, *values = given["args"]
    names = [_name(at, value) for value in values]
    return at.nodes.add("Where", _name(at, where, np.bool_), *names)


def _clipped(at: WrittenLayer, given: Arguments) -> str:
    y = _name(at, given["arr"])
    for operator, end in (("Max", given["min"]), ("Min", given["max"])):
        y = y if end is None else at.nodes.add(operator, y, _name(at, end))
    return y


def _squared(at: WrittenLayer, given: Arguments) -> str:
    x = _name(at, *given["args"])
    return at.nodes.add("Mul", x, x)


def _inverse_root(at: WrittenLayer, given: Arguments) -> str:
    root = at.nodes.add("Sqrt", _name(at, *given["args"]))
    return at.nodes.add("Reciprocal", root)


def _summed(at: WrittenLayer, given: Arguments) -> str:
    return at.nodes.add(
        "Einsum",
        *(_name(at, value) for value in given["operands"]),
        equation=given["subscripts"].replace(" ", ""),
    )


def _reduced(at: WrittenLayer, given: Arguments) -> str:
    axes = at.nodes.constant(np.atleast_1d(given["axis"]), np.int64)
    operator, keep = _REDUCING[at.layer.function], int(given["keepdims"])
    return at.nodes.add(operator, _name(at, given["a"]), axes, keepdims=keep)


def _place_of_largest(at: WrittenLayer, given: Arguments) -> str:
    options = {"axis": given["axis"], "keepdims": int(bool(given["keepdims"]))}
    y = at.nodes.add("ArgMax", given["a"].name, **options)
    return at.nodes.cast(Tensor(y, at.y.shape[1:], np.dtype(np.int64)), at.y.dtype).name


def _cast(at: WrittenLayer, given: Arguments) -> str:
    return _name(at, given["x"])


def _shaped(at: WrittenLayer, given: Arguments) -> str:
    return at.shaped(_name(at, given["a"]))


def _moved(at: WrittenLayer, given: Arguments) -> str:
    x, *how = given.values()
    # Of axes of different lengths their order is seen afterwards.
    lengths = np.empty([*range(1, x.rank + 1)])
    moved = getattr(np, at.layer.function)(lengths, *how).shape
    return at.nodes.add("Transpose", _name(at, x), perm=[n - 1 for n in moved])


def _concatenated(at: WrittenLayer, given: Arguments) -> str:
    names = [_name(at, value) for value in given["arrays"]]
    return at.nodes.add("Concat", *names, axis=given["axis"])


def _stacked(at: WrittenLayer, given: Arguments) -> str:
    axis = given["axis"] % len(at.y.shape)
    names = [at.reduced("Unsqueeze", _name(at, v), [axis]) for v in given["arrays"]]
    return at.nodes.add("Concat", *names, axis=axis)


def _taken(at: WrittenLayer, given: Arguments) -> str:
    """Write ``x[key]`` of numbers, slices, None and one ellipsis."""
    x, key = given["x"], given["key"]
    entries = [*key] if isinstance(key, tuple) else [key]
    kinds = (int, slice, type(None), type(...))
    if not all(isinstance(own, kinds) for own in entries):
        raise refused(at.nodes, f"the indices {key!r}")
    named = sum(own is not None and own is not ... for own in entries)
    place = entries.index(...) if ... in entries else len(entries)
    entries[place : place + 1] = [slice(None)] * (x.rank - named)
    slices = [own for own in entries if own is not None]
    if slices[0] != slice(None):
        raise refused(at.nodes, f"the indices {key!r} of the batch axis")
    bounds = []
    for axis, (own, size) in enumerate(zip(slices[1:], x.shape, strict=True), 1):
        if own == slice(None):
            continue
        if isinstance(own, int):
            own = slice(own % size, own % size + 1)
        start, stop, step = own.indices(size)
        bounds.append((start, stop if stop >= 0 else -size - 1, axis, step))
    y = _name(at, x)
    if bounds:
        ends = (at.nodes.constant(own, np.int64) for own in zip(*bounds, strict=True))
        y = at.nodes.add("Slice", y, *ends)
    return at.shaped(y)


def _activation(at: WrittenLayer, given: Arguments) -> str:
    name, x = at.layer.function, given["x"]
    if name == "gelu" and given["approximate"]:
        name = "jax.nn.gelu"
    if given.get("axis", -1) not in (-1, x.rank - 1):
        raise _refused(at)
    floats = Tensor(_name(at, x), x.shape, np.dtype(at.y.dtype))
    return FUNCTIONS[name](at.nodes, floats)


def _refused(at: WrittenLayer) -> LayerError:
    return refused(at.nodes, f"ops.{at.layer.function} with these arguments")


_Writer = Callable[[WrittenLayer, Arguments], str]

_OF_ARRAYS: dict[str, _Writer] = {
    **dict.fromkeys(_COMPUTING, _computed),
    **dict.fromkeys(_TELLING, _told),
    "where": _chosen,
    "square": _squared,
    "rsqrt": _inverse_root,
}
"""What takes arrays and numbers alone, by their places."""

_BY_NAME: dict[str, _Writer] = {
    **dict.fromkeys(FUNCTIONS, _activation),
    **dict.fromkeys(_REDUCING, _reduced),
    "clip": _clipped,
    "einsum": _summed,
    "argmax": _place_of_largest,
    "cast": _cast,
    "reshape": _shaped,
    "expand_dims": _shaped,
    "squeeze": _shaped,
    "transpose": _moved,
    "swapaxes": _moved,
    "moveaxis": _moved,
    "concatenate": _concatenated,
    "stack": _stacked,
    "get_item": _taken,
}
"""What takes its arguments by the names that JAX has for them."""

_UNDERSTOOD = {
    *("a", "x", "arr", "arrays", "operands", "subscripts", "key", "shape", "axis"),
    *("axes", "axis1", "axis2", "source", "destination", "keepdims", "approximate"),
    *("min", "max"),
}


def operation(at: WrittenLayer, x: Any) -> str:
    """Write a step of a model; return the name of what it gives.

    Raises:
        LayerError: no operator does it, with these arguments.
    """
    layer, inputs = at.layer, x if isinstance(x, tuple) else (x,)
    given = [_filled(value, inputs) for value in layer.arguments]
    named = {name: _filled(value, inputs) for name, value in layer.options}
    if layer.function in _OF_ARRAYS and not named:
        return _OF_ARRAYS[layer.function](at, {"args": given})
    if layer.function in _BY_NAME:
        function = ops.of_arrays(layer.function)
        bound = inspect.signature(function).bind(*given, **named)
        understood = _UNDERSTOOD | ({"dtype"} if layer.function == "cast" else set())
        said = {*bound.arguments} - understood
        bound.apply_defaults()
        if not said:
            return _BY_NAME[layer.function](at, bound.arguments)
    raise _refused(at)
