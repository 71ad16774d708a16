"""What operators of Python make of symbols: layers that do the same.

``x + y`` is what `Add` gives, and ``2.0 * x + 1.0`` what `Rescaling` gives.
"""

from collections.abc import Callable
from typing import Any

from jaxnet_mini.base.arguments import is_number
from jaxnet_mini.core.layers import symbols
from jaxnet_mini.core.layers.base import Base
from jaxnet_mini.core.layers.basic import Rescaling
from jaxnet_mini.core.layers.merging import Add, Multiply, Subtract

_MERGING: dict[str, type[Base]] = {"add": Add, "mul": Multiply, "sub": Subtract}

OF_A_NUMBER: dict[str, Callable[[float], tuple[float, float]]] = {
    "add": lambda number: (1.0, number),
    "mul": lambda number: (number, 0.0),
    "rsub": lambda number: (-1.0, number),
    "sub": lambda number: (1.0, -number),
    "truediv": lambda number: (1.0 / number, 0.0),
}
"""What inputs are multiplied by, and what is added to them."""


def operate(name: str, symbol: Any, other: Any) -> Any:
    """Return what stands for what an operator gives; None where no layer does that.

    Args:
        name: of the operator, such as ``"add"``; ``"rsub"`` for ``other - symbol``.
        symbol: what it is asked of.
        other: the other operand.
    """
    if symbols.is_symbolic(other) and name in _MERGING:
        return _MERGING[name]()([symbol, other])
    if is_number(other) and name in OF_A_NUMBER:
        return Rescaling(*OF_A_NUMBER[name](float(other)))(symbol)
    return None


symbols.OPERATE.append(operate)
