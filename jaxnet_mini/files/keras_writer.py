"""Files as Keras 3 writes them, in the layout of Keras 3.0, which all versions read.

Layers stand in ``model.weights.h5`` by class and number, such as ``layers/dense_1``,
each with its arrays as ``vars/0``, ``vars/1``, ...; so does the optimizer. A ``.keras``
file is a zip archive of that and of the configuration, not compressed.

Source: https://keras.io/guides/serialization_and_saving/ and
https://github.com/keras-team/keras, ``keras/src/saving/saving_lib.py``.
"""

import datetime
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.text import snake_case
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.graph import Graph
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Variables
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, FileError, import_extra
from jaxnet_mini.files import keras_graphs

SUFFIX = ".keras"
WEIGHTS_SUFFIX = ".weights.h5"

COMPOSED: dict[type, str] = {Serial: "sequential", Graph: "functional"}
"""Networks of layers, by the names of Keras's classes."""

VERSION = "3.0.0"
"""Of Keras, whose layout it is."""


Arrays: TypeAlias = dict[str, dict[int, NDArray[Any]]]
"""What stands in files of weights: arrays by their groups and numbers."""


class Group(NamedTuple):
    """The group of a layer in a file, and the paths here of the arrays in it."""

    name: str
    paths: list[str]


def groups(outline: Iterable[LayerOutline], within: str = "layers") -> Iterator[Group]:
    """Yield the groups that Keras has for layers: by class and number.

    Those of layers inside others come after that of the other.

    Args:
        outline: of the layers.
        within: the group in which they stand.
    """
    classes: dict[str, int] = {}
    for part in outline:
        layer = part.layer
        base = COMPOSED.get(type(layer)) or snake_case(type(layer).__name__)
        number = classes[base] = classes.get(base, -1) + 1
        name = f"{within}/{base}_{number}" if number else f"{within}/{base}"
        if type(layer) not in COMPOSED:
            yield Group(name, list(weights.shapes([part])))
        else:
            yield Group(name, [])
            yield from groups(inner(part), f"{name}/layers")


def inner(part: LayerOutline) -> Iterator[LayerOutline]:
    """Yield what is known of the layers inside another, in Keras's order."""
    net: Any = part.layer
    layers = dict(zip(net.names, net.layers, strict=True))
    graph = isinstance(net, Graph)
    for name in keras_graphs.layer_names(net) if graph else net.names:
        yield LayerOutline(
            f"{part.name}/{name}",
            layers[name],
            (),
            (),
            part.params[name],
            part.state.get(name, {}),
        )


def arrays_of(
    outline: Sequence[LayerOutline],
    variables: Variables,
    optimizer: Sequence[NDArray[Any]] | None,
) -> Arrays:
    """Return what stands in files of weights.

    Args:
        outline: of the layers.
        variables: of the layers.
        optimizer: the variables of Keras's optimizer; None for none.
    """
    values = weights.of(variables)
    lists: dict[str, list[NDArray[Any]]] = {"vars": []}
    for group in groups(outline):
        own = [transfers.to_host(values[path]) for path in group.paths]
        lists[f"{group.name}/vars"] = own
    if optimizer is not None:
        lists["optimizer/vars"] = list(optimizer)
    return {
        path: {number: np.asarray(array) for number, array in enumerate(own)}
        for path, own in lists.items()
    }


def hdf5(arrays: Arrays) -> bytes:
    """Return the contents of a ``.weights.h5`` file."""
    h5py = import_extra("h5py", "keras")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, own in arrays.items():
            group = file.create_group(path)
            for number, array in own.items():
                stored = group.create_dataset(str(number), data=array)
                if array.dtype.name == "bfloat16":
                    # HDF5 has it not, and Keras finds out by this.
                    stored.attrs["dtype"] = "bfloat16"
    return buffer.getvalue()


def model_file(config: dict[str, Json], weights: bytes) -> bytes:
    """Return the contents of a ``.keras`` file.

    Args:
        config: as Keras has it, see `jaxnet_mini.files.keras_words`.
        weights: see `hdf5`.

    Raises:
        FileError: there is more to describe than is read.
    """
    text = json.dumps(config)
    try:
        plain_json.check_size(text)
    except ArgumentError as error:
        raise FileError(f"there are too many layers to be saved: {error}") from None
    saved = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": VERSION, "date_saved": saved})
    parts = {"metadata.json": metadata.encode(), "config.json": text.encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (parts | {"model.weights.h5": weights}).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()
