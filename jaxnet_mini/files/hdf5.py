"""HDF5 files of unknown origin: what stands in them, and in no other file.

All goes through Python's own files, and nothing is followed that leads elsewhere.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import plain_json
from jaxnet_mini.core.networks import weights
from jaxnet_mini.errors import FileError, JaxnetError, import_extra, short

MOST_MEMBERS = 4000
"""Of all groups of a file, as many as a thousand dense layers have. To look at one
takes a fifth of a millisecond, and a group may stand in many places."""


@contextlib.contextmanager
def opened(data: io.BufferedIOBase, path: str) -> Iterator[Any]:
    """Open the bytes of a file.

    Raises:
        FileError: it is damaged.
    """
    h5py = import_extra("h5py", "keras")
    try:
        with data, h5py.File(data, "r") as file:
            yield file
    except JaxnetError:
        raise
    except Exception as error:
        # What h5py raises of a damaged file is documented nowhere.
        raise FileError(f"{path!r} is no intact HDF5 file: {error}.") from None


class Walk:
    """Goes from group to group of a file, and through so many members alone.

    Args:
        path: of the file, for messages.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._h5py = import_extra("h5py", "keras")
        self._seen = 0

    def is_group(self, item: Any) -> bool:
        """Tell whether it may have members."""
        return isinstance(item, self._h5py.Group)

    def names(self, group: Any) -> list[str]:
        """Return the names of the members of a group; none is followed.

        Raises:
            FileError: there were too many in the file.
        """
        if not self.is_group(group):
            return []
        self._seen += len(group)
        if self._seen > MOST_MEMBERS:
            raise FileError(
                f"{self.path!r} has more than {MOST_MEMBERS} groups and arrays, unlike "
                "what Keras writes for dense layers."
            )
        return list(group)

    def has(self, group: Any, name: str) -> bool:
        """Tell whether a group has a member of a name; it is not followed."""
        return bool(group.id.links.exists(name.encode(errors="surrogateescape")))

    def member(self, group: Any, name: str) -> Any:
        """Return a member of a group, if it stands in this file.

        Raises:
            FileError: it does not: links and some data sets would be read from others.
        """
        h5py = self._h5py
        # A name of several parts would be followed through whatever they are.
        if self.is_group(group) and "/" not in name and name != ".":
            links, key = group.id.links, name.encode(errors="surrogateescape")
            # Not `name in group`, which asks what a link leads to as well.
            if links.exists(key) and links.get_info(key).type == h5py.h5l.TYPE_HARD:
                member = group[name]
                if self.is_group(member) or (
                    isinstance(member, h5py.Dataset)
                    and member.shape is not None
                    and not (member.external or member.is_virtual)
                ):
                    return member
        raise FileError(
            f"{self.path!r} does not hold {short(name)} where Keras writes it: write "
            "it anew with Keras 3."
        )

    def text(self, group: Any, name: str) -> str | None:
        """Return an attribute that is one text; None where there is none of the name.

        Raises:
            FileError: it is anything else.
        """
        h5py, key = self._h5py, name.encode()
        if not h5py.h5a.exists(group.id, key):
            return None
        attribute = h5py.h5a.open(group.id, key)
        # Several texts of unknown length could all be the same one.
        sensible = attribute.dtype.itemsize <= plain_json.MOST_BYTES
        if attribute.shape == () and attribute.dtype.kind in "OS" and sensible:
            value = group.attrs[name]
            if isinstance(value, bytes):
                return value.decode(errors="replace")
            if isinstance(value, str):
                return value
        raise FileError(
            f"{self.path!r} does not hold {name} as one text, as Keras writes it: "
            "write it anew with Keras 3."
        )

    def texts(self, group: Any, name: str) -> list[str]:
        """Return an attribute that is a list of texts; [] where it is anything else."""
        h5py, key = self._h5py, name.encode()
        if not h5py.h5a.exists(group.id, key):
            return []
        attribute = h5py.h5a.open(group.id, key)
        size = attribute.get_storage_size()
        # Of a known length each, so that all of it stands in the file.
        if attribute.dtype.kind != "S" or size > plain_json.MOST_BYTES:
            return []
        return [text.decode(errors="replace") for text in group.attrs[name].ravel()]


class _Stored:
    """Shape and dtype of an array in a file."""

    def __init__(self, dataset: Any) -> None:
        self.shape = dataset.shape
        # HDF5 has no bfloat16: Keras writes two bytes of which nothing is told.
        opaque = dataset.dtype == np.dtype("V2")
        self.dtype = np.dtype(jnp.bfloat16) if opaque else dataset.dtype


def read_weights(
    found: Mapping[str, Any],
    left: Mapping[str, Any],
    expected: Mapping[str, jax.ShapeDtypeStruct],
    path: str,
    size: int,
) -> dict[str, NDArray[Any]]:
    """Return the weights that were found, once all of them were checked.

    Args:
        found: data sets, by our paths.
        left: data sets that are no weights of the model, as messages call them.
        expected: shapes and dtypes, by our paths.
        path: of the file.
        size: of the file, in bytes.

    Raises:
        ShapeError: they are others than those expected.
        FileError: they are not stored as they should.
    """
    # Checked before a number is read: a file may claim any shape.
    there = {name: _Stored(item) for name, item in {**found, **left}.items()}
    weights.check(expected, there, repr(path), cast=True)
    check_stored(found, path, size)
    return {
        name: np.asarray(dataset[()]).view(there[name].dtype)
        for name, dataset in found.items()
    }


def check_stored(found: Mapping[str, Any], path: str, size: int) -> None:
    """Check that the numbers stand in the file, each once and as they are.

    Raises:
        FileError: they do not.
    """
    total = sum(dataset.nbytes for dataset in found.values())
    for name, dataset in found.items():
        # What is compressed, or not there at all, may fill any memory.
        if dataset.chunks or dataset.id.get_storage_size() != dataset.nbytes:
            raise FileError(
                f"{path!r} has the numbers of {name} compressed or not at all, unlike "
                "what Keras writes: write it anew with Keras 3."
            )
    if total > size:
        raise FileError(
            f"{path!r} has {size} bytes, and the weights in it would have {total}: "
            "write it anew with Keras 3."
        )
