"""The command line: ``python -m jaxnet_mini.export model.safetensors model.onnx``."""

import argparse
import functools
import sys
from collections.abc import Sequence

from jaxnet_mini.errors import JaxnetError
from jaxnet_mini.models.load import load_model


def main(arguments: Sequence[str] | None = None) -> None:
    """Read a model and export it; the format is that of the name's end."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxnet_mini.export",
        description="Write a saved model for programs without this library.",
    )
    parser.add_argument("model", help="a .safetensors, .keras or .h5 file")
    parser.add_argument("target", help="a file whose name ends in .onnx or .stablehlo")
    parser.add_argument("--format", help="where the name ends otherwise")
    # Those that are not given leave the defaults to what writes the format.
    option = functools.partial(parser.add_argument, default=argparse.SUPPRESS)
    option("--classes", nargs="+", metavar="NAME", help="what outputs stand for")
    option(
        "--batch-size",
        type=_number,
        metavar="ROWS",
        help="the only number of rows that is taken (StableHLO)",
    )
    option("--trace", action="store_true", help="let jax2onnx trace it all (ONNX)")
    given = vars(parser.parse_args(arguments))
    path, target, form = (given.pop(name) for name in ("model", "target", "format"))
    try:
        load_model(path, compile=False).export(target, form, **given)
    except JaxnetError as error:
        sys.exit(f"{parser.prog}: {error}")


def _number(text: str) -> int | str:
    """Return a number; what is none is answered where it is used, as in Python."""
    return int(text) if text.lstrip("-").isdecimal() else text


if __name__ == "__main__":
    main()
