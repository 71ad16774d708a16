"""Weights and models as files: one safetensors file, and no code in it.

Weights stand in it by their paths, such as ``dense/kernel``; all else, such as the
optimizer's state, under names that start with a slash, which no path does. One entry
of the file's metadata, ``jaxnet_mini``, holds JSON that says what the file is.

Source: https://huggingface.co/docs/safetensors.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.arguments import check_flag, check_path
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, FileError, short

FilePath: TypeAlias = str | os.PathLike[str]

Header: TypeAlias = dict[str, Any]

SUFFIX = ".safetensors"
WEIGHTS_SUFFIX = ".weights.safetensors"

VERSION = 1
"""The version of the format; a reader refuses those above its own."""

DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "U16": np.dtype(np.uint16),
    "U32": np.dtype(np.uint32),
    "U64": np.dtype(np.uint64),
    "I8": np.dtype(np.int8),
    "I16": np.dtype(np.int16),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
"""The dtypes of arrays in a file, by safetensors's names."""


class Contents(NamedTuple):
    """What a file holds: our own JSON, None where it has none, and the arrays."""

    header: Header | None
    arrays: dict[str, NDArray[Any]]


def writable(path: FilePath, suffixes: Sequence[str], overwrite: bool) -> Path:
    """Return where to write, or raise before anything is computed.

    Args:
        path: given by the user.
        suffixes: in which the name may end.
        overwrite: whether a file of this name may be replaced.

    Raises:
        ArgumentError: ``path`` is no path, or ``overwrite`` no bool.
        FileError: another suffix; a folder that does not exist; a file that does and
            is not to be overwritten.
    """
    chosen, source = Path(check_path("path", path)), repr(os.fspath(path))
    overwrite = check_flag("overwrite", overwrite)
    if SUFFIX in suffixes and chosen.name.endswith((WEIGHTS_SUFFIX, ".weights.h5")):
        raise FileError(
            f"{source} is a name for weights alone: drop '.weights' from it to save "
            "the whole model, or call model.save_weights."
        )
    if not chosen.name.endswith(tuple(suffixes)):
        known = " or ".join(map(repr, suffixes))
        raise FileError(
            f"the name of the file must end in {known}, and {source} does not."
        )
    # A link stays a link: what it points to is written.
    chosen = Path(os.path.realpath(chosen))
    if not chosen.parent.is_dir():
        raise FileError(
            f"the folder {os.fspath(chosen.parent)!r} does not exist: create it first, "
            "for example with pathlib.Path.mkdir(parents=True)."
        )
    if chosen.is_dir():
        raise FileError(f"{source} is a folder: give the name of a file.")
    if chosen.exists() and not overwrite:
        raise FileError(
            f"{source} exists already: give overwrite=True or another name."
        )
    return chosen


def write(path: Path, arrays: Mapping[str, Any], header: Header) -> None:
    """Write a file as a whole, or leave what was there.

    Args:
        path: as `writable` returns it.
        arrays: see `encoded`.
        header: see `encoded`.

    Raises:
        FileError: an array has a dtype that no file holds, or the disk refuses.
    """
    replace(path, encoded(arrays, header))


def encoded(arrays: Mapping[str, Any], header: Header) -> bytes:
    """Return the contents of a file.

    Args:
        arrays: by name; of any memory layout.
        header: JSON; the format's version is added.

    Raises:
        FileError: an array has a dtype that no file holds, or there is more to describe
            than `read` reads.
    """
    text = json.dumps(header | {"version": VERSION}, allow_nan=False)
    # One entry: several would be written in an order of their own in each run.
    contents = with_metadata(arrays, {"jaxnet_mini": text})
    try:
        plain_json.check_size(_header_of(contents))
    except ArgumentError as error:
        raise FileError(f"there are too many layers to be saved: {error}") from None
    return contents


def with_metadata(arrays: Mapping[str, Any], metadata: dict[str, str]) -> bytes:
    """Return the contents of a file as any reader of the format takes them.

    Args:
        arrays: by name; of any memory layout.
        metadata: one entry.

    Raises:
        FileError: an array has a dtype that no file holds.
    """
    from safetensors.numpy import save

    tensors = {}
    for name, value in arrays.items():
        # Not np.ascontiguousarray, which gives scalars an axis. What is not contiguous
        # would be written in the order of its memory.
        tensors[name] = np.asarray(transfers.to_host(value), order="C")
        if tensors[name].dtype not in DTYPES.values():
            raise FileError(
                f"{name!r} has the dtype {tensors[name].dtype} and cannot be saved: "
                f"known are {', '.join(dtype.name for dtype in DTYPES.values())}."
            )
    return save(tensors, metadata=metadata)


def _header_of(contents: bytes) -> bytes:
    return contents[8 : 8 + int.from_bytes(contents[:8], "little")]


def replace(path: Path, contents: bytes) -> None:
    """Put contents into a file as a whole, or leave what was there.

    Raises:
        FileError: the disk refuses.
    """
    try:
        with _replacing(path) as part:
            part.write(contents)
    except OSError as error:
        raise FileError(f"{os.fspath(path)!r} cannot be written: {error}.") from None


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """Open a new file beside ``path``, which takes its place once all is on disk."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # Not tempfile, whose files nobody else may read.
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def readable(path: FilePath) -> Path:
    """Return where to read.

    Raises:
        ArgumentError: ``path`` is no path.
        FileError: there is no such file.
    """
    chosen = Path(check_path("path", path))
    if not chosen.is_file():
        raise FileError(f"there is no file {os.fspath(path)!r}.")
    return chosen


def read(path: FilePath) -> Contents:
    """Read a safetensors file, written by this library or another.

    Raises:
        FileError: it is none, it is damaged, or newer than this library.
    """
    return decoded(contents_of(path), path)


def weight_map(index: FilePath) -> Any:
    """Return what an index of several files says: which of them has what.

    Raises:
        ArgumentError, FileError: there is no such index, or its JSON is none.
    """
    with readable(index).open("rb") as file:
        text = file.read(plain_json.MOST_BYTES + 1)
    with plain_json.locating(repr(os.fspath(index))):
        plain_json.check_size(text)
        return plain_json.parse(text).get("weight_map")


def contents_of(path: FilePath) -> bytes:
    """Return the bytes of a file.

    Raises:
        ArgumentError, FileError: there is no such file, or it cannot be read.
    """
    file = readable(path)
    try:
        return file.read_bytes()
    except (OSError, MemoryError) as error:
        why = str(error) or "it is larger than the memory"
        raise FileError(f"{os.fspath(path)!r} cannot be read: {why}.") from None


def decoded(data: bytes, path: FilePath) -> Contents:
    """Return what the bytes of a file hold; ``path`` is for messages.

    Raises:
        FileError: as `read`.
    """
    import safetensors

    try:
        header, arrays = _contents(data, path)
    except (ValueError, safetensors.SafetensorError) as error:
        raise FileError(
            f"{os.fspath(path)!r} is no intact safetensors file: {error}"
        ) from None
    return Contents(None if header is None else _current(header, path), arrays)


def _contents(
    data: bytes, path: FilePath
) -> tuple[Header | None, dict[str, NDArray[Any]]]:
    from safetensors import deserialize

    if len(data) < 8 or int.from_bytes(data[:8], "little") > len(data) - 8:
        raise ArgumentError("it is cut off, or of another format.")
    text = _header_of(data)
    plain_json.check_size(text)
    read_tensors: Any = deserialize  # it has no annotations
    tensors = read_tensors(data)
    metadata = plain_json.parse(text).get("__metadata__") or {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors:
        dtype = DTYPES.get(tensor["dtype"])
        if dtype is None:
            raise FileError(f"{os.fspath(path)!r}: {_unknown(name, tensor['dtype'])}")
        # Its own buffer: a copy would make three of each with that in the file.
        arrays[name] = np.ndarray(tensor["shape"], dtype, tensor["data"])
    own = metadata.get("jaxnet_mini")
    if own is None:
        # Other libraries write arrays that are one once, and what else they are called.
        tied = metadata.keys() - arrays.keys()
        arrays |= {n: arrays[metadata[n]] for n in tied if metadata[n] in arrays}
        return None, arrays
    plain_json.check_size(own)
    return plain_json.parse(own), arrays


def _unknown(name: str, dtype: str) -> str:
    """Return what to say of an array of a dtype that is not read."""
    if not dtype.startswith("F8"):
        return f"{short(name)} has the dtype {dtype}, which is not read."
    return (
        f"{short(name)} is of 8-bit floats ({dtype}), no weights before they are "
        "multiplied by scales that stand elsewhere: write them in bfloat16 or float32."
    )


def _current(header: Header, path: FilePath) -> Header:
    version = header.pop("version", None)
    if type(version) is not int or version < 1:
        raise FileError(
            f"{os.fspath(path)!r} has {version!r} for the version of its format: it "
            "was not written by this library."
        )
    if version > VERSION:
        raise FileError(
            f"{os.fspath(path)!r} has version {version} of its format, and this "
            f"jaxnet_mini reads up to {VERSION}: upgrade jaxnet_mini."
        )
    return header


def read_weights(path: FilePath) -> dict[str, NDArray[Any]]:
    """Return the weights in a safetensors file by path, those of a whole model too.

    Raises:
        FileError: as `read`.
    """
    arrays = read(path).arrays
    return {name: value for name, value in arrays.items() if not name.startswith("/")}
