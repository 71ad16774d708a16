"""Layers in ONNX: what each of them writes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnet_mini.core import layers
from jaxnet_mini.core.types import Params
from jaxnet_mini.errors import LayerError
from jaxnet_mini.export.nodes import Nodes, Tensor
from jaxnet_mini.export.onnx_functions import activated


class Written(NamedTuple):
    """A layer that is being written.

    Args:
        nodes: where.
        layer: which.
        arrays: its parameters and what it remembers.
    """

    nodes: Nodes
    layer: Any
    arrays: Params

    def weight(self, name: str) -> str:
        """Return the name of one of its arrays in the graph."""
        return self.nodes.weight(name, self.arrays[name])


def refused(nodes: Nodes, what: Any) -> LayerError:
    """Return the error of what no operator of the standard computes."""
    return LayerError(
        f"layer {nodes.path!r}: {what!r} has no operator in ONNX, and a file of it "
        "holds no functions: write it with layers of this library, or give a name that "
        "ends in '.stablehlo' to model.export, which keeps any function."
    )


def _same(_: Written, x: Tensor) -> str:
    return x.name


def _dense(at: Written, x: Tensor) -> str:
    kernel = np.asarray(at.arrays["kernel"])
    x = at.nodes.cast(x, kernel.dtype)
    # By name: a loop hands parameters back sorted.
    bias = [at.weight("bias")] if at.layer.use_bias else []
    if x.rank == 2:
        y = at.nodes.add("Gemm", x.name, at.weight("kernel"), *bias)
    else:
        y = at.nodes.add("MatMul", x.name, at.weight("kernel"))
        if bias:
            y = at.nodes.add("Add", y, *bias)
    return activated(
        at.nodes,
        at.layer.activation,
        Tensor(y, (*x.shape[:-1], kernel.shape[-1]), x.dtype),
    )


def _activation(at: Written, x: Tensor) -> str:
    return activated(at.nodes, at.layer.activation, floats(at.nodes, x))


def floats(nodes: Nodes, x: Tensor) -> Tensor:
    """Return numbers as floats."""
    return x if x.is_float else nodes.cast(x, jax.dtypes.canonicalize_dtype(float))


def _flatten(at: Written, x: Tensor) -> str:
    return at.nodes.add("Flatten", x.name, axis=1)


WRITERS: dict[Any, Callable[[Written, Any], str]] = {
    layers.Dense: _dense,
    layers.Activation: _activation,
    layers.Flatten: _flatten,
    layers.Dropout: _same,
    layers.Identity: _same,
    layers.InputLayer: _same,
}
"""By the class of a layer; a subclass may compute something else."""
