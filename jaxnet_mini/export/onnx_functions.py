"""Activations in ONNX."""

from typing import Any

from jaxnet_mini.errors import LayerError
from jaxnet_mini.export.nodes import Nodes, Tensor

OPERATORS = {"relu": "Relu", "softmax": "Softmax", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def activated(nodes: Nodes, activation: Any, x: Tensor) -> str:
    """Write an activation; return the name of what it gives."""
    if activation is None:
        return x.name
    name = activation if isinstance(activation, str) else None
    if name not in OPERATORS:
        raise LayerError(f"{activation!r} has no operator")
    return nodes.add(OPERATORS[name], x.name)
