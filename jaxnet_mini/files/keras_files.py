"""Files that Keras 3 wrote.

A ``.keras`` file is a zip archive of ``config.json``, the architecture with the compile
settings, and ``model.weights.h5``; a ``.weights.h5`` file is the latter alone, which
may be split into several with a ``.weights.json`` beside them. All is read in memory.

Source: https://keras.io/guides/serialization_and_saving/.
"""

import contextlib
import io
import os
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.errors import FileError
from jaxnet_mini.files import hdf5, keras_legacy, keras_shards
from jaxnet_mini.files.keras_groups import (
    COMPOSED,
    LayerGroup,
    groups,
    inner,
    is_model,
    of_model,
)
from jaxnet_mini.files.safetensors import FilePath, readable

SUFFIXES = (".keras", ".h5", ".hdf5", keras_shards.SUFFIX)

PASSED_OVER = ("optimizer", "seed_generator")
"""Groups that hold no weights."""

MOST_LETTERS = 10_000
"""Of the names of groups in one another."""

MOST_DIRECTORY_BYTES = 2**18
"""Of the directory of an archive, which takes ten times that in memory."""


def is_keras(path: FilePath) -> bool:
    """Tell by the name whether Keras wrote a file.

    Raises:
        ArgumentError: ``path`` is no path.
    """
    return check_path("path", path).endswith(SUFFIXES)


def read_weights(
    path: FilePath, outline: Sequence[LayerOutline]
) -> dict[str, NDArray[Any]]:
    """Return the weights in a file by our paths.

    Keras 3 writes layers by class and number, such as ``layers/dense_1``, whatever
    their names; so they are found by the order of the layers of each class.

    Args:
        path: the file.
        outline: of the layers whose weights they are.

    Raises:
        FileError: it is damaged or of another format.
        ShapeError: the weights are those of other layers.
    """
    if keras_legacy.is_legacy(path):
        return keras_legacy.read_weights(path, outline)
    with _opened(path) as (files, size):
        alone = len(outline) == 1 and is_model(outline[0].layer)
        variables = _variables(files, os.fspath(path), "" if alone else "layers")
        found: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for group in _groups(outline, variables):
            own = variables.pop(group.name, {})
            for index, name in enumerate(group.paths):
                if str(index) in own:
                    found[name] = own.pop(str(index))
            layer = group.paths[0].rpartition("/")[0] if group.paths else group.name
            left |= {f"{layer}/{index}": array for index, array in own.items()}
        for name, arrays in variables.items():
            left |= {f"{name}/vars/{index}": array for index, array in arrays.items()}
        expected = weights.shapes(outline)
        return hdf5.read_weights(found, left, expected, os.fspath(path), size)


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
    with _opened(path) as (files, size):
        walk = hdf5.Walk(os.fspath(path))
        if keras_legacy.is_legacy(path):
            arrays = keras_legacy.optimizer_arrays(walk, files[0])
        else:
            arrays = _optimizer_arrays(walk, files)
        if not arrays or len(arrays) != len(expected):
            return None
        found = {f"optimizer/{i}": array for i, array in enumerate(arrays)}
        for array, wanted in zip(found.values(), expected, strict=True):
            dtype = np.dtype(wanted.dtype)
            counts = {array.dtype.kind, dtype.kind} == {"i"}  # of 32 bits or of 64
            if array.shape != wanted.shape or not (
                counts or weights.castable(array.dtype, dtype)
            ):
                return None
        hdf5.check_stored(found, os.fspath(path), size)
        values = [np.asarray(array[()]) for array in found.values()]
    return None if values[0] < 0 else values  # a count of steps


def has_steps(path: FilePath) -> bool:
    """Tell whether a file has an optimizer that has taken steps, as far as is known."""
    with _opened(path) as (files, size):
        walk = hdf5.Walk(os.fspath(path))
        legacy = keras_legacy.is_legacy(path)
        if legacy:
            arrays = keras_legacy.optimizer_arrays(walk, files[0])
        else:
            arrays = _optimizer_arrays(walk, files)
        if not arrays:
            return legacy and walk.has(files[0], "optimizer_weights")
        hdf5.check_stored({"optimizer/0": arrays[0]}, os.fspath(path), size)
        return bool(np.all(np.asarray(arrays[0][()]) > 0))


def _optimizer_arrays(walk: hdf5.Walk, files: Sequence[Any]) -> list[Any]:
    """Return the variables of the optimizer in files, numbered as they are there."""
    groups = [
        walk.member(walk.member(file, "optimizer"), "vars")
        for file in files
        if walk.has(file, "optimizer")
    ]
    holding = {name: group for group in groups for name in walk.names(group)}
    return [
        walk.member(holding.get(str(i), groups[0]), str(i))
        for i in range(sum(map(len, groups)))
    ]


@contextlib.contextmanager
def _opened(path: FilePath) -> Iterator[tuple[list[Any], int]]:
    """Open the HDF5 files of weights, and tell how many bytes there are of them."""
    sharded = os.fspath(path).endswith(keras_shards.SUFFIX)
    parts = keras_shards.paths(path) if sharded else [readable(path)]
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(hdf5.opened(_hdf5(part), os.fspath(path)))
            for part in parts
        ]
        yield opened, sum(part.stat().st_size for part in parts)


def _hdf5(path: Path) -> io.BufferedIOBase:
    """Return the bytes of an HDF5 file, as the HDF5 library opens none."""
    if path.suffix == ".keras":
        return _part(path, "model.weights.h5")
    return readable(path).open("rb")


def _groups(
    outline: Sequence[LayerOutline], there: Collection[str]
) -> list[LayerGroup]:
    """Return the groups of layers, of which a file may hold those inside one alone."""
    found = list(of_model(outline))
    if len(outline) == 1 and type(outline[0].layer) in COMPOSED:
        # A graph, where Keras's whole model is one.
        whole = any(group.name in there for group in found)
        return found if whole else list(groups(inner(outline[0])))
    return found


def _variables(
    files: Sequence[Any], path: str, within: str
) -> dict[str, dict[str, Any]]:
    """Return the variables of each layer in files, by number, without reading them.

    Args:
        files: some of which may hold the optimizer alone.
        path: for messages.
        within: where the layers are, nothing where they stand by attributes.
    """
    found: dict[str, dict[str, Any]] = {}
    walk = hdf5.Walk(path)
    holding = [file for file in files if not within or walk.has(file, within)]
    waiting = [
        (within, walk.member(file, within) if within else file)
        for file in holding or files[:1]
    ]
    while waiting:
        name, group = waiting.pop()
        if len(name) > MOST_LETTERS:
            raise FileError(f"{path!r} has groups in groups, unlike what Keras writes.")
        for part in walk.names(group):
            if part in PASSED_OVER:
                continue
            inside = walk.member(group, part)
            if part != "vars":
                waiting.append((f"{name}/{part}" if name else part, inside))
                continue
            members = {k: walk.member(inside, k) for k in walk.names(inside)}
            arrays = {k: m for k, m in members.items() if hasattr(m, "shape")}
            own = found.setdefault(name, {})
            for twice in own.keys() & arrays:
                place = f"{name}/vars/{twice}"
                raise FileError(f"{path!r} names two files with {place}.")
            own |= arrays
    return found


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
    """Return the ``config.json`` of a ``.keras`` file, or what stands for it.

    Raises:
        FileError: it is damaged or of another format.
    """
    if keras_legacy.is_legacy(path):
        return keras_legacy.read_config(path)
    if os.fspath(path).endswith((".weights.h5", keras_shards.SUFFIX)):
        raise FileError(
            f"{os.fspath(path)!r} holds weights only: build the model, then call "
            "model.load_weights."
        )
    text = _part(path, "config.json").getvalue()
    with plain_json.locating(os.fspath(path)):
        plain_json.check_size(text)
        return plain_json.parse(text)
