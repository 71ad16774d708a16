"""Reading IDX, the format of MNIST: big-endian header, then one byte a value.

The header is the magic number, 0x0000080n for unsigned bytes in n dimensions, and the
n sizes, four bytes each. Described at http://yann.lecun.com/exdb/mnist/.
"""

import io
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.errors import DataError

UNSIGNED_BYTES = 0x0800
GZIP_MAGIC = b"\x1f\x8b"
BLOCK = 1 << 20


def header_size(shape: tuple[int, ...]) -> int:
    """Count the bytes that stand before the values.

    >>> header_size((60000, 28, 28)), header_size((60000,))
    (16, 8)
    """
    return 4 + 4 * len(shape)


def decode(content: bytes, shape: tuple[int, ...], name: str) -> NDArray[np.uint8]:
    """Decode the bytes of an IDX file, gzipped or not, into a new array.

    No more than ``shape`` promises is ever unpacked, whatever ``content`` claims.

    Args:
        content: the whole file.
        shape: the shape that the file must have.
        name: what error messages call the file.

    Returns:
        A writable uint8 array of that shape.

    Raises:
        DataError: the magic number, the shape or the length is another one, or the
            gzip stream is broken.

    >>> decode(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), (3,), "three labels")
    array([7, 8, 9], dtype=uint8)
    """
    import gzip

    if not content.startswith(GZIP_MAGIC):
        return _read(io.BytesIO(content), shape, name)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
            return _read(unpacked, shape, name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{name}: expected a whole gzip stream, came a broken one ({error}). "
            "Fetch the file again."
        ) from error


def _read(
    stream: io.BufferedIOBase, shape: tuple[int, ...], name: str
) -> NDArray[np.uint8]:
    _check_header(stream.read(header_size(shape)), shape, name)
    values = np.empty(math.prod(shape), np.uint8)
    filled = 0
    while filled < values.size:
        block = stream.read(min(BLOCK, values.size - filled))
        if not block:
            raise DataError(
                f"{name}: expected {values.size:,} bytes after the header, "
                f"came {filled:,}. The file is cut short: fetch it again."
            )
        values[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
        filled += len(block)
    # Reading on also makes gzip compare its checksum.
    if stream.read(1):
        raise DataError(
            f"{name}: expected {values.size:,} bytes after the header, came more. "
            "The file is not the published one: fetch it again."
        )
    return values.reshape(shape)


def _check_header(header: bytes, shape: tuple[int, ...], name: str) -> None:
    if len(header) < header_size(shape):
        raise DataError(
            f"{name}: expected an IDX header of {header_size(shape)} bytes, came "
            f"{len(header)}. The file is cut short: fetch it again."
        )
    magic, *sizes = struct.unpack(f">{1 + len(shape)}I", header)
    expected = UNSIGNED_BYTES + len(shape)
    if magic != expected:
        raise DataError(
            f"{name}: expected the magic number 0x{expected:08x} (unsigned bytes in "
            f"{len(shape)} dimensions), came 0x{magic:08x}. Is it another file?"
        )
    if tuple(sizes) != shape:
        raise DataError(
            f"{name}: expected the shape {shape}, came {tuple(sizes)}. "
            "Is it another file?"
        )
