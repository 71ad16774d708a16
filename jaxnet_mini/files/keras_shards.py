"""Weights that Keras wrote into several files, and a ``.weights.json`` that names them.

An array stands whole in one of the files, those of a layer or of the optimizer maybe in
different ones. Where each stands is read from the files themselves.

Source: https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/.
"""

import os
import re
from pathlib import Path

from jaxnet_mini.base import plain_json
from jaxnet_mini.errors import FileError, short
from jaxnet_mini.files.safetensors import FilePath, readable

SUFFIX = ".weights.json"


def paths(index: FilePath) -> list[Path]:
    """Return the paths of the files that an index names, which lie beside it.

    Raises:
        FileError: there is no such index, or it names something else.
        ArgumentError: its JSON is none.
    """
    source = readable(index)
    with source.open("rb") as file:
        text = file.read(plain_json.MOST_BYTES + 1)
    with plain_json.locating(repr(os.fspath(index))):
        plain_json.check_size(text)
        places = plain_json.parse(text).get("weight_map")
    several = [*places.values()] if isinstance(places, dict) else []
    names = [n for one in several for n in (one if isinstance(one, list) else [one])]
    # Nothing but what Keras calls them: no folder, and no file of another kind.
    base = source.name.removesuffix(".json").replace(".weights", "")
    known = re.compile(rf"{re.escape(base)}_[0-9]{{5,9}}\.weights\.h5")
    for name in names:
        if not isinstance(name, str) or not known.fullmatch(name):
            raise FileError(
                f"{os.fspath(index)!r} names the file {short(name)}, and Keras calls "
                f"those that belong to it {base}_00000.weights.h5 and so on, beside it."
            )
    if not names:
        raise FileError(f"{os.fspath(index)!r} names no files with weights.")
    return [source.with_name(name) for name in dict.fromkeys(names)]
