"""Time an epoch of Fashion-MNIST against Keras on JAX.

    python -m pip install ".[bench]"
    python -m bench.fit [--data DIR] [--rounds 7]

784-128-10, Adam, float32 inputs, accuracy as a metric, shuffled. Both libraries run in
one process on the same JAX, taking turns. An epoch is timed from its begin hook to its
end hook; each turn fits six epochs and the first is not counted, so that placing the
data and compiling are left out. What the progress bar costs is the median over turns of
the ratio to the silent turn before. Run it on a machine that does nothing else.
"""

import argparse
import contextlib
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

import jaxnet_mini
from jaxnet_mini.datasets import fashion_mnist

EPOCHS_A_TURN = 6

Turn = Callable[[int], list[float]]
"""Fit some epochs at a batch size; return the seconds of each."""


class Seconds:
    """The hooks that time an epoch; mixed into either library's callback."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(time.perf_counter() - self.since)


def turns(x: np.ndarray, y: np.ndarray) -> dict[str, Turn]:
    """Return one way of fitting for each row of the table."""

    def fit(library: Any, verbose: int) -> Turn:
        callback = type("Timer", (Seconds, library.callbacks.Callback), {})
        models: dict[int, Any] = {}

        def turn(batch_size: int) -> list[float]:
            if batch_size not in models:
                models[batch_size] = model(library)
            timer = callback()
            models[batch_size].fit(
                x,
                y,
                batch_size=batch_size,
                epochs=EPOCHS_A_TURN,
                verbose=verbose,
                callbacks=[timer],
            )
            return timer.epochs

        return turn

    def with_bar(batch_size: int) -> list[float]:
        with terminal_to_nowhere():
            return drawn(batch_size)

    drawn = fit(jaxnet_mini, verbose=1)
    return {
        "Keras": fit(keras, verbose=0),
        "jaxnet_mini": fit(jaxnet_mini, verbose=0),
        "jaxnet_mini, progress bar drawn": with_bar,
    }


def model(library: Any) -> Any:
    """Return the same compiled model of either library."""
    net = library.Sequential(
        [
            library.layers.Input((28, 28)),
            library.layers.Flatten(),
            library.layers.Dense(128, activation="relu"),
            library.layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


@contextlib.contextmanager
def terminal_to_nowhere() -> Iterator[None]:
    """Let the progress bar believe in a terminal whose output goes nowhere."""
    os.environ["FORCE_COLOR"] = "1"
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        yield
    del os.environ["FORCE_COLOR"]


def folder(argument: str | None) -> str | None:
    """Return where the data lie; None leaves the search to the library."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "fashion-mnist"
    return argument or (str(beside) if beside.is_dir() else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="where the four files lie")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    arguments = parser.parse_args()

    (images, labels), _ = fashion_mnist.load_data(folder(arguments.data))
    x, y = (images / 255.0).astype(np.float32), labels.astype(np.int32)
    print(
        f"Python {platform.python_version()}, JAX {jax.__version__}, "
        f"Keras {keras.__version__}, jaxnet_mini {jaxnet_mini.__version__}, "
        f"{jax.devices()[0].device_kind} with {os.cpu_count()} cores; "
        f"{arguments.rounds} turns of {EPOCHS_A_TURN - 1} epochs each\n"
    )
    ways = turns(x, y)
    for batch_size in (32, 1024):
        seconds: dict[str, list[list[float]]] = {name: [] for name in ways}
        for turn in range(arguments.rounds + 1):
            for name, fit in ways.items():
                epochs = fit(batch_size)[1:]
                if turn:  # the first one warms up
                    seconds[name].append(epochs)
        report(batch_size, len(x), seconds)


def report(batch_size: int, rows: int, turns: dict[str, list[list[float]]]) -> None:
    """Print a table of medians and of ratios to Keras and to the silent fit."""
    seconds = {
        name: [epoch for turn in values for epoch in turn]
        for name, values in turns.items()
    }
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"Batch size {batch_size}: seconds an epoch")
    print(
        f"{'':32} {'median':>7} {'min':>7} {'max':>7} {'samples/s':>10} {'Keras /':>8}"
    )
    for name, values in seconds.items():
        print(
            f"{name:32} {medians[name]:7.3f} {min(values):7.3f} {max(values):7.3f} "
            f"{rows / medians[name]:10,.0f} {medians['Keras'] / medians[name]:8.2f}"
        )
    silent, drawn = turns["jaxnet_mini"], turns["jaxnet_mini, progress bar drawn"]
    ratios = [
        statistics.median(with_bar) / statistics.median(without)
        for with_bar, without in zip(drawn, silent, strict=True)
    ]
    print(f"The bar costs {statistics.median(ratios) - 1:.1%} of an epoch.\n")


if __name__ == "__main__":
    main()
