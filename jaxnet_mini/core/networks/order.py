"""The order that Keras has of calls, and with it of layers and their weights."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)


def by_depth(
    sources: Mapping[Key, Iterable[Key]],
    layers: Mapping[Key, Hashable],
    outputs: Iterable[Key],
) -> list[Key]:
    """Return calls in the order of Keras's ``layers``; each comes after what it takes.

    That is by how many calls are between one and the outputs, the most first, and
    otherwise as layers are met on the way from the outputs to the inputs.

    Args:
        sources: what each call takes: other calls, or inputs, which have no entry.
        layers: which layer is called; several calls of one count as the deepest.
        outputs: the calls that give the outputs, to which all lead.

    Source: https://github.com/keras-team/keras, ``keras/src/ops/function.py``.

    >>> both = {"wide": ["x"], "hidden": ["x"], "deep": ["hidden"]}
    >>> by_depth(both, {name: name for name in both}, ["wide", "deep"])
    ['hidden', 'wide', 'deep']
    """
    met: dict[Hashable, int] = {}
    order: dict[Key, None] = {}  # each after all that it takes
    waiting = list(reversed(list(outputs)))
    while waiting:
        call = waiting.pop()
        if call not in sources or call in order:
            continue
        met.setdefault(layers[call], len(met))
        missing = [s for s in sources[call] if s in sources and s not in order]
        if missing:
            waiting += [call, *reversed(missing)]
        else:
            order[call] = None
    depths: dict[Key, int] = {}
    of_layers: dict[Hashable, int] = {}
    for call in reversed(order):
        depth = max(depths.get(call, 0), of_layers.get(layers[call], 0))
        of_layers[layers[call]] = depths[call] = depth
        for source in sources[call]:
            depths[source] = max(depth + 1, depths.get(source, 0))
    return sorted(order, key=lambda call: (-depths[call], met[layers[call]]))


def in_keras_order(outputs: Any) -> list[Any]:
    """Return several outputs as Keras goes through them: a dictionary's by their keys.

    >>> in_keras_order((("wide", "a"), ("deep", "b"))), in_keras_order(("b", "a"))
    (['b', 'a'], ['b', 'a'])
    """
    if isinstance(outputs, str):
        return [outputs]
    if isinstance(outputs[0], str):
        return [*outputs]
    return [own for _, own in sorted(outputs, key=lambda pair: pair[0])]
