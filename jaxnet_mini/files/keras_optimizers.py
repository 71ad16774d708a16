"""The state of an optimizer as the list of variables that Keras keeps, and back.

Keras keeps ``[iteration, learning_rate, ...]`` and then one or several arrays for each
trained weight. A learning rate that follows a schedule is no variable there.

Source: https://github.com/keras-team/keras, ``keras/src/optimizers``.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.networks.paths import by_path
from jaxnet_mini.devices import transfers
from jaxnet_mini.files.config import public_name

SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "optimizers.Adagrad": (("sum_of_squares",),),
    "optimizers.Adam": (("first_moment", "second_moment"), ("largest_moment",)),
    "optimizers.AdamW": (("first_moment", "second_moment"), ("largest_moment",)),
    "optimizers.Lion": (("mu",),),
    "optimizers.RMSprop": (("nu",), ("-trace",), ("mu",)),
    "optimizers.SGD": (("trace",),),
}
"""What each keeps of a weight, by the names in our states and in Keras's order: group
after group, and within one weight by weight. What is not in use is not there; a minus
stands where Keras keeps the negative. Optimizers that are not here begin afresh."""

OPTIONS: tuple[tuple[str, ...], ...] = (("average",), ("accumulated",))
"""What stands before, of ``use_ema`` and of ``gradient_accumulation_steps``."""

STEPS = "count"
"""The path in our states of what Keras calls ``iteration``."""

COUNTERS = (STEPS, "steps")
"""The last parts of the paths of all that counts steps."""

UPDATES = "inner_state/inner/"
"""Where the paths of what counts updates begin: with ``gradient_accumulation_steps``
there is one in so many steps. Keras finds that number by division."""

RATE = "hyperparams/learning_rate"


class Counterpart(NamedTuple):
    """Where a variable of Keras stands in our state: ``sign`` times what is there."""

    path: str
    sign: int = 1


def places(
    optimizer: Any, state: Any, paths: Iterable[str]
) -> list[Counterpart] | None:
    """Return where each of Keras's variables stands, in its order.

    Args:
        optimizer: whose state it is.
        state: its state, or the shapes and dtypes of it.
        paths: of all weights, in order of the layers.

    Returns:
        None where Keras would keep something else.
    """
    groups = SLOTS.get(public_name(type(optimizer)) or "")
    if groups is None:
        return None
    groups, weights = OPTIONS + groups, list(paths)
    slots = _slots(state, {slot.lstrip("-") for group in groups for slot in group})
    found = [Counterpart(STEPS)]
    if not callable(optimizer.learning_rate):
        found.append(Counterpart(RATE))
    for group in groups:
        for path in weights:
            for slot in group:
                leaf = slots.pop((slot.lstrip("-"), path), None)
                if leaf is not None:
                    found.append(Counterpart(leaf, -1 if slot[0] == "-" else 1))
    known = {place.path for place in found}
    rest = [p for p in by_path(state) if p not in known and not _is_number(p)]
    return None if rest else found


def _slots(state: Any, names: set[str]) -> dict[tuple[str, str], str]:
    """Return the paths of what is kept of weights, by its name and the weight's."""
    found = {}
    for path in by_path(state):
        parts = path.split("/")
        for index, part in enumerate(parts):
            if part in names:
                found[part, "/".join(parts[index + 1 :])] = path
                break
    return found


def _is_number(path: str) -> bool:
    """Tell whether a part of the state is a number of the optimizer or of steps."""
    of_a_schedule = path.startswith("hyperparams_states/")
    return path.startswith("hyperparams/") or of_a_schedule or _last(path) in COUNTERS


def written(places: Iterable[Counterpart], state: Any) -> list[NDArray[Any]]:
    """Return Keras's variables of a state."""
    leaves = by_path(state)
    return [_signed(transfers.to_host(leaves[path]), sign) for path, sign in places]


def read(
    places: Iterable[Counterpart],
    state: Any,
    arrays: Iterable[NDArray[Any]],
    every: int | None,
) -> dict[str, NDArray[Any]]:
    """Return what Keras's variables are in our state, by path.

    Args:
        places: where they stand.
        state: of an optimizer of the same kind, or the shapes and dtypes of it.
        arrays: the variables.
        every: the number of steps to an update; None for one.
    """
    pairs = zip(places, arrays, strict=True)
    found = {place.path: _signed(array, place.sign) for place, array in pairs}
    steps = found[STEPS]
    for path in by_path(state):
        if path not in found and _last(path) in COUNTERS:
            found[path] = steps // (every or 1) if path.startswith(UPDATES) else steps
    return found


def _signed(array: NDArray[Any], sign: int) -> NDArray[Any]:
    return array if sign > 0 else np.negative(array)


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]
