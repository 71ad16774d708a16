"""Models written into files of other formats."""

import inspect
import os
from pathlib import Path
from typing import Any

from jaxnet_mini import export as exports
from jaxnet_mini.base.arguments import check_path
from jaxnet_mini.errors import ArgumentError, find
from jaxnet_mini.export.described import Described, describe
from jaxnet_mini.files import safetensors
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models.held import Held


def export(held: Held, path: FilePath, format: Any, options: dict[str, Any]) -> None:
    """Write what a model predicts; see `Model.export`."""
    held.blueprint.check_shape_known()
    form = find(exports.FORMATS, format or _format_of(path), "format")
    known = [*inspect.signature(form).parameters][1:]
    for name in options:
        if name not in known:
            raise ArgumentError(
                f"export has no option {name!r} for this format: known are "
                f"{', '.join(known) or 'none'}."
            )
    target = safetensors.writable(path, [""], overwrite=True)
    safetensors.replace(target, form(described(held), **options))


def described(held: Held) -> Described:
    """Return what is exported of a model."""
    blueprint = held.blueprint
    params, state = held.untrained().variables
    shape, declared = blueprint.input_shape, blueprint.declared
    return describe(blueprint.net, params, shape, state, declared, blueprint.name)


def _format_of(path: FilePath) -> str:
    suffix = Path(os.fspath(check_path("path", path))).suffix[1:]
    if suffix not in exports.FORMATS:
        ends = " or ".join(repr(f".{name}") for name in exports.FORMATS)
        raise ArgumentError(
            f"the name of the file must end in {ends}, and {os.fspath(path)!r} does "
            "not: rename it, or give format=."
        )
    return suffix
