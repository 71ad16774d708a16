"""Models written by calling layers: what a layer will give, before there are numbers.

``Dense(8)(x)`` of an `Input` computes nothing. It notes which layer takes what, until
`jaxnet_mini.Model` makes a network of it.
"""

from typing import Any, NoReturn

import jax

from jaxnet_mini.base.arguments import check_flag
from jaxnet_mini.core import tracing
from jaxnet_mini.core.types import Layer, Shape, is_shape
from jaxnet_mini.errors import LayerError, ShapeError, short


def _operator(name: str) -> Any:
    return lambda self, other: self.operation(name, (self, other), {})


def _reflected(name: str) -> Any:
    return lambda self, other: self.operation(name, (other, self), {})


class Symbolic:
    """What can be computed with where a model is written: a symbol, or an `Input`.

    Attributes:
        operation: returns what stands for what a function of `jaxnet_mini.ops` gives,
            for its name, arguments and arguments by name. An `Input` brings it along,
            and each symbol has it from those before: it makes layers, which come after
            symbols.
    """

    operation: Any

    # Before arrays of NumPy, which would ask for numbers.
    __array_priority__ = 1000

    __add__, __radd__ = _operator("add"), _reflected("add")
    __mul__, __rmul__ = _operator("multiply"), _reflected("multiply")
    __sub__, __rsub__ = _operator("subtract"), _reflected("subtract")
    __truediv__, __rtruediv__ = _operator("true_divide"), _reflected("true_divide")
    __pow__, __rpow__ = _operator("power"), _reflected("power")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __getitem__ = _operator("get_item")

    def __neg__(self) -> Any:
        return self.operation("negative", (self,), {})

    def __abs__(self) -> Any:
        return self.operation("absolute", (self,), {})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise LayerError(
            f"{self!r} stands for what a layer will give, and has no numbers: compute "
            "with functions of jaxnet_mini.ops, such as ops.sum(x, axis=-1), or put "
            "what computes with arrays into a layer, layers.Lambda(function)(x)."
        )

    __array__ = __bool__ = _refuse
    __iter__: Any = None


class Symbol(Symbolic):
    """What a call of a layer gives, or an `Input`.

    Args:
        layer: which.
        sources: what it takes: a symbol, or a structure of them; () for an `Input`.
        output_shape: of one example.
        training: whether the layer acts as in training; None where that is said of
            all layers at once.
        step: what stands for all that the call gives, where that is several arrays.
        place: the number of this one among them.

    Attributes:
        given: what the call gives: itself, or several in a structure.
        is_float: whether whole numbers that come here are to be taken as floats, as
            Keras does where an `Input` declares no dtype.
    """

    def __init__(
        self,
        layer: Layer,
        sources: Any,
        output_shape: Shape,
        training: bool | None = None,
        step: "Symbol | None" = None,
        place: int | None = None,
    ) -> None:
        self.step, self.place = self if step is None else step, place
        self.given: Any = self
        self.layer, self.sources, self.output_shape = layer, sources, output_shape
        self.training = training
        before: Any = jax.tree.leaves(sources) or [layer]
        self.operation = before[0].operation
        self.is_float = bool(getattr(layer, "gives_floats", True)) and all(
            source.is_float for source in jax.tree.leaves(sources)
        )

    @property
    def symbol(self) -> "Symbol":
        """Itself; of an `Input` the symbol that stands for it."""
        return self

    @property
    def shape(self) -> tuple[int | None, ...]:
        """``(None, ...)``, None standing for the batch axis."""
        return (None, *self.output_shape)

    @property
    def key(self) -> int:
        """The same for symbols that stand for the same array."""
        return id(self.layer) if self.sources == () else id(self)

    __iter__ = Symbolic._refuse

    def __repr__(self) -> str:
        return f"<Symbol shape={self.shape}, of {self.layer!r}>"


def is_symbolic(x: Any) -> bool:
    """Return whether all that a layer is called with stands for what is to come."""
    entries = jax.tree.leaves(x)
    return bool(entries) and all(hasattr(entry, "symbol") for entry in entries)


def arrays_in(layer: Layer, x: Any) -> Any:
    """Return what a layer is called with, several arrays as a tuple.

    Raises:
        LayerError: there is something else.
        ShapeError: there are several, and the layer takes one.
    """
    x = tuple(x) if isinstance(x, list) else x
    given = jax.tree.leaves(x, is_leaf=lambda one: one is None)
    mixed = any(hasattr(one, "symbol") for one in given)
    if mixed or not (given and all(hasattr(one, "dtype") for one in given)):
        raise _refusal(layer, x)
    if hasattr(layer, "check_number"):
        layer.check_number(jax.tree.map(lambda one: one.shape[1:], x))
    return x


def _refusal(layer: Layer, x: Any) -> LayerError:
    return LayerError(
        f"{layer!r} is called with {short(x)}: call it with an array with an axis for "
        "the batch, such as np.array([[1.0, 2.0]]), or with an Input or what another "
        "layer's call returned; where it takes several, with a list of the one or of "
        "the other."
    )


def called(layer: Layer, x: Any, training: bool | None = None) -> Any:
    """Return what a layer will give for symbols: a symbol, or a structure of them.

    Args:
        layer: which.
        x: the symbols: one, or a structure of them.
        training: see `Symbol`.

    Raises:
        ShapeError: the layer cannot take what comes to it.
        ArgumentError: ``training`` is no flag.
        LayerError: one of several is None, and the layer takes arrays alone.
    """
    if training is not None:
        training = check_flag("training", training)
    whole = jax.tree.leaves(x, is_leaf=lambda one: one is None)
    if hasattr(layer, "check_number") and any(one is None for one in whole):
        raise _refusal(layer, x)
    sources: Any = jax.tree.map(lambda entry: entry.symbol, x)
    sources = tuple(sources) if isinstance(sources, list) else sources
    taken = jax.tree.map(lambda symbol: symbol.output_shape, sources)
    found: list[Any] = []

    def trace() -> None:
        found.append(layer.init(jax.random.key(0), taken)[0])

    try:
        tracing.eval_shape(trace)
    except ShapeError as error:
        name = getattr(layer, "name", None)
        raise ShapeError(f"layer {name!r}: {error}" if name else str(error)) from None
    (shape,) = found
    step = Symbol(layer, sources, shape, training)
    if is_shape(shape):
        return step
    shapes, tree = jax.tree.flatten(shape, is_leaf=is_shape)
    several = (
        Symbol(layer, sources, own, training, step, place)
        for place, own in enumerate(shapes)
    )
    step.given = jax.tree.unflatten(tree, several)
    return step.given
