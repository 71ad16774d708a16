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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.errors import FileError, JaxnetError, import_extra, short
from jaxnet_mini.files.keras_writer import group_names
from jaxnet_mini.files.safetensors import FilePath, readable

SHARDED = ".weights.json"

SUFFIXES = (".keras", ".h5", ".hdf5", SHARDED)

MOST_DIRECTORY_BYTES = 2**18
"""Of the directory of an archive, which takes ten times that in memory."""

MOST_MEMBERS = 4000
"""Of all groups of an HDF5 file, as many as a thousand dense layers have. To look at
one takes a fifth of a millisecond, and a group may stand in many places."""


def is_keras(path: FilePath) -> bool:
    """Tell by the name whether Keras wrote a file.

    Raises:
        ArgumentError: ``path`` is no path.
    """
    return check_path("path", path).endswith(SUFFIXES)


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
        found: dict[str, Any] = {}
        for part, group in zip(outline, group_names(outline), strict=True):
            variables = groups.pop(group, {})
            for index, name in enumerate(weights.shapes([part])):
                if str(index) in variables:
                    found[name] = variables.pop(str(index))
            left |= {f"{part.name}/{index}": v for index, v in variables.items()}
        for group, variables in groups.items():
            left |= {
                f"layers/{group}/vars/{index}": v for index, v in variables.items()
            }
        # Checked before a number is read: a file may claim any shape.
        there = {name: _Stored(dataset) for name, dataset in (found | left).items()}
        source = repr(os.fspath(path))
        weights.check(weights.shapes(outline), there, source, cast=True)
        _check_stored(found, os.fspath(path))
        return {
            name: np.asarray(dataset[()]).view(there[name].dtype)
            for name, dataset in found.items()
        }


def read_optimizer(
    path: FilePath, expected: Sequence[Any]
) -> list[NDArray[Any]] | None:
    """Return the variables of Keras's optimizer in a file, in its order.

    Args:
        path: the file.
        expected: shape and dtype of each.

    Returns:
        None where there are none, or those of another optimizer.

    Raises:
        FileError: it is damaged or of another format.
    """
    with _weights_file(path) as file:
        source = os.fspath(path)
        # As `_member` asks, without its error.
        if not file.id.links.exists(b"optimizer"):
            return None
        group = _member(_member(file, "optimizer", source), "vars", source)
        if len(group) != len(expected):
            return None
        found = {
            f"optimizer/{index}": _member(group, str(index), source)
            for index in range(len(expected))
        }
        for array, wanted in zip(found.values(), expected, strict=True):
            dtype = np.dtype(wanted.dtype)
            counts = {array.dtype.kind, dtype.kind} == {"i"}  # of 32 bits or of 64
            if array.shape != wanted.shape or not (
                counts or weights.castable(array.dtype, dtype)
            ):
                return None
        _check_stored(found, source)
        arrays = [np.asarray(array[()]) for array in found.values()]
    return None if arrays[0] < 0 else arrays  # a count of steps


class _Stored:
    """Shape and dtype of an array in a file."""

    def __init__(self, dataset: Any) -> None:
        self.shape = dataset.shape
        # HDF5 has no bfloat16: Keras writes two bytes of which nothing is told.
        opaque = dataset.dtype == np.dtype("V2")
        self.dtype = np.dtype(jnp.bfloat16) if opaque else dataset.dtype


def _check_stored(found: Mapping[str, Any], path: str) -> None:
    """Check that the numbers stand in the file, each once and as they are."""
    total = sum(dataset.nbytes for dataset in found.values())
    for name, dataset in found.items():
        # What is compressed, or not there at all, may fill any memory.
        if dataset.chunks or dataset.id.get_storage_size() != dataset.nbytes:
            raise FileError(
                f"{path!r} has the numbers of {name} compressed or not at all, unlike "
                "what Keras writes: write it anew with Keras 3."
            )
    size = readable(path).stat().st_size
    if total > size:
        raise FileError(
            f"{path!r} has {size} bytes, and the weights in it would have {total}: "
            "write it anew with Keras 3."
        )


@contextlib.contextmanager
def _weights_file(path: FilePath) -> Iterator[Any]:
    file, source = readable(path), os.fspath(path)
    if not file.name.endswith((".keras", ".weights.h5")):
        raise _old(path)
    h5py = import_extra("h5py", "keras")
    try:
        # All through Python's own files: the HDF5 library opens none.
        with (
            _part(path, "model.weights.h5")
            if file.suffix == ".keras"
            else file.open("rb") as data,
            h5py.File(data, "r") as opened,
        ):
            yield opened
    except JaxnetError:
        raise
    except Exception as error:
        # What h5py raises of a damaged file is documented nowhere.
        raise FileError(f"{source!r} is no intact HDF5 file: {error}.") from None


def _old(path: FilePath) -> FileError:
    source = repr(os.fspath(path))
    if os.fspath(path).endswith(SHARDED):
        return FileError(
            f"{source} is the index of weights that stand in several files, which is "
            "not read: load it in Keras with model.load_weights, and write it anew "
            'with model.save_weights("model.weights.h5").'
        )
    return FileError(
        f"{source} is in the legacy HDF5 format, which is not read: load it in Keras "
        'and write it anew with model.save("model.keras").'
    )


def _variables(file: Any, path: str) -> dict[str, dict[str, Any]]:
    """Return the variables of each layer in a file, by number, without reading them."""
    h5py = import_extra("h5py", "keras")
    groups: dict[str, dict[str, Any]] = {}
    seen = 0

    def names(group: Any) -> list[str]:
        """Return the names of the members of a group; none is followed."""
        nonlocal seen
        seen += len(group) if isinstance(group, h5py.Group) else 0
        if seen > MOST_MEMBERS:
            raise FileError(
                f"{path!r} has more than {MOST_MEMBERS} groups and arrays, unlike what "
                "Keras 3 writes for dense layers."
            )
        return list(group) if isinstance(group, h5py.Group) else []

    layers = _member(file, "layers", path)
    for name in names(layers):
        layer = _member(layers, name, path)
        groups[name] = {}
        for part in names(layer):
            inner = _member(layer, part, path)
            if part == "vars":
                members = {key: _member(inner, key, path) for key in names(inner)}
                groups[name] = {k: m for k, m in members.items() if hasattr(m, "shape")}
            elif part == "layers" or (
                part != "seed_generator"
                and "vars" in names(inner)
                and names(_member(inner, "vars", path))
            ):
                raise FileError(
                    f"{path!r} has weights of a layer inside the layer {name!r}: that "
                    "is not supported."
                )
    return groups


def _member(group: Any, name: str, path: str) -> Any:
    """Return a member of a group, if it stands in this file.

    Raises:
        FileError: it does not: links and some data sets would be read from others.
    """
    h5py = import_extra("h5py", "keras")
    # A name of several parts would be followed through whatever they are.
    if isinstance(group, h5py.Group) and "/" not in name and name != ".":
        links, key = group.id.links, name.encode(errors="surrogateescape")
        # Not `name in group`, which asks what a link leads to as well.
        if links.exists(key) and links.get_info(key).type == h5py.h5l.TYPE_HARD:
            member = group[name]
            if isinstance(member, h5py.Group) or (
                isinstance(member, h5py.Dataset)
                and member.shape is not None
                and not (member.external or member.is_virtual)
            ):
                return member
    raise FileError(
        f"{path!r} does not hold {short(name)} where Keras 3 writes it: write it anew "
        "with Keras 3."
    )


class _Bounded(io.FileIO):
    """A file of which at most so many bytes are read in one go."""

    most = MOST_DIRECTORY_BYTES

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.most if size is None or size < 0 else min(size, self.most)
        return super().read(wanted) or b""


def _part(path: FilePath, name: str) -> io.BytesIO:
    """Return a file of an archive; nothing is written to the disk.

    Raises:
        FileError: the archive is damaged, or the file not in it as Keras writes it.
    """
    file, source = readable(path), repr(os.fspath(path))
    try:
        with _Bounded(file) as raw, zipfile.ZipFile(raw) as archive:
            found = [info for info in archive.infolist() if info.filename == name]
            # Keras does not compress; what is small and unpacks to much is no model.
            stored = all(
                info.compress_type == zipfile.ZIP_STORED
                and info.compress_size == info.file_size <= file.stat().st_size
                for info in found
            )
            if len(found) == 1 and stored:
                raw.most = max(raw.most, found[0].file_size)
                return io.BytesIO(archive.read(found[0]))
    except Exception as error:
        # zipfile raises much beside its BadZipFile.
        raise FileError(f"{source} is no intact .keras file: {error}.") from None
    if not found:
        raise FileError(f"{source} has no {name}, which Keras 3 writes.")
    what = "there twice" if stored else "compressed or too large"
    raise FileError(f"{source}: {name} is {what}, unlike what Keras writes.")


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
    text = _part(path, "config.json").getvalue()
    with plain_json.locating(os.fspath(path)):
        plain_json.check_size(text)
        return plain_json.parse(text)
