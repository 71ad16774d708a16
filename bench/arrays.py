"""The data as ``.npy`` files, which every process reads in the same way."""

from pathlib import Path

import numpy as np

from jaxnet_mini.datasets import digits, fashion_mnist

DIGITS_MAXIMUM = 16


def folder(argument: str | None) -> str | None:
    """Return where Fashion-MNIST lies; None leaves the search to the library."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "fashion-mnist"
    return argument or (str(beside) if beside.is_dir() else None)


def write_digits(scratch: Path) -> None:
    """Write the digits: 1,500 rows to train on, 297 to test, 64 features."""
    for part, (images, labels) in zip(
        ("train", "test"), digits.load_data(), strict=True
    ):
        _write(scratch, "digits", part, images / DIGITS_MAXIMUM, labels)


def write_fashion(scratch: Path, data: str | None) -> None:
    """Write Fashion-MNIST: 60,000 rows to train on, 10,000 to test, 784 features."""
    parts = fashion_mnist.load_data(folder(data))
    for part, (images, labels) in zip(("train", "test"), parts, strict=True):
        _write(scratch, "fashion", part, images / 255.0, labels)


def _write(
    scratch: Path, name: str, part: str, images: np.ndarray, labels: np.ndarray
) -> None:
    x = images.astype(np.float32).reshape(len(images), -1)
    np.save(scratch / f"{name}-{part}-x.npy", x)
    np.save(scratch / f"{name}-{part}-y.npy", labels.astype(np.int32))
