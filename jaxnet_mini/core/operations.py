"""Functions of `jaxnet_mini.ops`, and operators of Python, as steps of a model.

``ops.sum(x, axis=-1)`` of a symbol computes nothing: it notes the function by its name,
with all that it is called with.
"""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnet_mini.base.arguments import check_one_of
from jaxnet_mini.core import ops, symbols, tracing
from jaxnet_mini.core.fields import Checked, Flag
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.symbols import Symbol, Symbolic
from jaxnet_mini.core.types import Params, as_alike, is_shape
from jaxnet_mini.errors import ArgumentError, ShapeError, short

EXAMPLES = 1009
"""How many a function is shown of which the shape of the outputs is asked: a number
that no axis of features has by chance."""

SLICE, ARRAY, REST = "{slice}", "{array}", "{...}"
"""What stands first in a tuple for a slice or an array, and for an ellipsis."""

_OF_SHAPES: dict[str, Any] = {
    "ndim": lambda x: len(x.shape),
    "shape": lambda x: x.shape,
}
"""What is known of a symbol at once."""

_BY_ROW = """
abs absolute add celu ceil clip cos cosh divide elu equal erf exp exp2 expm1 floor
floor_divide gelu greater greater_equal hard_shrink hard_sigmoid hard_silu hard_tanh
isfinite isinf isnan leaky_relu less less_equal log log10 log1p log2 log_sigmoid
logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative
not_equal ones_like power reciprocal relu relu6 round rsqrt selu sigmoid sign silu sin
sinh soft_shrink softplus softsign sqrt square squareplus subtract tan tanh tanh_shrink
true_divide where zeros_like
"""
"""The functions that compute each number by itself."""


@dataclasses.dataclass(frozen=True, repr=False)
class Operation(Base):
    """One of the functions of `jaxnet_mini.ops` as a layer without parameters.

    It is what calls of these functions make of symbols, and is not called by name.

    Args:
        function: its name.
        arguments: what it is called with, plain values; ``"{0}"`` stands for the first
            input of the layer, ``"{1}"`` for the second.
        options: what it is called with by names, as pairs.
        floats: whether inputs of whole numbers are cast to floats.
    """

    function: Annotated[str, Checked(check_one_of, names=ops.__all__)]
    arguments: tuple[Any, ...] = ("{0}",)
    options: tuple[tuple[str, Any], ...] = ()
    floats: Flag = True

    gives_floats, _takes_several = False, True

    @property
    def _casts(self) -> str:  # type: ignore[override]
        # Places and classes are none of bfloat16's few whole numbers.
        return "inputs" if self.floats else "nothing"

    @property
    def _class_name(self) -> str:
        return "".join(word.capitalize() for word in self.function.split("_"))

    @property
    def acts_by_row(self) -> bool:
        """See `jaxnet_mini.core.networks.protocol.acts_by_row`."""
        return self.function in _BY_ROW.split()

    def _output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the result, or those of several.

        Raises:
            ShapeError: the function does not take such inputs, or does not give one
                result for each example.
        """
        several = jax.tree.leaves(input_shape, is_leaf=is_shape)
        floats = jax.dtypes.canonicalize_dtype(float)
        # What takes places or classes takes no floats.
        for dtype in (floats,) if self.floats else (jnp.int32, floats):
            batches = [jax.ShapeDtypeStruct((EXAMPLES, *own), dtype) for own in several]
            try:
                result = tracing.eval_shape(self._computed, batches)
                break
            except (TypeError, ValueError, IndexError) as error:
                message = str(error).partition("\n")[0]
        else:
            raise ShapeError(
                f"ops.{self.function} does not take inputs of the shapes "
                f"{[(None, *own) for own in several]}: {message}"
            )
        for shape in (one.shape for one in jax.tree.leaves(result)):
            if shape[:1] != (EXAMPLES,):
                raise ShapeError(
                    f"ops.{self.function} makes an array of shape {shape} of "
                    f"{EXAMPLES} examples, and the first axis must remain that of the "
                    "examples: compute along others, such as axis=-1."
                )
        return jax.tree.map(lambda one: one.shape[1:], result)

    def forward(self, params: Params, x: Any) -> Any:
        return self._computed(x if isinstance(x, tuple) else (x,))

    def _computed(self, inputs: Any) -> Any:
        given = as_alike(inputs) if self.floats else inputs
        options = {name: _filled(value, given) for name, value in self.options}
        arguments = [_filled(value, given) for value in self.arguments]
        return ops.of_arrays(self.function)(*arguments, **options)


def _filled(value: Any, inputs: Any) -> Any:
    """Return what stands in a call of a function for a plain value."""
    if isinstance(value, tuple):
        if value[:1] == (SLICE,):
            return slice(*value[1:])
        if value[:1] == (ARRAY,):
            return jnp.asarray(value[2], value[1])
        return tuple(_filled(entry, inputs) for entry in value)
    if not isinstance(value, str) or value[:1] != "{":
        return value
    return ... if value == REST else inputs[int(value[1:-1])]


def _plain(value: Any, found: list[Symbol], where: str) -> Any:
    """Return an argument of a function as a plain value; note the symbols in it.

    Raises:
        ArgumentError: there is none.
    """
    if isinstance(value, Symbolic):
        own: Any = value
        found.append(own.symbol)
        return f"{{{len(found) - 1}}}"
    if isinstance(value, tuple | list):
        return tuple(_plain(entry, found, where) for entry in value)
    if isinstance(value, slice):
        ends = value.start, value.stop, value.step
        return (SLICE, *(_plain(end, found, where) for end in ends))
    if value is ...:
        return REST
    if isinstance(value, np.ndarray | np.generic | Array):
        numbers = np.asarray(value)
        if not numbers.ndim:
            return numbers.item()
        return ARRAY, numbers.dtype.name, _plain(numbers.tolist(), found, where)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and value[:1] != "{":
        return value
    try:
        return jnp.dtype(value).name
    except TypeError:
        raise ArgumentError(
            f"{where} is given {short(value)}, which cannot be part of a model: "
            "give it symbols, numbers, words and arrays, or put what calls it into a "
            "layer, layers.Lambda(function)(x)."
        ) from None


def operation(name: str, given: Any, named: Any) -> Any:
    """Return what stands for what a function of symbols gives.

    Args:
        name: of the function.
        given: what it is called with.
        named: what it is called with by names.
    """
    if name in _OF_SHAPES:
        return _OF_SHAPES[name](*given, **named)
    found: list[Symbol] = []
    arguments = _plain(given, found, f"ops.{name}")
    options = tuple((n, _plain(v, found, f"ops.{name}")) for n, v in named.items())
    floats = all(symbol.is_float for symbol in found)
    layer = Operation(name, arguments, options, floats=floats)
    sources = tuple(found) if len(found) > 1 else found[0]
    return symbols.called(layer, sources)
