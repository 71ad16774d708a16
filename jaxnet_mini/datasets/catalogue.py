"""What a data set consists of: its arrays, the files that hold them, the mirrors."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.datasets.idx import header_size

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images and their labels."""

KERAS_MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
"""Where Keras fetches its data sets from."""


@dataclass(frozen=True)
class DataFile:
    """One file as it was published, known byte for byte.

    Attributes:
        name: its name, without a folder.
        size: its length in bytes.
        digest: its sum in hexadecimal digits.
        key: the name of the array inside it, where it is an npz archive.
        algorithm: of which kind the sum is.
    """

    name: str
    size: int
    digest: str
    key: str | None = None
    algorithm: str = "SHA-256"

    def hasher(self) -> Any:
        """Return an object of `hashlib` that makes such sums."""
        import hashlib

        name = self.algorithm.replace("-", "").lower()
        return hashlib.new(name, usedforsecurity=False)


@dataclass(frozen=True)
class Part:
    """What can be read from any one of some files.

    Attributes:
        files: alternatives, the preferred one first; that one the mirrors have.
    """

    files: tuple[DataFile, ...]

    @property
    def published(self) -> DataFile:
        """The file that the mirrors have."""
        return self.files[0]


@dataclass(frozen=True)
class DataArray(Part):
    """One array of uint8.

    Attributes:
        shape: the array's shape.
    """

    shape: tuple[int, ...]


@dataclass(frozen=True)
class DataSet:
    """A published data set.

    Attributes:
        title: its name, as a person writes it.
        folders: names that a folder with its files usually has; the first is used in
            the library's own cache.
        mirrors: addresses, each ending in a slash, that the files lie under.
        parts: x_train, y_train, x_test, y_test; or one file that holds them all.
        installed: folders where a system's package puts its files.
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    parts: tuple[Part, ...]
    installed: tuple[str, ...] = ()


def idx_array(
    name: str,
    shape: tuple[int, ...],
    *,
    size: int,
    sha256: str,
    unpacked: str,
    archive: DataFile | None = None,
) -> DataArray:
    """Describe an array that is published as a gzipped IDX file.

    Args:
        name: the name of the IDX file, without ``.gz``.
        shape: the array's shape.
        size: the length of the gzipped file in bytes.
        sha256: the SHA-256 sum of the gzipped file.
        unpacked: the SHA-256 sum of the same file once unpacked.
        archive: an npz archive that holds the array too.
    """
    unpacked_size = header_size(shape) + math.prod(shape)
    files = (
        DataFile(f"{name}.gz", size, sha256),
        DataFile(name, unpacked_size, unpacked),
    )
    return DataArray(files if archive is None else (*files, archive), shape)


def of_keras(title: str, file: DataFile) -> DataSet:
    """Describe a data set that Keras publishes as one file.

    Args:
        title: its name, as a person writes it.
        file: which, by the name under which Keras keeps it in its cache.
    """
    folder = file.name.partition(".")[0]
    return DataSet(
        title=title,
        folders=tuple(dict.fromkeys((folder.replace("_", "-"), folder))),
        mirrors=(KERAS_MIRROR,),
        parts=(Part((file,)),),
    )
