"""Activations in ONNX: what each of them writes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnet_mini.core import layers
from jaxnet_mini.core.activations import ACTIVATIONS
from jaxnet_mini.errors import LayerError
from jaxnet_mini.export.nodes import Nodes, Tensor

Function = Callable[[Nodes, Tensor], str]

ADVICE = (
    "a file of it has operators of the standard and no functions. Write it with layers "
    "and activations of this library, give trace=True, for jax2onnx to trace all, or "
    "export to StableHLO."
)


def refused(nodes: Nodes, what: str) -> LayerError:
    """Return the error of what no operator of the standard computes."""
    return LayerError(
        f"layer {nodes.path!r}: ONNX has no operator for {what}: {ADVICE}"
    )


def activated(nodes: Nodes, activation: Any, x: Tensor) -> str:
    """Write an activation; return the name of what it gives.

    Args:
        nodes: where.
        activation: what `jaxnet_mini.activations.get` takes.
        x: floats.

    Raises:
        LayerError: it is a function of a user's own.
    """
    if activation is None:
        return x.name
    if type(activation) in LAYERS:
        return LAYERS[type(activation)](activation)(nodes, x)
    name = activation if isinstance(activation, str) else _NAMES.get(activation)
    if name is None:
        raise refused(nodes, f"the function {activation!r}")
    return FUNCTIONS[name](nodes, x)


def one(operator: str, **attributes: Any) -> Function:
    """Return what writes one operator."""
    return lambda nodes, x: nodes.add(operator, x.name, **attributes)


def clipped(least: float, most: float) -> Function:
    """Return what writes numbers that are brought into a range."""

    def write(nodes: Nodes, x: Tensor) -> str:
        ends = (nodes.constant(end, x.dtype) for end in (least, most))
        return nodes.add("Clip", x.name, *ends)

    return write


def relu(layer: layers.ReLU) -> Function:
    """Return what writes Keras's generalisation of the function."""
    most, slope, threshold = layer.max_value, layer.negative_slope, layer.threshold
    if threshold == 0.0 and slope == 0.0:
        return one("Relu") if most is None else clipped(0.0, most)

    def write(nodes: Nodes, x: Tensor) -> str:
        y = nodes.add("LeakyRelu", x.name, alpha=float(slope))
        if threshold != 0.0:
            start = nodes.constant(threshold, x.dtype)
            below = nodes.add("Sub", x.name, start)
            below = nodes.add("Mul", below, nodes.constant(slope, x.dtype))
            above = nodes.add("Greater", x.name, start)
            y = nodes.add("Where", above, x.name, below)
        return y if most is None else nodes.add("Min", y, nodes.constant(most, x.dtype))

    return write


def _linear(_: Nodes, x: Tensor) -> str:
    return x.name


def _log_sigmoid(nodes: Nodes, x: Tensor) -> str:
    return nodes.add("Neg", nodes.add("Softplus", nodes.add("Neg", x.name)))


def _silu(nodes: Nodes, x: Tensor) -> str:
    return nodes.add("Mul", x.name, nodes.add("Sigmoid", x.name))


def _sparse_plus(nodes: Nodes, x: Tensor) -> str:
    """Write ``clip((x + 1) / 2, 0, 1)**2 + relu(x - 1)``."""
    half = nodes.add("HardSigmoid", x.name, alpha=0.5, beta=0.5)
    above = nodes.add("Sub", x.name, nodes.constant(1.0, x.dtype))
    square = nodes.add("Mul", half, half)
    return nodes.add("Add", square, nodes.add("Relu", above))


def _sparsemax(nodes: Nodes, x: Tensor) -> str:
    """Write the algorithm of Martins & Astudillo over the sorted last axis."""
    size, axis = x.shape[-1], nodes.constant([-1], np.int64)
    by_size, one_ = nodes.constant([size], np.int64), nodes.constant(1.0, x.dtype)
    ordered, _ = nodes.several("TopK", 2, x.name, by_size, axis=-1)
    total = nodes.add("CumSum", ordered, nodes.constant(-1, np.int64))
    excess = nodes.add("Sub", total, one_)
    rank = nodes.constant(np.arange(1, size + 1), x.dtype)
    within = nodes.add("Greater", nodes.add("Mul", rank, ordered), excess)
    counted = nodes.add("Cast", within, to=nodes.kind(x.dtype))
    count = nodes.add("ReduceSum", counted, axis)
    kept = nodes.add("ReduceSum", nodes.add("Mul", counted, ordered), axis)
    level = nodes.add("Div", nodes.add("Sub", kept, one_), count)
    return nodes.add("Relu", nodes.add("Sub", x.name, level))


def _squareplus(nodes: Nodes, x: Tensor) -> str:
    square = nodes.add("Mul", x.name, x.name)
    root = nodes.add("Sqrt", nodes.add("Add", square, nodes.constant(4.0, x.dtype)))
    both = nodes.add("Add", x.name, root)
    return nodes.add("Mul", both, nodes.constant(0.5, x.dtype))


def _tanh_shrink(nodes: Nodes, x: Tensor) -> str:
    return nodes.add("Sub", x.name, nodes.add("Tanh", x.name))


FUNCTIONS: dict[str, Function] = {
    "celu": one("Celu"),
    "elu": one("Elu"),
    "exponential": one("Exp"),
    "gelu": one("Gelu"),
    "hard_shrink": one("Shrink", lambd=0.5, bias=0.0),
    "hard_sigmoid": one("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": one("HardSwish"),
    "hard_swish": one("HardSwish"),
    "hard_tanh": clipped(-1.0, 1.0),
    "leaky_relu": one("LeakyRelu", alpha=0.2),
    "linear": _linear,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": one("LogSoftmax", axis=-1),
    "mish": one("Mish"),
    "relu": one("Relu"),
    "relu6": clipped(0.0, 6.0),
    "selu": one("Selu"),
    "sigmoid": one("Sigmoid"),
    "silu": _silu,
    "soft_shrink": one("Shrink", lambd=0.5, bias=0.5),
    "softmax": one("Softmax", axis=-1),
    "softplus": one("Softplus"),
    "softsign": one("Softsign"),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": one("HardSigmoid", alpha=0.5, beta=0.5),
    "sparsemax": _sparsemax,
    "squareplus": _squareplus,
    "swish": _silu,
    "tanh": one("Tanh"),
    "tanh_shrink": _tanh_shrink,
    # Of JAX, with other arguments by default.
    "jax.nn.gelu": one("Gelu", approximate="tanh"),
    "jax.nn.leaky_relu": one("LeakyRelu", alpha=0.01),
}
"""By the names of activations."""

_NAMES: dict[Any, str] = {
    **{function: name for name, function in ACTIVATIONS.items()},
    jax.nn.relu: "relu",
    jax.nn.gelu: "jax.nn.gelu",
    jax.nn.leaky_relu: "jax.nn.leaky_relu",
}
"""Of what is given as a function."""

LAYERS: dict[Any, Callable[[Any], Function]] = {
    layers.Activation: lambda own: lambda n, x: activated(n, own.activation, x),
    layers.ELU: lambda own: one("Elu", alpha=float(own.alpha)),
    layers.LeakyReLU: lambda own: one("LeakyRelu", alpha=float(own.negative_slope)),
    layers.ReLU: relu,
    layers.Softmax: lambda _: one("Softmax", axis=-1),
}
"""Layers that may be the activation of another."""
