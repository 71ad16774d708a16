"""Trained networks for programs that know nothing of this library.

`Model.export` writes the same into files, and so does
``python -m jaxnet_mini.export model.safetensors model.onnx``.
"""

from collections.abc import Callable

from jaxnet_mini.export import onnx as _onnx
from jaxnet_mini.export import stablehlo as _stablehlo
from jaxnet_mini.export.onnx import to_onnx
from jaxnet_mini.export.stablehlo import Loaded, load_stablehlo, to_stablehlo

__all__ = ["Loaded", "load_stablehlo", "to_onnx", "to_stablehlo"]

FORMATS: dict[str, Callable[..., bytes]] = {
    "onnx": _onnx.encoded,
    "stablehlo": _stablehlo.encoded,
}
"""By their names, which files end in: what makes a file of what is `Described`."""
