"""The layers that merge as functions of their inputs, by Keras's names.

Source: https://keras.io/api/layers/merging_layers/.
"""

import inspect
from collections.abc import Callable
from typing import Any

from jaxnet_mini.core.layers import merging
from jaxnet_mini.core.layers.base import Base


def _function(kind: type[Base], **defaults: Any) -> Callable[..., Any]:
    """Return a layer that merges as a function of its inputs.

    Args:
        kind: the class of the layer.
        **defaults: arguments that the class asks for and the function does not.
    """

    def merge(inputs: Any, *given: Any, **named: Any) -> Any:
        return kind(*given, **named if given else defaults | named)(inputs)

    own = [p for p in inspect.signature(kind).parameters.values() if not _is_named(p)]
    first, *_, others = inspect.signature(merge).parameters.values()
    own = [p.replace(default=defaults.get(p.name, p.default)) for p in own]
    merge.__signature__ = inspect.Signature([first, *own, others])  # type: ignore[attr-defined]
    merge.__name__ = merge.__qualname__ = kind.__name__.lower()
    explained = "".join(f"    {p.name}: see `{kind.__name__}`.\n" for p in own)
    merge.__doc__ = f"""Return what `{kind.__name__}` makes of several inputs.

Args:
    inputs: a list or tuple of arrays ``(batch, ...)``, or of what stands for them
        in a model that is being written.
{explained}    **named: what the layer takes besides, such as ``name``.

Raises:
    ShapeError: they do not fit together.
"""
    return merge


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind is not parameter.POSITIONAL_OR_KEYWORD


add = _function(merging.Add)
subtract = _function(merging.Subtract)
multiply = _function(merging.Multiply)
average = _function(merging.Average)
maximum = _function(merging.Maximum)
minimum = _function(merging.Minimum)
concatenate = _function(merging.Concatenate)
dot = _function(merging.Dot, axes=-1)
