"""Which module of another library is which layer.

A file knows arrays by names and no order: it sorts them. What stands in one module
there, such as ``layers_0.kernel`` and ``layers_0.bias``, belongs to one layer here, and
modules come in the order of the numbers in their names, 2 before 10. Names that are
those of the layers go before that; where neither says what belongs where, and shapes
do not either, nothing is guessed.
"""

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import ShapeError, short
from jaxnet_mini.files.other_libraries import (
    LIBRARIES,
    Arrays,
    Library,
    Module,
    Shapes,
    expected,
    joined,
    turned,
)

MOST_ROWS = 12
"""Of the two lists in a message."""

MOST_PARTS = 4
"""Around a name for which a message says how to write the layer."""


def matched(
    own: Sequence[Module], there: Mapping[str, Arrays], source: str, where: str
) -> tuple[Arrays, list[str]]:
    """Return the arrays of a file by our paths, and notes about some of them.

    Args:
        own: the modules of the model.
        there: those of the file, as `read` returns them.
        source: whose the file is.
        where: what messages call the file.

    Raises:
        ShapeError: they are not those of the model, or in an unknown order.
    """
    library = LIBRARIES[source]
    if len(there) != len(own):  # what is tied may stand there once
        own = [module for module in own if module.owns]
    found = {
        name: {word: tuple(array.shape) for word, array in there[name].items()}
        for name in sorted(there, key=_natural)
    }
    wanted = [expected(module, library) for module in own]
    one = {library.words.get("alpha", "alpha"): library.slope or ()}
    if library.slope is not None and one in found.values():
        wanted = [
            one if "alpha" in module.shapes and shapes not in found.values() else shapes
            for module, shapes in zip(own, wanted, strict=True)
        ]
    names = _names(own, wanted, found, where)
    if names is None:
        rows = [*zip([module.name for module in own], wanted, strict=True)]
        raise ShapeError(
            f"{where} does not fit the model, and nothing was changed. What both have, "
            f"in the words of {source}:\n{_side_by_side(rows, [*found.items()])}\n"
            "Build the model of the layers in the file."
        )
    parts: dict[str, dict[tuple[int, ...], Any]] = defaultdict(dict)
    for module, name in zip(own, names, strict=True):
        for path, array in _taken(module, there[name], library):
            before = parts[path].setdefault(module.at, array)
            if before is not array and not np.array_equal(before, array):
                raise ShapeError(
                    f"{where} has two sets of numbers for {module.path}, which the "
                    f"model calls twice with the same weights, one of them for "
                    f"{short(name)}: build it of two layers."
                )
    spread = [
        f"{module.name} has a slope for each feature, and the file one for all: "
        "outputs agree, and training makes others of them; write PReLU(shared_axes="
        f"{tuple(range(1, len(module.shapes['alpha']) + 1))}) to keep it one"
        for module, shapes in zip(own, wanted, strict=True)
        if math.prod(module.shapes.get("alpha", ())) > 1 and shapes == one
    ]
    return {path: _stacked(own) for path, own in parts.items()}, spread


def _taken(
    module: Module, there: Arrays, library: Library
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a module by our paths, and as they are here."""
    for word, shape in module.shapes.items():
        array = there[library.words.get(word, word)]
        array = turned(word, array, library)
        if word == "alpha" and array.ndim < len(shape):
            array = array.reshape(-1, *(1,) * (len(shape) - 1))
        yield joined(module.path, word), np.broadcast_to(array, shape)


def _stacked(parts: dict[tuple[int, ...], NDArray[Any]]) -> NDArray[Any]:
    """Return the arrays of repetitions as one, with an axis for each kind of them."""
    lengths = [number + 1 for number in max(parts)]
    stacked = np.stack([*parts.values()])
    return stacked.reshape(*lengths, *stacked.shape[1:])


def _names(
    own: Sequence[Module], wanted: list[Shapes], found: dict[str, Shapes], where: str
) -> list[str] | None:
    """Return the module in a file for each of ours; None where they do not fit.

    Raises:
        ShapeError: they fit, and which is which is not known.
    """
    by_name = dict(zip(_bare([*found]), found, strict=True))
    of_modules = ([module.name for module in own], [module.place for module in own])
    for ours in map(_bare, of_modules):
        if {*ours} == {*by_name}:
            names = [by_name[name] for name in ours]
            return names if [found[name] for name in names] == wanted else None
    called = all(module.called for module in own)
    unlinked = _unlinked(own, wanted)
    if called and _is_ordered([*found]):
        if [*found.values()] != wanted:
            return None
        if not unlinked:
            return [*found]
    alike, here = defaultdict(list), defaultdict(list)
    for name, shapes in found.items():
        alike[_key(shapes)].append(name)
    for place, shapes in enumerate(wanted):
        here[_key(shapes)].append(place)
    if {key: len(names) for key, names in alike.items()} != {
        key: len(places) for key, places in here.items()
    }:
        return None
    of_each = dict[int, str]()
    for key, names in alike.items():
        # Attributes may be called in any order.
        places = sorted(here[key], key=lambda n: called or _natural(own[n].name))
        known = _is_ordered([own[place].name for place in places])
        if called:
            known = key not in unlinked
        if not known or not _is_ordered(names):
            raise _unknown_order(names, found[names[0]], called, found, where)
        of_each |= zip(places, names, strict=True)
    return [of_each[place] for place in range(len(own))]


def _unlinked(own: Sequence[Module], wanted: list[Shapes]) -> set[Any]:
    """Return the shapes of modules of which neither comes after the other.

    In which order a graph has its branches says nothing of that in the file.
    """
    last, found = dict[Any, Module](), set[Any]()
    for module, shapes in zip(own, wanted, strict=True):
        key = _key(shapes)
        before = last.get(key, module)
        last[key] = module
        same = (module.path, module.at) == (before.path, before.at)
        if not (same or module.comes_after(before)):
            found.add(key)
    return found


def _unknown_order(
    names: list[str],
    shapes: Shapes,
    called: bool,
    there: Mapping[str, Shapes],
    where: str,
) -> ShapeError:
    bare = dict(zip(there, _bare([*there]), strict=True))
    example = _example(bare[names[0]].split("/"), called)
    whose = "all layers" if called else "the attributes"
    mend = f"{whose} of the model the names that they have there{example}"
    return ShapeError(
        f"{where} has {', '.join(map(short, names[:MOST_ROWS]))}, each of "
        f"{_shown(shapes)}, and which is which is not known: give {mend}."
    )


def _example(parts: list[str], called: bool) -> str:
    """Return how a layer is written that has the name of a module.

    Args:
        parts: of the name, those of the networks around it first.
        called: whether layers have names of their own, and not those of attributes.
    """
    *around, last = parts
    if len(around) > MOST_PARTS or not (called or parts[0].isidentifier()):
        return ""
    layer = f"Dense(8, name={short(last)})" if called or around else "Dense(8)"
    for part in reversed(around if called else around[1:]):
        layer = f"Sequential([{layer}], name={short(part)})"
    if called:
        return f", as in {layer}"
    layer = f"Sequential([{layer}])" if around else layer
    return f", as in self.{parts[0]} = {layer}"


def _key(shapes: Shapes) -> Any:
    return tuple(sorted(shapes.items()))


def _bare(names: list[str]) -> list[str]:
    """Return names without the parts that all of them begin with."""
    split = [name.split("/") for name in names]
    same = itertools.takewhile(
        lambda parts: len({*parts}) == 1,
        zip(*(parts[:-1] for parts in split), strict=False),
    )
    start = len([*same])
    return ["/".join(parts[start:]) for parts in split]


def _natural(name: str) -> Any:
    """Return by what names are sorted: texts, and numbers by their size.

    >>> sorted(["b10/a", "b2/a", "b"], key=_natural)
    ['b', 'b2/a', 'b10/a']
    """
    return [
        [
            (text, len(digits.lstrip("0")), digits.lstrip("0"))
            for text, digits in re.findall(r"(\D*)(\d*)", part)
        ]
        for part in name.split("/")
    ]


def _is_ordered(names: Sequence[str]) -> bool:
    """Tell whether names that are sorted differ by numbers alone, which say the order.

    >>> _is_ordered(["dense", "dense_1"]), _is_ordered(["fc1", "fc2", "out"])
    (True, False)
    """
    for name, after in itertools.pairwise(names):
        pairs = itertools.zip_longest(name.split("/"), after.split("/"))
        # Before the first number of its kind Keras writes none.
        kinds = [
            part and re.sub(r"_?\d+", "#", part).rstrip("#")
            for part in next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
        ]
        if kinds[0] != kinds[1]:
            return False
    return True


def _side_by_side(
    ours: list[tuple[str, Shapes]], theirs: list[tuple[str, Shapes]]
) -> str:
    """Return two lists as lines of two columns, with a mark where they differ."""
    rows = list[tuple[str, str, str]]()
    nothing: tuple[str, Shapes] = ("", {})
    for here, there in itertools.zip_longest(ours, theirs, fillvalue=nothing):
        mark = "" if here[1] == there[1] else ">"
        rows.append((mark, _row(*here), _row(*there)))
    first = next((i for i, row in enumerate(rows) if row[0]), 0)
    start = max(0, min(first - 2, len(rows) - MOST_ROWS))
    shown = [("", "in the model", "in the file"), *rows[start : start + MOST_ROWS]]
    width = max(len(row[1]) for row in shown)
    lines = [f"{mark:1} {a:{width}}  {b}".rstrip() for mark, a, b in shown]
    left = len(rows) - len(shown) + 1
    return "\n".join([*lines, *([f"  and {left} more"] if left else [])])


def _row(name: str, shapes: Shapes) -> str:
    return f"{_cut(name)}: {_shown(shapes)}" if shapes else ""


def _shown(shapes: Shapes) -> str:
    largest = sorted(shapes.items(), key=lambda item: (-len(item[1]), item[0]))
    several = [f"{_cut(word)} {shape}" for word, shape in largest[:5]]
    return ", ".join(several + ["..."] * (len(shapes) > 5))


def _cut(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."
