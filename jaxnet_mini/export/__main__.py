"""The command line: ``python -m jaxnet_mini.export model.safetensors model.onnx``."""

import argparse
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
    given = parser.parse_args(arguments)
    try:
        model = load_model(given.model, compile=False)
        model.export(given.target, given.format)
    except JaxnetError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
