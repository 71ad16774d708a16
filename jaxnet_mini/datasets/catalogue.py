"""What a data set consists of: its arrays, the files that hold them, the mirrors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.datasets.idx import header_size

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images and their labels."""


@dataclass(frozen=True)
class DataFile:
    """One file as it was published, known byte for byte.

    Attributes:
        name: its name, without a folder.
        size: its length in bytes.
        sha256: its SHA-256 sum in hexadecimal digits.
        key: the name of the array inside it, where it is an npz archive.
    """

    name: str
    size: int
    sha256: str
    key: str | None = None


@dataclass(frozen=True)
class DataArray:
    """One array of uint8 and the files that it can be read from.

    Attributes:
        shape: the array's shape.
        files: alternatives, the preferred one first; that one the mirrors have.
    """

    shape: tuple[int, ...]
    files: tuple[DataFile, ...]

    @property
    def published(self) -> DataFile:
        """The file that the mirrors have."""
        return self.files[0]


@dataclass(frozen=True)
class DataSet:
    """A published data set.

    Attributes:
        title: its name, as a person writes it.
        folders: names that a folder with its files usually has; the first is used in
            the library's own cache.
        mirrors: addresses, each ending in a slash, that the files lie under.
        arrays: x_train, y_train, x_test, y_test.
        installed: folders where a system's package puts its files.
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    arrays: tuple[DataArray, ...]
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
    return DataArray(shape, files if archive is None else (*files, archive))
