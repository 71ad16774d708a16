"""Train on rows that stay in a file, and on rows that are made while training runs.

    python examples/streaming.py --rows 100000

The file is written first, into a folder that is removed in the end; ``--file`` names
one to keep. It may be larger than the memory: what training holds is a few chunks.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import jaxnet_mini as jn

FEATURES, CLASSES = 784, 10
BLOCK = 10_000
"""So many rows are written at a time."""


def rows_of(
    generator: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of bytes, each a faint picture of its class in noise, and classes."""
    pictures = np.random.default_rng(0).integers(0, 48, (CLASSES, FEATURES), np.uint8)
    classes = generator.integers(0, CLASSES, count, np.uint8)
    noise = generator.integers(0, 208, (count, FEATURES), np.uint8)
    return pictures[classes] + noise, classes


def write(path: Path, rows: int) -> np.ndarray:
    """Write rows to a ``.npy`` file, block by block; return their classes."""
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (rows, FEATURES))
    classes = np.empty(rows, np.uint8)
    generator = np.random.default_rng(1)
    for start in range(0, rows, BLOCK):
        part = slice(start, min(start + BLOCK, rows))
        file[part], classes[part] = rows_of(generator, part.stop - part.start)
    file.flush()
    return classes


def batches(size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches without end, none of them twice."""
    generator = np.random.default_rng(2)
    while True:
        yield rows_of(generator, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--file", type=Path, help="where to keep the rows")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "rows.npy"
        classes = write(path, arguments.rows)
        print(f"{path.name}: {path.stat().st_size / 1e6:,.1f} MB")
        x = np.load(path, mmap_mode="r")
        train("from the file", arguments, x=x, y=classes)
        del x  # Windows removes no file that is still mapped
    steps = -(-arguments.rows // arguments.batch_size)
    made = batches(arguments.batch_size)
    train("from the generator", arguments, x=made, steps_per_epoch=steps)


def train(name: str, arguments: argparse.Namespace, **data: object) -> None:
    """Train a new network; say how good it is, and what it waited for."""
    model = jn.Sequential(
        [
            jn.Rescaling(1 / 255),
            jn.Dense(128, activation="relu"),
            jn.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    if "y" in data:  # a generator's batches have the size that they have
        data["batch_size"] = arguments.batch_size
    history = model.fit(epochs=arguments.epochs, **data)
    timing = history.timing
    waited, passed = sum(timing["waiting_seconds"]), sum(timing["epoch_seconds"])
    x, classes = rows_of(np.random.default_rng(3), 2_000)
    loss, accuracy = model.evaluate(x, classes, verbose=0)
    print(
        f"Learned {name}: test accuracy {accuracy:.4f}, test loss {loss:.4f}, "
        f"{waited / passed:.0%} of {passed:.2f} s waiting for data\n"
    )


if __name__ == "__main__":
    main()
