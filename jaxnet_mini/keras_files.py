"""Files that Keras 3 wrote.

A ``.keras`` file is a zip archive of ``config.json``, the architecture with the compile
settings, and ``model.weights.h5``; a ``.weights.h5`` file is the latter alone. All is
read in memory.

Source: https://keras.io/guides/serialization_and_saving/.
"""

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini import plain, weights
from jaxnet_mini.composition import LayerOutline
from jaxnet_mini.errors import FileError, import_extra
from jaxnet_mini.names import snake_case
from jaxnet_mini.plain import Json
from jaxnet_mini.saving import FilePath, readable

SUFFIXES = (".keras", ".h5", ".hdf5")

MOST_BYTES = 2**31
"""Of one part of an archive, which is read into memory."""


def is_keras(path: FilePath) -> bool:
    """Tell by the name whether Keras wrote a file."""
    return os.fspath(path).endswith(SUFFIXES)


def read_weights(
    path: FilePath, outline: Sequence[LayerOutline]
) -> dict[str, NDArray[Any]]:
    """Return the weights in a ``.weights.h5`` or ``.keras`` file, by our paths.

    Keras writes layers by class and number, such as ``layers/dense_1``, whatever their
    names; so they are found by the order of the layers of each class.

    Args:
        path: the file.
        outline: of the layers whose weights they are.

    Raises:
        FileError: it is damaged or of another format.
        ShapeError: the weights are those of other layers.
    """
    with _weights_file(path) as file:
        groups = _variables(file, os.fspath(path))
        left: dict[str, Any] = {}
        classes: dict[str, int] = {}
        found: dict[str, Any] = {}
        for part in outline:
            base = snake_case(type(part.layer).__name__)
            number = classes[base] = classes.get(base, -1) + 1
            variables = groups.pop(f"{base}_{number}" if number else base, {})
            for index, name in enumerate(weights.shapes([part])):
                if str(index) in variables:
                    found[name] = variables.pop(str(index))
            left |= {f"{part.name}/{index}": v for index, v in variables.items()}
        for group, variables in groups.items():
            left |= {
                f"layers/{group}/vars/{index}": v for index, v in variables.items()
            }
        # Checked before a number is read: a file may claim any shape.
        weights.check(weights.shapes(outline), found | left, repr(os.fspath(path)))
        return {name: np.asarray(dataset[()]) for name, dataset in found.items()}


@contextlib.contextmanager
def _weights_file(path: FilePath) -> Iterator[Any]:
    source: Any = readable(path)
    if source.suffix == ".keras":
        source = io.BytesIO(_part(path, "model.weights.h5"))
    elif not source.name.endswith(".weights.h5"):
        raise _old(path)
    h5py = import_extra("h5py", "keras")
    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise FileError(f"{os.fspath(path)!r} is no HDF5 file: {error}.") from None
    with file:
        yield file


def _old(path: FilePath) -> FileError:
    return FileError(
        f"{os.fspath(path)!r} is not in a format of Keras 3: load it in Keras and "
        'write it anew with model.save("model.keras").'
    )


def _variables(file: Any, path: str) -> dict[str, dict[str, Any]]:
    """Return the variables of each layer in a file, by number, without reading them."""
    groups: dict[str, dict[str, Any]] = {}
    layers = _member(file, "layers", path)
    for name in layers:
        layer = _member(layers, name, path)
        groups[name] = {}
        for part in layer:
            inner = _member(layer, part, path)
            if part == "vars":
                groups[name] = {key: _member(inner, key, path) for key in inner}
            elif part != "seed_generator" and (
                part == "layers" or len(inner.get("vars", ()))
            ):
                raise FileError(
                    f"{path!r} has weights of a layer inside the layer {name!r}: that "
                    "is not supported."
                )
    return groups


def _member(group: Any, name: str, path: str) -> Any:
    h5py = import_extra("h5py", "keras")
    inside = hasattr(group, "keys") and name in group
    if inside and isinstance(group.get(name, getlink=True), h5py.HardLink):
        member = group[name]
        # Links and such data sets would be read from other files.
        if not isinstance(member, h5py.Dataset) or not (
            member.external or member.is_virtual
        ):
            return member
    raise FileError(
        f"{path!r} does not hold {name!r} where Keras 3 writes it: write it anew with "
        "Keras 3."
    )


def _part(path: FilePath, name: str) -> bytes:
    """Return a file of an archive; nothing is written to the disk."""
    try:
        with zipfile.ZipFile(readable(path)) as archive:
            info = archive.getinfo(name)
            # Keras does not compress; what is small and unpacks to much is no model.
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > MOST_BYTES:
                raise FileError(
                    f"{os.fspath(path)!r}: {name} is compressed or too large, unlike "
                    "what Keras writes."
                )
            return archive.read(info)
    except KeyError:
        raise FileError(
            f"{os.fspath(path)!r} has no {name}, which Keras 3 writes."
        ) from None
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise FileError(
            f"{os.fspath(path)!r} is no intact .keras file: {error}."
        ) from None


def read_config(path: FilePath) -> dict[str, Json]:
    """Return the ``config.json`` of a ``.keras`` file.

    Raises:
        FileError: it is damaged or of another format.
    """
    if os.fspath(path).endswith(".weights.h5"):
        raise FileError(
            f"{os.fspath(path)!r} holds weights only: build the model, then call "
            "model.load_weights."
        )
    if not os.fspath(path).endswith(".keras"):
        raise _old(path)
    with plain.locating(os.fspath(path)):
        return plain.parse(_part(path, "config.json"))
