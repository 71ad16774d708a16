"""What regularizers and constraints make of the parameters of a layer."""

from collections.abc import Mapping

from jax import Array

from jaxnet_mini.core import constraints, regularizers
from jaxnet_mini.core.types import Params
from jaxnet_mini.errors import ShapeError, short


def total_penalty(
    params: Params, wanted: Mapping[str, regularizers.Named]
) -> Array | float:
    """Return the sum of what regularizers give for parameters of the same names."""
    total: Array | float = 0.0
    for name, regularizer in wanted.items():
        if regularizer is not None and name in params:
            total = total + regularizers.penalty(regularizer, params[name])
    return total


def constrained(params: Params, wanted: Mapping[str, constraints.Named]) -> Params:
    """Return parameters, those of the names in ``wanted`` brought back by constraints.

    Raises:
        ShapeError: a constraint returns another shape or dtype.
    """
    found = {}
    for name, constraint in wanted.items():
        bring_back = constraints.get(constraint)
        if bring_back is not None and name in params:
            before, after = params[name], bring_back(params[name])
            kind = [getattr(after, n, None) for n in ("dtype", "shape")]
            if kind != [before.dtype, before.shape]:
                made = f"{kind[0]}{kind[1]}" if kind[0] else short(after)
                raise ShapeError(
                    f"the constraint {constraint!r} made {made} of "
                    f"{name}, {before.dtype}{before.shape}: it must keep both."
                )
            found[name] = after
    return params | found if found else params
