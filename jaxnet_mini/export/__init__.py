"""Trained networks for programs that know nothing of this library.

`Model.export` writes the same into files, and so does
``python -m jaxnet_mini.export model.safetensors model.onnx``.
"""

from collections.abc import Callable

from jaxnet_mini.export import onnx as _onnx
from jaxnet_mini.export.onnx import to_onnx

__all__ = ["to_onnx"]

FORMATS: dict[str, Callable[..., bytes]] = {"onnx": _onnx.encoded}
"""By their names, which files end in: what makes a file of what is `Described`."""
