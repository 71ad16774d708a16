"""Layers in ONNX: what each of them writes."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core import layers
from jaxnet_mini.core.layers.standardization import LEAST
from jaxnet_mini.core.types import Params
from jaxnet_mini.export.nodes import Nodes, Tensor
from jaxnet_mini.export.onnx_functions import LAYERS, activated


class WrittenLayer(NamedTuple):
    """A layer that is being written.

    Args:
        nodes: where.
        layer: which.
        arrays: its parameters and what it remembers.
        y: shape, with two rows, and dtype of what it gives.
    """

    nodes: Nodes
    layer: Any
    arrays: Params
    y: Any

    def weight(self, name: str) -> str:
        """Return the name of one of its arrays in the graph."""
        return self.nodes.weight(name, self.arrays[name])

    def floats(self, x: Tensor) -> Tensor:
        """Return what came in as floats, of the dtype in which the layer computes."""
        return self.nodes.cast(x, self.y.dtype)

    def shaped(self, name: str) -> str:
        """Return numbers in the shape of what the layer gives."""
        shape = self.nodes.constant([0, *self.y.shape[1:]], np.int64)
        return self.nodes.add("Reshape", name, shape)

    def reduced(self, operator: str, name: str, axes: Iterable[int]) -> str:
        """Return what an operator makes along axes of what has them."""
        return self.nodes.add(operator, name, self.nodes.constant([*axes], np.int64))


def along(axes: Iterable[int], values: Any, rank: int) -> NDArray[Any]:
    """Return values of some axes of a batch with as many axes as it has."""
    others = tuple(a for a in range(rank) if a not in {*axes})
    spread: NDArray[Any] = np.expand_dims(values, others)
    return spread


def _same(_: WrittenLayer, x: Tensor) -> str:
    return x.name


def _activation(at: WrittenLayer, x: Tensor) -> str:
    return activated(at.nodes, at.layer, at.floats(x))


def _prelu(at: WrittenLayer, x: Tensor) -> str:
    return at.nodes.add("PRelu", at.floats(x).name, at.weight("alpha"))


def _dense(at: WrittenLayer, x: Tensor) -> str:
    nodes, x = at.nodes, at.floats(x)
    # By name: a loop hands parameters back sorted.
    kernel = at.weight("kernel")
    bias = [at.weight("bias")] if at.layer.use_bias else []
    if x.rank == 2:
        y = nodes.add("Gemm", x.name, kernel, *bias)
    else:
        y = nodes.add("MatMul", x.name, kernel)
        y = nodes.add("Add", y, *bias) if bias else y
    return activated(nodes, at.layer.activation, Tensor(y, at.y.shape[1:], x.dtype))


def _rescaling(at: WrittenLayer, x: Tensor) -> str:
    scale = at.nodes.constant(at.layer.scale, at.y.dtype)
    offset = at.nodes.constant(at.layer.offset, at.y.dtype)
    return at.nodes.add("Add", at.nodes.add("Mul", at.floats(x).name, scale), offset)


# Categories


def _checked(at: WrittenLayer, x: Tensor) -> tuple[Tensor, str]:
    """Write indices brought into the range, and which of them were in it."""
    nodes, index = at.nodes, at.nodes.cast(x, np.int32)
    ends = (nodes.constant(n, np.int32) for n in (0, at.layer.categories - 1))
    inside = nodes.add("Clip", index.name, *ends)
    return Tensor(inside, x.shape, index.dtype), nodes.add("Equal", index.name, inside)


def _or_nan(at: WrittenLayer, known: str, y: str) -> str:
    """Write NaN in the place of rows of an index that is not known."""
    last = at.nodes.constant([-1], np.int64)
    known = at.nodes.add("Unsqueeze", known, last)
    return at.nodes.add("Where", known, y, at.nodes.constant(math.nan, at.y.dtype))


def _embedding(at: WrittenLayer, x: Tensor) -> str:
    # A runtime may take an index that is not known for another one.
    index, known = _checked(at, x)
    rows = at.nodes.add("Gather", at.weight("embeddings"), index.name)
    return _or_nan(at, known, rows)


def _category_encoding(at: WrittenLayer, x: Tensor) -> str:
    nodes, (index, known) = at.nodes, _checked(at, x)
    depth = nodes.constant([at.layer.num_tokens], np.int64)
    ends = nodes.constant([0.0, 1.0], at.y.dtype)
    y = nodes.add("OneHot", nodes.cast(index, np.int64).name, depth, ends, axis=-1)
    y = _or_nan(at, known, y)
    if at.layer.output_mode != "one_hot":
        y = nodes.add("ReduceSum", y, nodes.constant([-2], np.int64), keepdims=0)
    if at.layer.output_mode == "multi_hot":  # what is there n times is n / n
        y = nodes.add("Div", y, nodes.add("Max", y, nodes.constant(1.0, at.y.dtype)))
    return at.shaped(y)


# Merging


def _alike(at: WrittenLayer, given: Sequence[Tensor]) -> list[Tensor]:
    """Write inputs as floats of one dtype, and of as many axes."""
    most = max(one.rank for one in given)
    found = []
    for one in map(at.floats, given):
        missing = [*range(1, 1 + most - one.rank)]
        name = at.reduced("Unsqueeze", one.name, missing) if missing else one.name
        found.append(Tensor(name, (1,) * len(missing) + one.shape, one.dtype))
    return found


def _merge(operator: str) -> Callable[[WrittenLayer, Any], str]:
    """Return what writes an operator of two inputs, or of any number of them."""

    def write(at: WrittenLayer, given: Any) -> str:
        first, *others = [one.name for one in _alike(at, given)]
        if operator in ("Sum", "Mean", "Max", "Min"):
            return at.nodes.add(operator, first, *others)
        for other in others:
            first = at.nodes.add(operator, first, other)
        return first

    return write


def _add(at: WrittenLayer, given: Any) -> str:
    return _merge("Add" if len(given) == 2 else "Sum")(at, given)


def _concatenate(at: WrittenLayer, given: Any) -> str:
    names = [at.floats(one).name for one in given]
    return at.nodes.add("Concat", *names, axis=at.layer.axis)


def _dot(at: WrittenLayer, given: Any) -> str:
    axes = at.layer.axes
    axes = (axes, axes) if isinstance(axes, int) else axes
    names, terms = [], []
    for letters, axis, one in zip(("ABCDE", "abcde"), axes, given, strict=True):
        place, x = axis % one.rank, at.floats(one)
        names.append(_unit(at, x, (place,), zero=1.0) if at.layer.normalize else x.name)
        own = {0: "n", place: "s"}
        terms.append("".join(own.get(a, letters[a % 5]) for a in range(one.rank)))
    kept = "".join(letter for letter in "".join(terms) if letter not in "ns")
    equation = f"{','.join(terms)}->n{kept}"
    y = at.nodes.add("Einsum", *names, equation=equation)
    return y if kept else at.reduced("Unsqueeze", y, [1])


# Normalizing


def _unit(at: WrittenLayer, x: Tensor, axes: Iterable[int], zero: float | None) -> str:
    """Write vectors divided by their lengths; those of length 0 by another."""
    nodes, squares = at.nodes, at.reduced("ReduceSumSquare", x.name, axes)
    if zero is None:
        squares = nodes.add("Max", squares, nodes.constant(1e-24, x.dtype))
    else:
        none = nodes.add("Equal", squares, nodes.constant(0.0, x.dtype))
        squares = nodes.add("Where", none, nodes.constant(zero, x.dtype), squares)
    return nodes.add("Div", x.name, nodes.add("Sqrt", squares))


def _unit_normalization(at: WrittenLayer, x: Tensor) -> str:
    return _unit(at, at.floats(x), at.layer.axes(x.shape), zero=None)


def _scaled(at: WrittenLayer, y: str, axes: Iterable[int], rank: int) -> str:
    """Write ``gamma * y + beta``, or ``scale * y``, as far as there are such."""
    operators = {"gamma": "Mul", "scale": "Mul", "beta": "Add"}
    for name, operator in operators.items():
        if name in at.arrays:
            values = along(axes, np.asarray(at.arrays[name]), rank)
            y = at.nodes.add(operator, y, at.nodes.weight(name, values))
    return y


def _root(at: WrittenLayer, mean: str) -> str:
    """Write ``sqrt(mean + epsilon)``."""
    least = at.nodes.constant(at.layer.epsilon, at.y.dtype)
    return at.nodes.add("Sqrt", at.nodes.add("Add", mean, least))


def _affine(at: WrittenLayer, sizes: Sequence[int]) -> tuple[str, str]:
    """Return gamma and beta, ones and zeros where there are none."""
    ones, zeros = (np.full(sizes, n, at.y.dtype) for n in (1.0, 0.0))
    pairs = ("gamma", ones), ("beta", zeros)
    gamma, beta = (
        at.weight(n) if n in at.arrays else at.nodes.constant(v) for n, v in pairs
    )
    return gamma, beta


def _layer_normalization(at: WrittenLayer, x: Tensor) -> str:
    nodes, x, axes = at.nodes, at.floats(x), at.layer.axes(x.shape)
    if axes == tuple(range(axes[0], x.rank)):
        own = _affine(at, at.layer.sizes(x.shape))
        options = {"axis": axes[0], "epsilon": float(at.layer.epsilon)}
        return nodes.add("LayerNormalization", x.name, *own, **options)
    # The operator takes the last axes alone.
    apart = nodes.add("Sub", x.name, at.reduced("ReduceMean", x.name, axes))
    variance = at.reduced("ReduceMean", nodes.add("Mul", apart, apart), axes)
    return _scaled(at, nodes.add("Div", apart, _root(at, variance)), axes, x.rank)


def _rms_normalization(at: WrittenLayer, x: Tensor) -> str:
    nodes, x, axes = at.nodes, at.floats(x), at.layer.axes(x.shape)
    squares = at.reduced("ReduceMean", nodes.add("Mul", x.name, x.name), axes)
    return _scaled(at, nodes.add("Div", x.name, _root(at, squares)), axes, x.rank)


def _batch_normalization(at: WrittenLayer, x: Tensor) -> str:
    nodes, y = at.nodes, at.floats(x).name
    (axis,) = at.layer.axes(x.shape)
    others = [a for a in range(1, x.rank) if a != axis]
    order = [0, axis, *others]
    if axis != 1:  # where the operator has the features
        y = nodes.add("Transpose", y, perm=order)
    own = _affine(at, at.layer.sizes(x.shape))
    moving = (at.weight(f"moving_{name}") for name in ("mean", "variance"))
    epsilon = float(at.layer.epsilon)
    y = nodes.add("BatchNormalization", y, *own, *moving, epsilon=epsilon)
    if axis != 1:
        y = nodes.add("Transpose", y, perm=[order.index(a) for a in range(x.rank)])
    return y


def _normalization(at: WrittenLayer, x: Tensor) -> str:
    nodes, y, axes = at.nodes, at.floats(x).name, at.layer.axes(x.shape)
    found = [at.arrays[n] for n in ("mean", "variance") if n in at.arrays]
    mean, variance = map(np.asarray, found or at.layer._known(x.shape))
    deviation = np.maximum(np.sqrt(variance), np.asarray(LEAST, variance.dtype))
    pairs = {"mean": mean, "deviation": deviation}
    apart, size = (
        nodes.weight(name, along(axes, value.astype(at.y.dtype), x.rank))
        for name, value in pairs.items()
    )
    if at.layer.invert:
        return nodes.add("Add", nodes.add("Mul", y, size), apart)
    return nodes.add("Div", nodes.add("Sub", y, apart), size)


# Shapes


def _flatten(at: WrittenLayer, x: Tensor) -> str:
    return at.nodes.add("Flatten", x.name, axis=1)


def _reshape(at: WrittenLayer, x: Tensor) -> str:
    return at.shaped(x.name)


def _permute(at: WrittenLayer, x: Tensor) -> str:
    return at.nodes.add("Transpose", x.name, perm=[0, *at.layer.dims])


def _repeat_vector(at: WrittenLayer, x: Tensor) -> str:
    size = at.nodes.constant([1, at.layer.n, 1], np.int64)
    return at.nodes.add("Expand", at.reduced("Unsqueeze", x.name, [1]), size)


Writer = Callable[[WrittenLayer, Any], str]

WRITERS: dict[Any, Writer] = {
    **dict.fromkeys(LAYERS, _activation),
    layers.Base: _same,
    layers.InputLayer: _same,
    layers.Identity: _same,
    layers.ActivityRegularization: _same,
    layers.Dropout: _same,
    layers.AlphaDropout: _same,
    layers.GaussianDropout: _same,
    layers.GaussianNoise: _same,
    layers.Dense: _dense,
    layers.PReLU: _prelu,
    layers.Rescaling: _rescaling,
    layers.Embedding: _embedding,
    layers.CategoryEncoding: _category_encoding,
    layers.Add: _add,
    layers.Subtract: _merge("Sub"),
    layers.Multiply: _merge("Mul"),
    layers.Average: _merge("Mean"),
    layers.Maximum: _merge("Max"),
    layers.Minimum: _merge("Min"),
    layers.Concatenate: _concatenate,
    layers.Dot: _dot,
    layers.BatchNormalization: _batch_normalization,
    layers.LayerNormalization: _layer_normalization,
    layers.Normalization: _normalization,
    layers.RMSNormalization: _rms_normalization,
    layers.UnitNormalization: _unit_normalization,
    layers.Flatten: _flatten,
    layers.Reshape: _reshape,
    layers.Permute: _permute,
    layers.RepeatVector: _repeat_vector,
}
"""By the class of a layer; a subclass may compute something else."""
