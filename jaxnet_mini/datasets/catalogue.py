"""What a data set consists of: its arrays, the files that hold them, the mirrors."""

import math
from dataclasses import dataclass, replace
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
        digest: its sum in hexadecimal digits, an MD5 where no other was published.
        key: the name of the array inside it, where it is an npz archive.
    """

    name: str
    size: int
    digest: str
    key: str | None = None

    @property
    def algorithm(self) -> str:
        """Of which kind the sum is."""
        return "MD5" if len(self.digest) == 32 else "SHA-256"

    def hasher(self) -> Any:
        """Return an object of `hashlib` that makes such sums."""
        import hashlib

        name = self.algorithm.replace("-", "").lower()
        return hashlib.new(name, usedforsecurity=False)


@dataclass(frozen=True)
class Alternatives:
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
class DataArray(Alternatives):
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
    parts: tuple[Alternatives, ...]
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


OF_MNIST = (
    ("x_train", "train-images-idx3-ubyte", (60000, 28, 28)),
    ("y_train", "train-labels-idx1-ubyte", (60000,)),
    ("x_test", "t10k-images-idx3-ubyte", (10000, 28, 28)),
    ("y_test", "t10k-labels-idx1-ubyte", (10000,)),
)
"""The arrays of MNIST, and of what is to take its place, with their IDX files."""


def like_mnist(
    sizes: tuple[int, ...],
    gzipped: tuple[str, ...],
    unpacked: tuple[str, ...],
    archive: DataFile | None = None,
) -> tuple[DataArray, ...]:
    """Describe the four arrays of a data set in the form of MNIST.

    Args:
        sizes: the lengths of the gzipped files in bytes.
        gzipped: the SHA-256 sums of these.
        unpacked: those of the same files once unpacked.
        archive: an npz archive that holds the arrays too.
    """
    sums = zip(OF_MNIST, sizes, gzipped, unpacked, strict=True)
    return tuple(
        idx_array(
            name,
            shape,
            size=size,
            sha256=sha256,
            unpacked=own,
            archive=archive and replace(archive, key=key),
        )
        for (key, name, shape), size, sha256, own in sums
    )


def of_keras(title: str, name: str, size: int, digest: str) -> DataSet:
    """Describe a data set that Keras publishes as one file.

    Args:
        title: its name, as a person writes it.
        name: that of the file, under which Keras keeps it in its cache.
        size: its length in bytes.
        digest: its sum.
    """
    folder = name.partition(".")[0]
    return DataSet(
        title=title,
        folders=tuple(dict.fromkeys((folder.replace("_", "-"), folder))),
        mirrors=(KERAS_MIRROR,),
        parts=(Alternatives((DataFile(name, size, digest),)),),
    )
