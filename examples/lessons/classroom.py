"""What the lessons share: their data, their words and their pictures.

Each lesson is a script that can be read from top to bottom. Its ``main`` goes back and
forth between `tell`, which explains, and a few lines of code. ``make_notebook.py``
makes a text cell of each `tell` and a code cell of the lines between them.
"""

import argparse
import contextlib
import dataclasses
import inspect
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxnet_mini.datasets import digits, fashion_mnist, mnist
from jaxnet_mini.errors import MissingExtraError, import_extra
from jaxnet_mini.utils import plot_model
from jaxnet_mini.views.svg import svg

SHADES = " .:-=+*#%@"


@dataclasses.dataclass(frozen=True)
class Data:
    """Images to learn from.

    Attributes:
        name: as ``--dataset`` has it.
        title: as a person writes it.
        names: what the labels 0, 1, 2, ... stand for.
        brightest: the largest number that a pixel can have; the smallest is 0.
        folder: where the files lie; None looks in the usual places.
    """

    name: str
    title: str
    names: tuple[str, ...]
    brightest: int
    folder: str | None = None

    def load(self) -> Any:
        """Return ``(x_train, y_train), (x_test, y_test)``: images and their labels."""
        if self.name == "digits":
            return digits.load_data()
        room = {"fashion_mnist": fashion_mnist, "mnist": mnist}[self.name]
        return room.load_data(self.folder)


TEN = tuple("0123456789")
DATA = {
    "digits": Data("digits", "Digits", TEN, 16),
    "fashion_mnist": Data(
        "fashion_mnist", "Fashion-MNIST", fashion_mnist.CLASS_NAMES, 255
    ),
    "mnist": Data("mnist", "MNIST", TEN, 255),
}


def choose_data(arguments: Sequence[str] | None = None) -> Data:
    """Return the data set that the command line names.

    Args:
        arguments: the words of the command line; None takes those of this process.
    """
    parser = argparse.ArgumentParser(description="A lesson of jaxnet_mini.")
    parser.add_argument(
        "--dataset", choices=DATA, default="digits", help="digits need no download"
    )
    parser.add_argument("--data", metavar="DIR", help="where the files of the set lie")
    chosen = parser.parse_args(arguments)
    if chosen.data and chosen.dataset == "digits":
        parser.error("--data goes with --dataset fashion_mnist or --dataset mnist")
    return dataclasses.replace(DATA[chosen.dataset], folder=chosen.data)


# Words


def tell(text: str | None) -> None:
    """Print an explanation: a title in the first line, then the text.

    Args:
        text: indented as the code around it, or the docstring of a lesson.
    """
    title, _, rest = inspect.cleandoc(text or "").partition("\n")
    print(f"\n{title}\n{'-' * len(title)}\n{rest.strip()}\n")


def as_text(image: Any) -> str:
    """Draw an image in letters: the more ink, the larger the number."""
    image = np.asarray(image)
    levels = np.rint(image / image.max() * (len(SHADES) - 1)).astype(int)
    # Two letters a pixel: a letter is about twice as high as wide.
    return "\n".join("".join(2 * SHADES[n] for n in row).rstrip() for row in levels)


def as_numbers(image: Any) -> str:
    """Write the numbers of an image in rows and columns."""
    width = len(str(np.max(image))) + 1
    return "\n".join("".join(f"{n:{width}}" for n in row) for row in image)


# Pictures


@contextlib.contextmanager
def pictures() -> Iterator[None]:
    """Let a lesson go on without its pictures where matplotlib is not installed."""
    try:
        yield
    except MissingExtraError as error:
        print(f"No picture: {error}")


def blank(title: str, x: str, y: str) -> tuple[Any, Any]:
    """Return an empty picture and its axes.

    Args:
        title: what it shows.
        x: what goes to the right, with its unit.
        y: what goes up, likewise.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def save(figure: Any, file: str) -> None:
    """Write a picture to a file, or show it where a notebook is open."""
    png = io.BytesIO()
    # Without the version of matplotlib the same picture is the same file.
    figure.savefig(png, format="png", dpi=100, metadata={"Software": None})
    display = sys.modules.get("IPython.display")
    if display is not None:
        display.display(display.Image(png.getvalue()))
        return
    Path(file).write_bytes(png.getvalue())
    print(f"Picture: {file}")


def show_model(model: Any, file: str) -> None:
    """Draw a model into an SVG file, or show it where a notebook is open."""
    display = sys.modules.get("IPython.display")
    if display is not None:
        display.display(display.SVG(svg(model)))
        return
    plot_model(model, to_file=file)
    print(f"Drawing: {file}")
