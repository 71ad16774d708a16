"""Weights as PyTorch, Flax and Keras name them, in safetensors files."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.core import activations
from jaxnet_mini.core.layers import Dense, InputLayer
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.graph import NETWORKS, names_in
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.own_layers import is_own
from jaxnet_mini.core.networks.repeat import Repeat
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Variables
from jaxnet_mini.errors import FileError, short
from jaxnet_mini.files import safetensors
from jaxnet_mini.files.keras_groups import is_model
from jaxnet_mini.files.safetensors import FilePath

Arrays: TypeAlias = dict[str, NDArray[Any]]

Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""Of the arrays of a module, by what another library calls them."""

SKIPPED = {"num_batches_tracked", "rngs", "seed_generator_state"}
"""Parts of names of what is no weight."""


class Library(NamedTuple):
    """How another library names and stores what layers have.

    Attributes:
        words: what it calls each of our arrays, where that is another word.
        transposed: whether kernels are ``(units, features)``.
        around: parts of names that say nothing: of all, of the first, of the last.
        slope: the shape of one slope of a ``PReLU`` for all features.
        how: how a file is written there.
    """

    words: Mapping[str, str]
    transposed: bool
    around: tuple[frozenset[str], frozenset[str], frozenset[str]]
    slope: tuple[int, ...] | None
    how: str


_NORMALIZING = {"gamma": "scale", "moving_mean": "mean", "moving_variance": "var"}
_NONE: frozenset[str] = frozenset()

LIBRARIES = {
    "torch": Library(
        dict.fromkeys(("kernel", "gamma", "embeddings", "alpha", "scale"), "weight")
        | {"beta": "bias", "moving_mean": "running_mean"}
        | {"moving_variance": "running_var"},
        transposed=True,
        around=(frozenset({"_orig_mod", "module"}), _NONE, _NONE),
        slope=(1,),
        how="safetensors.torch.save_file(model.state_dict(), path)",
    ),
    "flax": Library(
        _NORMALIZING
        | {"beta": "bias", "embeddings": "embedding", "alpha": "negative_slope"},
        transposed=False,
        around=(_NONE, frozenset({"params", "batch_stats"}), frozenset({"value"})),
        slope=(),
        how="safetensors.flax.save_file(flax.traverse_util.flatten_dict(variables, "
        "sep='.'), path)",
    ),
    "keras": Library(
        {},
        transposed=False,
        around=(_NONE, _NONE, _NONE),
        slope=None,
        how="model.save_weights('model.weights.h5')",
    ),
}
"""By the words for `jaxnet_mini.Model.load_weights`."""


class Module(NamedTuple):
    """One call of a layer with weights, as other libraries have a module of its own.

    Attributes:
        name: the names of the call and of the networks around it, ``encoder/dense``.
        place: the same with numbers as ``nn.Sequential`` counts, ``0/1``.
        path: where its weights are in the model.
        at: which repetition it is, of arrays that have all of them.
        shapes: of its weights, in order, without the axes of repetitions.
        owns: whether it is the first with these weights.
        called: whether the order is that of the calls; within a class of a user's own
            it is that of the attributes.
        after: the names of calls that come before it, in whatever order a graph has
            its branches.
    """

    name: str
    place: str
    path: str
    at: tuple[int, ...]
    shapes: Shapes
    owns: bool = True
    called: bool = True
    after: frozenset[str] = _NONE

    def inner(self, name: str, place: str, path: str, owns: bool = True) -> "Module":
        """Return one within this one, by what is added to its names."""
        return self._replace(
            name=joined(self.name, name),
            place=joined(self.place, place),
            path=joined(self.path, path),
            owns=self.owns and owns,
        )

    def comes_after(self, other: "Module") -> bool:
        """Tell whether it takes, however indirectly, what another one gives."""
        parts = other.name.split("/")
        return any(joined(*parts[:n]) in self.after for n in range(1, len(parts) + 1))


def modules(net: Any, variables: Variables) -> list[Module]:
    """Return the calls of a network that have weights, in order.

    Args:
        net: the network.
        variables: shapes and dtypes of its weights.
    """
    here = Module("", "", "", (), {})
    if len(net.calls) == 1 and is_model(net.calls[0].layer):
        # All that a model of a user's own class is, whose attributes begin the names.
        (call,) = net.calls
        inner = Variables(*(tree.get(call.weights, {}) for tree in variables))
        return list(_inside(call.layer, inner, here.inner("", "", call.weights)))
    return list(_inside(net, variables, here))


def _inside(layer: Any, own: Variables, here: Module) -> Iterator[Module]:
    if isinstance(layer, Repeat):
        one = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), own
        )
        for number in range(layer.n):
            again = here.inner(str(number), str(number), "")
            at = (*here.at, number)
            # All have the same modules: those of one before are enough.
            after = here.after | {joined(here.name, str(number - 1))}
            again = again._replace(at=at, after=after)
            yield from _inside(layer.layer, one, again)
        return
    if is_own(layer):
        yield from _of_attributes(layer, own, here)
        return
    if type(layer) not in NETWORKS:
        yield from _of_layer(layer, own, here)
        return
    number, before = 0, dict[str, frozenset[str]]()
    for call in layer.calls:
        taken = {name.partition("/")[0] for name in names_in(call.sources)}
        known = (before.get(name, _NONE) for name in taken)
        before[call.name] = frozenset(taken).union(*known)
        inner = Variables(*(tree.get(call.weights, {}) for tree in own))
        place = str(number) if type(layer) is Serial else call.name
        there = here.inner(call.name, place, call.weights, owns=call.owns)
        after = here.after.union(joined(here.name, name) for name in before[call.name])
        there = there._replace(after=after)
        yield from _inside(call.layer, inner, there)
        number += _length(call.layer)


def _length(layer: Any) -> int:
    """Return how many modules of ``nn.Sequential`` a layer is."""
    if isinstance(layer, InputLayer):
        return 0
    activated = isinstance(layer, Dense)
    activated = activated and activations.get(layer.activation) != activations.linear
    return 1 + activated


def _of_layer(layer: Any, own: Variables, here: Module) -> Iterator[Module]:
    """Yield what has weights in a layer that is no network: it, or parts of it."""
    found: dict[str, Shapes] = defaultdict(dict)
    part = LayerOutline("", layer, (), (), *own)
    for path, like in weights.shapes([part]).items():
        within, _, word = path.removeprefix("/").rpartition("/")
        found[within][word] = tuple(like.shape)
    for within, shapes in found.items():
        yield here.inner(within, within, within)._replace(shapes=shapes)


def _of_attributes(layer: Any, own: Variables, here: Module) -> Iterator[Module]:
    """Yield the modules of a class in Keras's form, by the names of its attributes."""
    looked = layer._looked
    alone = (
        {name: leaf for name, leaf in tree.items() if name not in looked.parts}
        for tree in own
    )
    yield from _of_layer(layer, Variables(*alone), here)
    places = defaultdict(list)
    for name, path in _places(looked.places, ""):
        places[name].append(path)
    here = here._replace(called=False)
    for name in own.params:
        inner = Variables(*(tree.get(name, {}) for tree in own))
        for path in places[name]:
            there = here.inner(path, path, name, owns=path == places[name][0])
            yield from _inside(looked.parts[name], inner, there)


def _places(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield parts that stand in an attribute, each with where, as in ``blocks/0``."""
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _places(entry, joined(path, str(name)))
    elif isinstance(value, list | tuple):
        yield from _places(dict(enumerate(value)), path)


def joined(*parts: str) -> str:
    """Return names as one, without those that are empty."""
    return "/".join(filter(None, parts))


# Reading


def read(path: FilePath, source: str) -> dict[str, Arrays]:
    """Return the arrays of each module in files, by their words there.

    Args:
        path: a safetensors file, or the JSON that says which of several has what.
        source: whose it is, one of `LIBRARIES`.

    Raises:
        ArgumentError, FileError: no such file, or it is damaged.
    """
    name = check_path("path", path)
    library = LIBRARIES[source]
    if not name.endswith((safetensors.SUFFIX, ".json")):
        raise FileError(
            f"weights of {source} are read from a file whose name ends in "
            f"'.safetensors', or from the '.index.json' of several, not from {name!r}: "
            f"write one there, for example with {library.how}."
        )
    arrays = _sharded(path) if name.endswith(".json") else safetensors.read(path).arrays
    found: dict[str, Arrays] = defaultdict(dict)
    for full, array in arrays.items():
        parts = re.split(r"[./]", full)
        if SKIPPED.isdisjoint(parts):
            *module, word = _without(parts, library)
            own = found["/".join(module)]
            if word in own:
                raise FileError(
                    f"{name!r} has two arrays that are both {short(word)} of "
                    f"{short('.'.join(module))} where wrappers are left out, one of "
                    f"them {short(full)}: write the state of one model alone."
                )
            own[word] = array
    return dict(found)


def _without(parts: list[str], library: Library) -> list[str]:
    """Return the parts of a name but for those that say nothing; one at least stays."""
    anywhere, first, last = library.around
    start = len(parts) > 1 and parts[0] in first
    end = len(parts) - (len(parts) - start > 1 and parts[-1] in last)
    kept = [part for part in parts[start : end - 1] if part not in anywhere]
    return [*kept, parts[end - 1]]


def _sharded(index: FilePath) -> Arrays:
    """Return the arrays in several files, each from that in which an index has it."""
    source = safetensors.readable(index)
    where = repr(os.fspath(index))
    places = safetensors.weight_map(index)
    if not isinstance(places, dict) or not places:
        raise FileError(f"{where} has no weight_map that says which file has what.")
    for name in places.values():
        # Nothing but files beside it.
        plain = isinstance(name, str) and re.fullmatch(r"[^/\\:\0]+", name)
        if not plain or not name.endswith(safetensors.SUFFIX):
            raise FileError(
                f"{where} names the file {short(name)}: only safetensors files beside "
                "it are read."
            )
    found = {}
    for name in dict.fromkeys(places.values()):
        arrays = safetensors.read(source.with_name(name)).arrays
        for full in (full for full, file in places.items() if file == name):
            if full not in arrays:
                raise FileError(
                    f"{where} says that {short(full)} is in {name!r}, and it is not: "
                    "fetch or write all files anew."
                )
            found[full] = arrays[full]
    return found


def expected(module: Module, library: Library) -> Shapes:
    """Return the shapes of a module as another library has them."""
    shapes = {}
    for word, shape in module.shapes.items():
        if word == "kernel" and library.transposed:
            shape = (*shape[:-2], *shape[:-3:-1])
        if word == "alpha" and library.transposed and set(shape[1:]) <= {1}:
            shape = shape[:1]  # its features are the first axis of an example
        shapes[library.words.get(word, word)] = shape
    return shapes


def turned(word: str, array: NDArray[Any], library: Library) -> NDArray[Any]:
    """Return a kernel with its axes as another library has them, and back."""
    if word == "kernel" and library.transposed and array.ndim > 1:
        return np.swapaxes(array, -1, -2)
    return array


# Writing


def as_torch(own: Sequence[Module], values: Mapping[str, Any]) -> Arrays:
    """Return weights by the names and in the form of an ``nn.Sequential``.

    Args:
        own: the modules of the model.
        values: its weights, by path, on the host.
    """
    library, arrays = LIBRARIES["torch"], {}
    for module in own:
        place = module.place.replace("/", ".")
        shapes = expected(module, library)
        for word in module.shapes:
            array = values[joined(module.path, word)][module.at]
            array = turned(word, array, library)
            theirs = library.words.get(word, word)
            arrays[f"{place}.{theirs}"] = array.reshape(shapes[theirs])
        if "moving_mean" in module.shapes:
            arrays[f"{place}.num_batches_tracked"] = np.array(0, np.int64)
    return arrays
