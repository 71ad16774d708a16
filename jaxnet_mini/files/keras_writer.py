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
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.types import Variables
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, FileError, import_extra
from jaxnet_mini.files.keras_groups import of_model

SUFFIX = ".keras"
WEIGHTS_SUFFIX = ".weights.h5"

VERSION = "3.0.0"
"""Of Keras, whose layout it is."""


Arrays: TypeAlias = dict[str, dict[int, NDArray[Any]]]
"""What stands in files of weights: arrays by their groups and numbers."""


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
    for group in of_model(outline):
        own = [transfers.to_host(values[path]) for path in group.paths]
        lists[f"{group.name}/vars".lstrip("/")] = own
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
