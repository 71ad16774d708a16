"""Weights in several files as Keras has them, and a ``.weights.json`` that names them.

An array stands whole in one of the files, those of a layer or of the optimizer maybe in
different ones. Where each stands is read from the files themselves.

They are written under numbers that no file has yet, and the index last: it names the
old ones or the new ones, whenever the process dies. Keras opens the first number
whatever the index says, so that this one is emptied and not removed.

Source: https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/.
"""

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from jaxnet_mini.errors import ArgumentError, FileError, short
from jaxnet_mini.files import safetensors
from jaxnet_mini.files.keras_writer import Arrays, hdf5
from jaxnet_mini.files.safetensors import FilePath, readable

SUFFIX = ".weights.json"

GIGABYTE = 2**30


def paths(index: FilePath) -> list[Path]:
    """Return the paths of the files that an index names, which lie beside it.

    Raises:
        FileError: there is no such index, or it names something else.
        ArgumentError: its JSON is none.
    """
    source = readable(index)
    places = safetensors.weight_map(index)
    several = [*places.values()] if isinstance(places, dict) else []
    names = [n for one in several for n in (one if isinstance(one, list) else [one])]
    # Nothing but what Keras calls them: no folder, and no file of another kind.
    base = _base(source)
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


def _base(index: Path) -> str:
    """Return what the names of the files that belong to an index begin with."""
    return index.name.removesuffix(".json").replace(".weights", "")


def shards(arrays: Arrays, gigabytes: float) -> list[Arrays]:
    """Return arrays in order as several files have them, none larger than that.

    Raises:
        ArgumentError: one alone is.
    """
    found: list[Arrays] = [{}]
    size, most = 0, gigabytes * GIGABYTE
    for path, own in arrays.items():
        for number, array in own.items():
            if array.nbytes > most:
                raise ArgumentError(
                    f"max_shard_size is {gigabytes} GB, and {path}/{number} alone is "
                    f"{array.nbytes / GIGABYTE:.3g} GB, which stands in one file: give "
                    "at least as much."
                )
            size += array.nbytes
            if size > most:
                size = array.nbytes
                found.append({})
            found[-1].setdefault(path, {})[number] = array
    return found


def write(index: Path, target: Path, shards: list[Arrays]) -> None:
    """Write files and the index that names them, or leave what was there.

    Args:
        index: beside which the files lie.
        target: where its contents stand, as `safetensors.writable` returns it.
        shards: what is in each file.

    Raises:
        FileError: the disk refuses.
    """
    try:
        old = paths(index) if target.exists() else []
    except (ArgumentError, FileError):
        old = []  # it is no such index
    places: dict[str, list[str]] = {}
    for arrays, file in zip(shards, _free(index), strict=False):
        safetensors.replace(file, hdf5(arrays))
        for path in arrays:
            places.setdefault(f"/{path}", []).append(file.name)
    several = {path: f if len(f) > 1 else f[0] for path, f in places.items()}
    sizes = [
        array.nbytes for a in shards for own in a.values() for array in own.values()
    ]
    written = {"metadata": {"total_size": sum(sizes)}, "weight_map": several}
    safetensors.replace(target, json.dumps(written, indent=4).encode())
    for file in old:
        if file.name.endswith("_00000.weights.h5"):
            safetensors.replace(file, hdf5({}))
        else:
            file.unlink(missing_ok=True)


def _free(index: Path) -> Iterator[Path]:
    """Yield places for files that belong to an index, where none is yet."""
    for number in itertools.count():
        file = index.with_name(f"{_base(index)}_{number:05}.weights.h5")
        if not file.exists():
            yield file
