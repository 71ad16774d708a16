"""What a user gives for an array becomes a NumPy array of numbers, or one sentence.

What other libraries give is known by what it has, and nothing is imported for it.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import notices
from jaxnet_mini.base.arguments import named_parts
from jaxnet_mini.core.networks.composed import Composed, indexed
from jaxnet_mini.core.networks.graph import names_in
from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.core.types import Shape, is_numeric
from jaxnet_mini.data import tables
from jaxnet_mini.data.contents import advice
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError, short

Convert: TypeAlias = Callable[[Any, str], Any]
"""Makes an array of what is called by a name."""


def is_array(value: Any) -> bool:
    """Tell whether ``value`` is one array or table, however it is kept or read.

    What `as_array` refuses with advice is one too, such as a sparse matrix.
    """
    known = hasattr(value, "__array__") or _dense_method(value) is not None
    return known or _is_lazy(value) or _is_column(value) or tables.is_table(value)


def as_array(value: Any, argument: str) -> NDArray[Any]:
    """Return ``value`` as a numeric array with at least one row.

    Raises:
        DataError: it is None, ragged, masked, sparse, empty, or of no numeric dtype.
    """
    array = as_numeric(value, argument)
    if array.ndim == 0:
        raise DataError(
            f"{argument} is a single number: give one row per example, for one such as "
            f"np.array([{argument.removeprefix('validation ')}])."
        )
    if array.size == 0:
        raise DataError(
            f"{argument} is empty (shape {array.shape}): give at least one row."
        )
    return array


def as_numeric(value: Any, argument: str) -> NDArray[Any]:
    """Return ``value`` as a numeric array of any shape, see `as_array`."""
    if type(value) is not np.ndarray:
        _check_kind(value, argument)
        if tables.is_table(value):
            return tables.as_numbers(value, argument)
    array = _read(value, argument)
    if not is_numeric(array.dtype):
        raise DataError(
            f"{argument} has dtype {array.dtype}, and real numbers are expected: "
            + advice(array, in_code(value, argument))
        )
    return array


def in_code(value: Any, argument: str) -> str:
    """Return how code writes an argument where it asks for an array's methods."""
    own = argument.removeprefix("validation ")
    return own if isinstance(value, np.ndarray | jax.Array) else f"np.array({own})"


def _check_kind(value: Any, argument: str) -> None:
    """Raise a DataError where ``value`` is seen to be no array without reading it."""
    own = argument.removeprefix("validation ")
    if value is None:
        raise DataError(f"{argument} is None: give an array with one row per example.")
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(
            f"{argument} is a masked array, and the mask would be lost: fill it with "
            f"{own}.filled(value) or drop the masked rows."
        )
    if isinstance(value, Mapping):
        if len(value) == 1:
            words = f"give {own}[{short(next(iter(value)))}]."
        else:
            words = f"join its columns with np.stack([*{own}.values()], axis=-1)."
        raise DataError(
            f"{argument} is a {type(value).__name__} of {len(value)}, and one array is "
            f"expected: {words}"
        )
    if isinstance(value, Set):
        raise DataError(
            f"{argument} is a {type(value).__name__}, whose values have no order: give "
            "a list or an array of them."
        )
    if isinstance(value, str | bytes):
        raise DataError(
            f"{argument} is {short(value)}, and an array is expected: give what it "
            f"names, for example np.load({own}) for a file."
        )
    method = _dense_method(value)
    if method is not None:
        size = math.prod(value.shape) * np.dtype(value.dtype).itemsize
        raise DataError(
            f"{argument} is a sparse matrix of shape {tuple(value.shape)}, and these "
            f"are trained on as arrays: write {own}.{method}(), which takes "
            f"{size:,} bytes."
        )


def _dense_method(value: Any) -> str | None:
    """Return the method that makes an array of a sparse matrix, None where none is."""
    if isinstance(value, type) or not (hasattr(value, "nnz") or hasattr(value, "nse")):
        return None
    return next((m for m in ("toarray", "todense") if hasattr(value, m)), None)


def _is_lazy(value: Any) -> bool:
    """Tell whether parts of ``value`` are read when asked for, as in h5py and zarr."""
    return all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__"))


def _is_column(value: Any) -> bool:
    """Tell whether ``value`` is a column of a data set of Hugging Face's."""
    return isinstance(value, Sequence) and hasattr(value, "column_name")


def _read(value: Any, argument: str) -> NDArray[Any]:
    """Return ``value`` as an array of whatever dtype."""
    try:
        if not hasattr(value, "__array__"):
            if _is_lazy(value):
                return np.asarray(value[...])
            if _is_column(value):
                return np.asarray(value[:])
        return np.asarray(value)
    except (ValueError, OSError, RuntimeError) as error:
        if not isinstance(value, list | tuple):
            raise DataError(
                f"{argument} cannot be read ({error}): keep its file open, or read it "
                f"before with np.array({argument.removeprefix('validation ')})."
            ) from None
        advice = "all rows need one shape."
        if _has_parts(value):
            advice = f"join the arrays with np.concatenate({argument}, axis=-1)."
        raise DataError(
            f"{argument} is no rectangular array ({error}): {advice}"
        ) from None


def _has_parts(value: Any) -> bool:
    """Tell whether ``value`` is a list of several inputs, each with all rows."""
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    shapes = [np.shape(part) for part in value if isinstance(part, np.ndarray)]
    alike = len({(len(s), *s[:-1]) for s in shapes}) == 1
    return len(shapes) == len(value) and alike and len(shapes[0]) > 1


def without_list(value: Any, rows: int | None = None, row: Shape | None = None) -> Any:
    """Return X of ``[X]``, a list of one input as Keras takes it; else ``value``.

    A list of one row is such a list too. What tells them apart is the shape of a row
    where it is known, or that so many rows are expected, and more than one.
    """
    if not isinstance(value, list | tuple) or len(value) != 1 or not is_array(value[0]):
        return value
    shape = _shape(value[0])
    if row is not None:
        return value[0] if shape and shape[1:] == row else value
    return value[0] if rows not in (None, 1) and shape[:1] == (rows,) else value


def without_name(value: Any, name: Any) -> Any:
    """Return X of ``{name: X}``, the only input or output by its name; else ``value``.

    >>> without_name({"x": 3}, "x"), without_name(3, "x")
    (3, 3)
    """
    one = isinstance(value, Mapping) and [*value] == [name]
    return value[name] if one else value


def rows_of(value: Any) -> int | None:
    """Return the number of rows of targets, which may stand in a list of one."""
    if isinstance(value, list | tuple) and len(value) == 1 and is_array(value[0]):
        value = value[0]
    shape = _shape(value) if is_array(value) else ()
    return shape[0] if shape else len(value) if hasattr(value, "__len__") else None


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or a table, without reading it where it has one."""
    own = getattr(value, "shape", None)
    return tuple(own) if isinstance(own, tuple) else np.shape(value)


def as_inputs(
    value: Any, outline: NetOutline, argument: str, convert: Convert = as_array
) -> Any:
    """Return inputs as numeric arrays, with rows that the network takes.

    Args:
        value: what a user gave: an array; of several inputs a list, where their order
            is known, or a dictionary by their names.
        outline: of the network.
        argument: what messages call them.
        convert: makes an array of one.

    Returns:
        An array; of several inputs a dictionary by name.

    Raises:
        DataError: see `as_array`; or several differ in their rows, or a layer of
            categories does not know an index.
        ArgumentError: some of several are missing, their names unknown, or not given
            where there is no order.
        ShapeError: the rows have another shape.
    """
    expected, several = outline.inputs, {}
    if not isinstance(expected, dict):
        name = outline.input_name or getattr(outline.net, "inputs", None)
        value = without_name(value, name)
        value = without_list(value, row=expected)
        array = with_column(convert(value, argument), expected)
        layer = f"layer {outline.parts[0].name!r}"
        check_features(value, array.shape, expected, layer, argument)
        _check_indices(outline.net, array, {argument: array})
        return array
    check_by_name(outline.net, argument, value)
    first, value = None, _without_more(value, expected, argument)
    parts = named_parts(argument, value, [*expected], "inputs")
    for name, (own, given) in parts.items():
        array = several[name] = with_column(convert(given, own), expected[name])
        check_features(given, array.shape, expected[name], f"the input {name!r}", own)
        first = first or (own, len(array))
        check_rows(first[1], array, own, first[0])
    named = {own: several[name] for name, (own, _) in parts.items()}
    _check_indices(outline.net, several, named)
    return several


def check_by_name(net: Any, argument: str, given: Any) -> None:
    """Raise an ArgumentError for inputs in an order that the network does not have."""
    inputs = getattr(net, "inputs", "")
    keyed = not isinstance(inputs, str) and not isinstance(inputs[0], str)
    if keyed and isinstance(given, list | tuple):
        raise ArgumentError(
            f"{argument} is a {type(given).__name__}, and the inputs have names and no "
            "order: give a dictionary with the keys "
            f"{', '.join(map(repr, names_in(inputs)))}."
        )


def _without_more(value: Any, names: Mapping[str, Any], argument: str) -> Any:
    """Return inputs by their names without others, which a warning tells of."""
    more = value.keys() - names.keys() if isinstance(value, Mapping) else ()
    if not more or names.keys() - value.keys():
        return value
    notices.warn(
        f"{argument} has {', '.join(map(repr, sorted(more, key=str)))}, which the "
        f"model does not take, and it is left out: its inputs are "
        f"{', '.join(map(repr, names))}."
    )
    return {name: value[name] for name in names}


def with_column(array: Any, expected: Shape) -> Any:
    """Return numbers as rows of one number where a network takes such, as Keras does.

    >>> with_column(np.zeros(5), (1,)).shape, with_column(np.zeros(5), (2,)).shape
    ((5, 1), (5,))
    """
    if expected[-1:] != (1,) or not array.ndim or array.shape[1:] != expected[:-1]:
        return array
    return array[..., None]


def _check_indices(net: Composed, inputs: Any, named: Mapping[str, Any]) -> None:
    """Raise a DataError where a layer of categories gets an index that it has not.

    Args:
        net: the layers.
        inputs: checked, of several a dictionary.
        named: the arrays by what messages call them.
    """
    called = {id(array): argument for argument, array in named.items()}
    for layer, array in indexed(net, net.named_inputs(inputs)):
        if not isinstance(array, np.ndarray):
            continue  # it may be traced
        count: int = layer.categories
        if np.min(array) > -1 and np.max(array) < count:  # floats are cut
            continue
        where, value = position(array, ~((array > -1) & (array < count)))
        raise DataError(
            f"{called[id(array)]} holds the index {value} at {where}, and {layer!r} "
            f"knows the indices from 0 to {count - 1}: number categories from 0, and "
            "make the layer with one more than the largest."
        )


def check_rows(rows: int, array: Any, argument: str, of: str = "x") -> None:
    """Raise a DataError where ``array`` has not one row per row of ``x``."""
    if len(array) != rows:
        raise DataError(
            f"{argument} has {len(array)} rows and {of} has {rows}: give one row of "
            f"{argument} for each row of {of}."
        )


def check_features(
    value: Any, shape: tuple[int, ...], expected: Shape, taker: str, argument: str
) -> None:
    """Raise a ShapeError where rows of ``shape[1:]`` do not fit what takes them."""
    if shape[1:] == expected:
        return
    advice = f"give it rows of {expected}, or build the model with another input_shape."
    own = in_code(value, argument)
    if shape == expected:
        advice = f"it looks like one example, so write {own}[None]."
    elif _has_parts(value):
        advice = f"join the arrays with np.concatenate({argument}, axis=-1)."
    elif math.prod(shape[1:]) == math.prod(expected):
        sizes = ", ".join(map(str, (-1, *expected)))
        advice = f"write {own}.reshape({sizes})."
    raise ShapeError(
        f"{taker} takes inputs of shape {expected} and {argument} has rows of "
        f"shape {tuple(shape[1:])}: {advice}"
    )


def row_shape(x: Any, y: Any) -> Shape:
    """Return the shape of a row of inputs of which nothing is known yet."""
    x = without_list(x, rows=rows_of(y))
    with contextlib.suppress(Exception):  # as of a file that is closed
        if is_numeric(np.dtype(x.dtype)) and x.shape and 0 not in x.shape:
            return tuple(x.shape[1:])  # without reading what may be in a file
    return as_array(x, "x").shape[1:]


def position(
    array: NDArray[Any], bad: NDArray[Any], first_row: int = 0
) -> tuple[str, Any]:
    """Return in words where ``bad`` is first true, and what stands there.

    Rows are counted from ``first_row`` on, where ``array`` is a part of another.
    """
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
    where = f"row {first_row + index[0]}"
    if len(index) > 1:
        where += f", position {index[1:] if len(index) > 2 else index[1]}"
    return where, array[index]
