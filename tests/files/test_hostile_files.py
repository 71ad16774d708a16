"""Files made to hurt: each is refused in words, in little time and memory.

All are read in one process of its own, watched by `fuzz/reading.py`: beside its time
and memory, every file that it opens, every module that it imports and all code that it
runs. The HDF5 library opens files without Python; so the system tells of those.
"""

import dataclasses
import gzip
import io
import json
import os
import pickle
import struct
import sys
import time
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from interpreter import run
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.core.networks import serial
from jaxnet_mini.errors import ArgumentError, FileError
from jaxnet_mini.files import safetensors
from jaxnet_mini.models import architecture

HERE = Path(__file__).resolve().parents[1]
CORPUS = HERE / "fuzz" / "corpus"
FOREIGN = "FOREIGN"
"""The folder of a file that nobody may open."""

BOTH = ("load_weights", "load_model")
HUGE = 2**62


@dataclasses.dataclass
class Row:
    """A hostile file, and what is said of it."""

    name: str
    make: object
    """Its bytes, or a function that makes it at a path."""

    error: str
    words: str
    suffix: str = ".safetensors"
    readers: tuple = BOTH


# Files of safetensors


def raw(header, data=b"", length=None):
    """A file of any header: bytes, text, or what becomes JSON."""
    if not isinstance(header, str | bytes):
        header = json.dumps(header)
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(start=0, end=24, shape=(3, 2), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


ONE = {"a": tensor()}
DATA = bytes(24)


def split(contents):
    """The metadata that we wrote, the entries and the data of a file."""
    length = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + length])
    own = json.loads(header.pop("__metadata__")["jaxnet_mini"])
    return own, header, contents[8 + length :]


def changed(change, name="small"):
    """A model's file, with another header of our own."""
    own, entries, data = split((CORPUS / f"{name}.safetensors").read_bytes())
    text = change(own)
    text = text if isinstance(text, str) else json.dumps(own)
    return raw({"__metadata__": {"jaxnet_mini": text}, **entries}, data)


def first_layer(**arguments):
    return changed(lambda own: own["model"]["layers"][0]["config"].update(arguments))


def with_layers(layers):
    return changed(lambda own: own["model"].update(layers=layers))


def compiled(**entries):
    return changed(lambda own: own["compile"].update(entries))


def nested_layers(depth):
    layer = '{"class": "layers.Dense", "config": {"units": 2}}'
    for _ in range(depth):
        layer = f'{{"class": "layers.Serial", "config": {{"layers": [{layer}]}}}}'
    return json.loads(layer)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/evil",)


def device(path):
    path.symlink_to("/dev/zero")


def sparse(path):
    """A file that claims more bytes than any memory has."""
    with path.open("wb") as file:
        file.truncate(2**43)


def zeros(number):
    return {str(n): tensor(0, 0, (0,)) for n in range(number)}


def large(path):
    """Three copies of it would be too many."""
    bytes_each = 96 * 10**6
    entry = tensor(0, bytes_each, (bytes_each // 4,))
    path.write_bytes(raw({"a": entry}, bytes(bytes_each)))


INTACT = "is no intact safetensors file"

SAFETENSORS = [
    Row("no bytes", b"", "FileError", "it is cut off"),
    Row("seven bytes", bytes(7), "FileError", "it is cut off"),
    Row(
        "a picture", b"\x89PNG\r\n\x1a\n" + bytes(99), "FileError", "of another format"
    ),
    Row("a pickle", pickle.dumps(Evil()), "FileError", "of another format"),
    Row("a gzip bomb", gzip.compress(bytes(2**24)), "FileError", "of another format"),
    Row("a device", device, "FileError", "there is no file"),
    Row("a file larger than any memory", sparse, "FileError", "cannot be read"),
    Row("a header of 2**63 bytes", raw(ONE, DATA, 2**63), "FileError", "it is cut off"),
    Row("2**64 - 1 bytes", raw(ONE, DATA, 2**64 - 1), "FileError", "it is cut off"),
    Row("a header beyond the end", raw(ONE, b"", 999), "FileError", "it is cut off"),
    Row("a header of no bytes", raw(ONE, DATA, 0), "FileError", INTACT),
    Row("a header of spaces", raw(" " * 2**23), "FileError", "8388608 bytes"),
    Row("many lists", raw(f"[{'[],' * 10**6}[]]"), "FileError", "2000002 values"),
    Row("many dicts", raw(f"[{'{},' * 10**6}1]"), "FileError", "is too large"),
    Row("many tensors", raw(zeros(60_000)), "FileError", "is too large"),
    Row(
        "tensors of nothing",
        raw(zeros(900)),
        "ShapeError",
        "there and not in",
        readers=("load_weights",),
    ),
    Row(
        "as many tensors as are read",
        raw(zeros(15_000)),
        "ShapeError",
        "there and not in",
        readers=("load_weights",),
    ),
    Row(
        "a letter that makes all others wide",
        raw({"__metadata__": {"jaxnet_mini": "x" * 4_000_000 + "\U0001f600"}}),
        "FileError",
        "its JSON cannot be read",
    ),
    Row(
        "96 MB of another model",
        large,
        "ShapeError",
        "a is there and not in the model",
        readers=("load_weights",),
    ),
    Row("deep JSON", raw("[" * 10**5), "FileError", INTACT),
    Row("deep dicts", raw('{"a":' * 10**5), "FileError", INTACT),
    Row("no UTF-8", raw(b'{"\xff":1}'), "FileError", INTACT),
    Row("UTF-16", raw(json.dumps(ONE).encode("utf-16")), "FileError", INTACT),
    Row("a byte order mark", raw(b"\xef\xbb\xbf{}"), "FileError", INTACT),
    Row("a list", raw("[]"), "FileError", INTACT),
    Row("two objects", raw("{}{}"), "FileError", INTACT),
    Row("NaN", raw('{"a": NaN}'), "FileError", INTACT),
    Row(
        "a name twice",
        raw(f'{{"a": {json.dumps(tensor())}, "a": {json.dumps(tensor())}}}', DATA),
        "FileError",
        "a key stands twice",
    ),
    Row(
        "tensors that overlap",
        raw(ONE | {"b": tensor(12, 36)}, bytes(36)),
        "FileError",
        INTACT,
    ),
    Row("a hole", raw(ONE | {"b": tensor(48, 72)}, bytes(72)), "FileError", INTACT),
    Row("the same bytes twice", raw(ONE | {"b": tensor()}, DATA), "FileError", INTACT),
    Row("bytes beyond the end", raw({"a": tensor(0, 2400)}, DATA), "FileError", INTACT),
    Row(
        "an end before its start", raw({"a": tensor(24, 0)}, DATA), "FileError", INTACT
    ),
    Row("negative bytes", raw({"a": tensor(-24, 0)}, DATA), "FileError", INTACT),
    Row(
        "bytes at 2**64 - 24",
        raw({"a": tensor(2**64 - 24, 2**64 - 1)}, DATA),
        "FileError",
        INTACT,
    ),
    Row(
        "a shape of 2**66",
        raw({"a": tensor(shape=(2**33, 2**33))}, DATA),
        "FileError",
        INTACT,
    ),
    Row(
        "a shape that wraps",
        raw({"a": tensor(shape=(HUGE, 4, 6))}, DATA),
        "FileError",
        INTACT,
    ),
    Row(
        "a huge shape of nothing",
        raw({"a": tensor(0, 0, (HUGE, HUGE, 0))}),
        "FileError",
        INTACT,
    ),
    Row(
        "a negative shape",
        raw({"a": tensor(shape=(-3, -2))}, DATA),
        "FileError",
        INTACT,
    ),
    Row(
        "a shape of floats",
        raw({"a": tensor(shape=(1.5, 4))}, DATA),
        "FileError",
        INTACT,
    ),
    Row("99 axes", raw({"a": tensor(0, 4, (1,) * 99)}, bytes(4)), "FileError", INTACT),
    Row("digits", raw(f'{{"a": {"9" * 5000}}}'), "FileError", INTACT),
    Row("objects", raw({"a": tensor(0, 24, (3,), "O")}, DATA), "FileError", INTACT),
    Row("an unknown dtype", raw({"a": tensor(dtype="F99")}, DATA), "FileError", INTACT),
    Row(
        "a dtype of another size",
        raw({"a": tensor(dtype="F64")}, DATA),
        "FileError",
        INTACT,
    ),
    Row(
        "another dtype of that size",
        raw({"a": tensor(dtype="I32")}, DATA),
        "ShapeError",
        "a is there and not in the model",
        readers=("load_weights",),
    ),
    Row("bytes left over", raw(ONE, bytes(25)), "FileError", INTACT),
    Row(
        "a path for a name",
        raw({"../../../etc/passwd": tensor()}, DATA),
        "ShapeError",
        "../../../etc/passwd is there and not in the model",
        readers=("load_weights",),
    ),
    Row(
        "a long name",
        raw({"n" * 2**20: tensor()}, DATA),
        "ShapeError",
        "n... is there and not in the model",
        readers=("load_weights",),
    ),
    Row(
        "no text in metadata",
        raw({"__metadata__": {"jaxnet_mini": {}}}),
        "FileError",
        INTACT,
    ),
    Row(
        "deep metadata",
        raw({"__metadata__": {"jaxnet_mini": "[" * 10**5}}),
        "FileError",
        INTACT,
    ),
    Row(
        "hidden values",
        raw(b'{"__metadata__":{"jaxnet_mini":"[' + rb"1\u002c" * 200_000 + b'1]"}}'),
        "FileError",
        "200001 values",
    ),
]

MODELS = [
    Row(
        "code by name",
        with_layers([{"class": "os.system", "config": {}}]),
        "UnknownNameError",
        "unknown class 'os.system'",
    ),
    Row(
        "code without a dot",
        with_layers([{"class": "eval", "config": {}}]),
        "UnknownNameError",
        "not of this library: eval",
    ),
    Row(
        "a function of code",
        first_layer(activation={"function": "builtins.exec"}),
        "UnknownNameError",
        "unknown function 'builtins.exec'",
    ),
    Row(
        "a long class",
        with_layers([{"class": "." * 2**20, "config": {}}]),
        "UnknownNameError",
        "unknown class '......",
    ),
    Row(
        "an attribute",
        first_layer(__class__="int"),
        "UnknownNameError",
        "unknown argument of layers.Dense '__class__'",
    ),
    Row(
        "units of 100 digits",
        first_layer(units=10**100),
        "ArgumentError",
        "units must be of type int, not 1000",
    ),
    Row(
        "units of 2**62",
        first_layer(units=HUGE),
        "ShapeError",
        "and (3, 4611686018427387904) in the model",
    ),
    Row(
        "a float that is a list",
        first_layer(name={"float": []}),
        "ArgumentError",
        "must be a number, string, list",
    ),
    Row(
        "an initializer of other shapes",
        first_layer(bias_initializer="identity"),
        "ShapeError",
        "Identity",
    ),
    Row(
        "an input of 2**124",
        changed(lambda o: o["model"].update(input_shape=[HUGE] * 2)),
        "ShapeError",
        "build was given (4611686018427387904, 46",
    ),
    Row(
        "an input of 4000 axes",
        changed(lambda o: o["model"].update(input_shape=[1] * 4000)),
        "ShapeError",
        "build was given (1, 1, 1",
    ),
    Row(
        "a seed of 70 bits",
        changed(lambda o: o["model"].update(seed=2**70)),
        "ArgumentError",
        "'seed' cannot be 1180591620717411303424",
    ),
    Row(
        "layers in layers",
        with_layers([nested_layers(40)]),
        "ShapeError",
        "serial/serial/serial",
    ),
    Row(
        "layers in layers in layers",
        with_layers([nested_layers(250)]),
        "ArgumentError",
        "nested too deeply",
    ),
    Row(
        "9000 layers",
        with_layers([{"class": "layers.Identity", "config": {}}] * 9000),
        "ArgumentError",
        "there are 9000 layers, and a file holds at most 1000",
    ),
    Row(
        "a layer 2**60 times",
        with_layers(
            [
                {
                    "class": "layers.Repeat",
                    "config": {
                        "layer": {"class": "layers.Dense", "config": {"units": 3}},
                        "n": 2**60,
                    },
                }
            ]
        ),
        "ShapeError",
        "repeat/kernel is missing there",
    ),
    Row(
        "a rate that is infinite",
        compiled(
            optimizer={
                "class": "optimizers.SGD",
                "config": {"learning_rate": {"float": "inf"}},
            }
        ),
        "ArgumentError",
        "learning_rate",
    ),
    Row(
        "a rate of 10**400",
        compiled(
            optimizer={"class": "optimizers.SGD", "config": {"learning_rate": 10**400}}
        ),
        "ArgumentError",
        "learning_rate must be",
    ),
    Row(
        "a path for a layer",
        first_layer(name="../../x"),
        "ArgumentError",
        "name must be a word without '/'",
    ),
    Row(
        "no state",
        raw(
            {
                "__metadata__": {
                    "jaxnet_mini": json.dumps(
                        split((CORPUS / "small.safetensors").read_bytes())[0]
                    )
                }
            }
        ),
        "ShapeError",
        "is missing there",
    ),
    Row(
        "half a surrogate",
        first_layer(name="\ud800"),
        "ShapeError",
        "/kernel is missing there",
    ),
    Row(
        "a version of 100 digits",
        changed(lambda own: own.update(version=10**100)),
        "FileError",
        "upgrade jaxnet_mini",
    ),
]
for row in MODELS:
    row.readers = ("load_model",)


# Files of Keras


def parts():
    with zipfile.ZipFile(CORPUS / "small.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(members, compression=zipfile.ZIP_STORED):
    """An archive of (name or info, data)."""
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", compression) as file:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in members:
            file.writestr(name, data)
    return made.getvalue()


def bomb(compression):
    """Made when it is needed, as it takes a second."""
    names = ("config.json", "model.weights.h5")

    def make(path):
        path.write_bytes(archive([(n, bytes(2**25)) for n in names], compression))

    return make


def directory_of_40_000(path):
    path.write_bytes(archive([(str(n), b"") for n in range(40_000)]))


def keras(config=None, change=None, weights=None):
    """The archive again, with other parts."""
    found = parts()
    if config is None:
        config = json.loads(found["config.json"])
    if change is not None:
        change(config)
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    found |= {"config.json": text}
    if weights is not None:
        found |= {"model.weights.h5": weights}
    return archive(found.items())


def keras_layer(entry):
    return keras(change=lambda c: c["config"]["layers"].insert(1, entry))


def keras_compiled(entry):
    return keras(change=lambda c: c.update(compile_config=entry))


def with_directory(change):
    """The archive, with a change of its last directory entry or end record."""
    made = bytearray(archive(parts().items()))
    change(made, made.rindex(b"PK\x01\x02"), made.rindex(b"PK\x05\x06"))
    return bytes(made)


def claiming(made, entry, end):
    made[entry + 20 : entry + 28] = struct.pack("<II", 2**31 - 1, 2**31 - 1)


def negative_directory(made, entry, end):
    made[end + 12 : end + 20] = struct.pack("<II", 2**31, 2**31)


def encrypted(made, entry, end):
    made[entry + 8] |= 1


def other_checksum(made, entry, end):
    made[entry + 16] ^= 1


def elsewhere(made, entry, end):
    made[entry + 42 : entry + 46] = struct.pack("<I", 0)


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info, target


LAMBDA = {
    "class_name": "Lambda",
    "module": "keras.layers",
    "config": {
        "name": "l",
        "function": {
            "class_name": "__lambda__",
            "config": {"code": "4wEAAAAAAAAA", "defaults": None, "closure": None},
        },
    },
}
FOREIGN_LAYER = {
    "class_name": "system",
    "module": "os",
    "registered_name": "os>system",
    "config": {"command": "touch /tmp/evil"},
}
NO_ARCHIVE = "is no intact .keras file"

KERAS = [
    Row("a local header alone", b"PK\x03\x04" + bytes(26), "FileError", NO_ARCHIVE),
    Row(
        "an HDF5 file",
        (CORPUS / "small.weights.h5").read_bytes(),
        "FileError",
        NO_ARCHIVE,
    ),
    Row(
        "a directory at -2**31",
        with_directory(negative_directory),
        "FileError",
        NO_ARCHIVE,
    ),
    Row(
        "a directory of 40,000 files",
        directory_of_40_000,
        "FileError",
        NO_ARCHIVE,
    ),
    Row(
        "nothing but paths",
        archive([("../../config.json", b"{}")]),
        "FileError",
        "has no ",
    ),
    Row(
        "a part twice",
        archive([*parts().items(), ("model.weights.h5", b""), ("config.json", b"{}")]),
        "FileError",
        "is there twice",
    ),
    Row(
        "weights that claim 2 GiB",
        with_directory(claiming),
        "FileError",
        "compressed or too large",
    ),
    Row(
        "a zip bomb",
        bomb(zipfile.ZIP_DEFLATED),
        "FileError",
        "compressed or too large",
    ),
    Row(
        "a bomb of another kind",
        bomb(zipfile.ZIP_LZMA),
        "FileError",
        "compressed or too large",
    ),
    Row("encrypted weights", with_directory(encrypted), "FileError", NO_ARCHIVE),
    Row("another checksum", with_directory(other_checksum), "FileError", NO_ARCHIVE),
    Row(
        "a part at another's place", with_directory(elsewhere), "FileError", NO_ARCHIVE
    ),
    Row(
        "links",
        archive(
            [
                link("config.json", "/etc/passwd"),
                link("model.weights.h5", "/etc/passwd"),
            ]
        ),
        "FileError",
        "intact HDF5 file",
        readers=("load_weights",),
    ),
]

CONFIGS = [
    Row(
        "deep JSON", keras(b'{"a":' * 10**5), "ArgumentError", "its JSON cannot be read"
    ),
    Row("UTF-16", keras(json.dumps({}).encode("utf-16")), "ArgumentError", "its JSON"),
    Row("5 MB", keras(b" " * 5 * 2**20), "ArgumentError", "its JSON is too large"),
    Row("many values", keras(b"[" + b"[]," * 10**6), "ArgumentError", "is too large"),
    Row(
        "a Lambda layer",
        keras_layer(LAMBDA),
        "ArgumentError",
        "holds a lambda, that is code",
    ),
    Row(
        "a foreign class",
        keras_layer(FOREIGN_LAYER),
        "ArgumentError",
        "of a class of its author's own, 'os>system'",
    ),
    Row(
        "a class of Python's",
        keras_layer(
            {"class_name": "eval", "module": "builtins", "config": {"name": "1"}}
        ),
        "ArgumentError",
        "a eval, has no counterpart",
    ),
    Row(
        "code for an activation",
        keras(
            change=lambda c: c["config"]["layers"][1]["config"].update(
                activation={"class_name": "function", "config": "exec"}
            )
        ),
        "UnknownNameError",
        "not of this library: exec",
    ),
    Row(
        "a lambda for an activation",
        keras(
            change=lambda c: c["config"]["layers"][1]["config"].update(
                activation=LAMBDA["config"]["function"]["config"]
            )
        ),
        "ArgumentError",
        "that is code: nothing is run from a file",
    ),
    Row(
        "a policy of text",
        keras(
            change=lambda c: c["config"]["layers"][1]["config"].update(
                dtype={"config": "x"}
            )
        ),
        "ArgumentError",
        "only float32 and mixed_bfloat16 are read",
    ),
    Row(
        "metrics of a number",
        keras_compiled({"metrics": 5}),
        "ArgumentError",
        "metrics must be a list, not 5",
    ),
    Row(
        "an optimizer of os",
        keras_compiled(
            {
                "optimizer": {
                    "module": "os",
                    "class_name": "system",
                    "config": {"command": "id"},
                }
            }
        ),
        "ArgumentError",
        "of a class of its author's own, 'system'",
    ),
    Row(
        "a batch of 2**62",
        keras(
            change=lambda c: c["config"]["layers"][0]["config"].update(
                batch_shape=[None, HUGE, HUGE]
            )
        ),
        "ShapeError",
        "and (4611686018427387904, 2) in the model",
    ),
    Row(
        "negative sizes",
        keras(
            change=lambda c: c["config"]["layers"][0]["config"].update(
                batch_shape=[None, -3]
            )
        ),
        "ArgumentError",
        "must be a positive integer",
    ),
    Row(
        "no layers",
        keras(change=lambda c: c["config"].update(layers=c["config"]["layers"][:1])),
        "StateError",
        "the model has no layers",
    ),
    Row(
        "a model in a model",
        keras_layer(json.loads(parts()["config.json"])),
        "ShapeError",
        "sequential/dense/kernel is missing there",
    ),
]


# HDF5


def hdf5(change):
    """The weights' file after a change; of its links the ends are in FOREIGN."""

    def make(path):
        buffer = io.BytesIO((CORPUS / "small.weights.h5").read_bytes())
        with h5py.File(buffer, "r+") as file:
            change(file, str(path.parent / FOREIGN / "file.h5"))
        path.write_bytes(buffer.getvalue())

    return make


VARS = "layers/dense/vars"


def instead(place, what):
    """Put a link or anything else at a place."""

    def change(file, foreign):
        del file[place]
        file[place] = what(foreign)

    return hdf5(change)


def dataset(**arguments):
    """Another kernel; its keyword arguments are those of h5py."""

    def change(file, foreign):
        del file[f"{VARS}/0"]
        given = {n: v(foreign) if callable(v) else v for n, v in arguments.items()}
        file[VARS].create_dataset("0", **{"shape": (3, 2), "dtype": "<f4"} | given)

    return hdf5(change)


def external(foreign):
    return h5py.ExternalLink(foreign, "/layers/dense/vars/0")


def inner_link(file, foreign):
    file["layers/dense/more/vars"] = external(foreign)


def inner_weights(file, foreign):
    file["layers/dense/more/vars/0"] = np.zeros(3)


def many_groups(file, foreign):
    for number in range(4500):
        file.create_group(f"layers/l{number}")


def many_variables(file, foreign):
    for number in range(1000):
        file[f"layers/l{number}/vars/0"] = np.zeros(1, np.float32)


def one_group_often(file, foreign):
    for number in range(100):
        file["layers/dense/vars"].create_dataset(f"n{number}", (1,), "<f4")
    for number in range(500):
        file.create_group(f"layers/l{number}")["vars"] = file["layers/dense/vars"]


def adam(change):
    """The state of Adam beside the weights, after a change."""

    def changed(file, foreign):
        shapes = [(3, 2), (2,), (2, 2), (2,)]
        arrays = [np.int32(1), np.float32(0.1)]
        arrays += [np.zeros(shape, np.float32) for shape in shapes for _ in "mv"]
        for number, array in enumerate(arrays):
            file[f"optimizer/vars/{number}"] = array
        change(file, foreign)

    return hdf5(changed)


def moment(**arguments):
    """Another moment; its keyword arguments are those of h5py."""

    def change(file, foreign):
        del file["optimizer/vars/2"]
        given = {n: v(foreign) if callable(v) else v for n, v in arguments.items()}
        given = {"shape": (3, 2), "dtype": "<f4"} | given
        file["optimizer/vars"].create_dataset("2", **given)

    return adam(change)


def elsewhere(place):
    def change(file, foreign):
        del file[place]
        file[place] = h5py.ExternalLink(foreign, f"/{place}")

    return adam(change)


def too_many_steps(file, foreign):
    del file["optimizer/vars/0"]
    file["optimizer/vars/0"] = np.int64(2**40)


def steps_for_all(file, foreign):
    del file["optimizer/vars"]
    file["optimizer/vars"] = np.zeros(10)


def virtual(file, foreign):
    del file[f"{VARS}/0"]
    layout = h5py.VirtualLayout((3, 2), "<f4")
    layout[:] = h5py.VirtualSource(foreign, "layers/dense/vars/0", (3, 2))
    file[VARS].create_virtual_dataset("0", layout)


def slashed(path):
    """A name with a slash, which h5py itself would take for two."""

    def change(file, foreign):
        file["layers/ext"] = external(foreign)
        file["layers/extQx"] = np.zeros(3)

    hdf5(change)(path)
    path.write_bytes(path.read_bytes().replace(b"extQx", b"ext/x"))


def bomb(**storage):
    """A model of a gigabyte in a few kilobytes."""

    def make(path):
        units = 10**8
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            for layer, shape in (("dense", (3, units)), ("dense_1", (units, 2))):
                group = file.create_group(f"layers/{layer}/vars")
                group.create_dataset("0", shape, "<f4", **storage)
                group.create_dataset("1", shape[1:], "<f4", **storage)

        def change(config):
            config["config"]["layers"][1]["config"]["units"] = units

        path.write_bytes(keras(None, change, weights.getvalue()))

    return make


def shared(path):
    """Thirty layers whose weights are all the same bytes."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((600, 600), np.float32)
        for number in range(1, 30):
            file[f"layers/dense_{number}/vars/0"] = file["layers/dense/vars/0"]

    def change(config):
        first, dense, _ = config["config"]["layers"]
        first["config"]["batch_shape"] = [None, 600]
        layers = [json.loads(json.dumps(dense)) for _ in range(30)]
        for number, layer in enumerate(layers):
            layer["config"] |= {"units": 600, "use_bias": False, "name": f"l{number}"}
        config["config"]["layers"] = [first, *layers]

    path.write_bytes(keras(None, change, weights.getvalue()))


NOT_THERE = "where Keras writes it"
WHOLE = (CORPUS / "small.weights.h5").read_bytes()

HDF5 = [
    Row("no bytes", b"", "FileError", "is no intact HDF5 file"),
    Row("half", WHOLE[:6000], "FileError", "is no intact HDF5 file"),
    Row("a magic alone", WHOLE[:8] + b"\xff" * 999, "FileError", "is no intact HDF5"),
    Row("layers elsewhere", instead("layers", external), "FileError", NOT_THERE),
    Row("a layer elsewhere", instead("layers/dense", external), "FileError", NOT_THERE),
    Row("variables elsewhere", instead(VARS, external), "FileError", NOT_THERE),
    Row("a kernel elsewhere", instead(f"{VARS}/0", external), "FileError", NOT_THERE),
    Row("inner variables elsewhere", hdf5(inner_link), "FileError", NOT_THERE),
    Row(
        "inner weights",
        hdf5(inner_weights),
        "ShapeError",
        "layers/dense/more/vars/0 is there and not in the model",
    ),
    Row("a path for a name", slashed, "FileError", NOT_THERE),
    Row(
        "a link to itself",
        instead("layers", lambda _: h5py.SoftLink("/layers")),
        "FileError",
        NOT_THERE,
    ),
    Row(
        "a link upwards",
        instead(VARS, lambda _: h5py.SoftLink("../../..")),
        "FileError",
        NOT_THERE,
    ),
    Row(
        "numbers elsewhere",
        dataset(external=lambda foreign: [(foreign, 0, 24)]),
        "FileError",
        NOT_THERE,
    ),
    Row("a view of elsewhere", hdf5(virtual), "FileError", NOT_THERE),
    Row(
        "4500 layers",
        hdf5(many_groups),
        "FileError",
        "has more than 4000 groups and arrays",
    ),
    Row(
        "1000 layers",
        hdf5(many_variables),
        "ShapeError",
        "vars/0 is there and not in the model",
    ),
    Row(
        "a group in many places",
        hdf5(one_group_often),
        "FileError",
        "has more than 4000 groups and arrays",
    ),
    Row(
        "a type for a kernel",
        instead(f"{VARS}/0", lambda _: np.dtype("<f4")),
        "FileError",
        NOT_THERE,
    ),
    Row(
        "a group for a kernel",
        hdf5(lambda file, _: (file.pop(f"{VARS}/0"), file.create_group(f"{VARS}/0"))),
        "ShapeError",
        "dense/kernel is missing there",
    ),
    Row(
        "a kernel for layers",
        instead("layers", lambda _: np.zeros(3)),
        "ShapeError",
        "dense/kernel is missing there",
    ),
    Row(
        "no shape",
        dataset(shape=None, data=lambda _: h5py.Empty("<f4"), dtype=None),
        "FileError",
        NOT_THERE,
    ),
    Row("a scalar", dataset(shape=()), "ShapeError", "dense/kernel has shape ()"),
    Row(
        "a huge shape",
        dataset(shape=(HUGE, 2**60), chunks=(1, 1)),
        "ShapeError",
        "has shape (4611686018427387904, 1152921504606846976)",
    ),
    Row("texts", dataset(dtype=h5py.string_dtype()), "ShapeError", "dtype object"),
    Row("references", dataset(dtype=h5py.ref_dtype), "ShapeError", "dtype object"),
    Row("records", dataset(dtype=[("a", "<f4")]), "ShapeError", "has dtype"),
    Row("bytes in another order", dataset(dtype=">f4"), "ShapeError", "dtype >f4"),
    Row(
        "compressed",
        dataset(data=np.zeros((3, 2), "f"), compression="gzip"),
        "FileError",
        "compressed or not at all",
    ),
    Row("nothing in chunks", dataset(chunks=(3, 2)), "FileError", "or not at all"),
    Row("an optimizer elsewhere", elsewhere("optimizer"), "FileError", NOT_THERE),
    Row("its state elsewhere", elsewhere("optimizer/vars"), "FileError", NOT_THERE),
    Row("a moment elsewhere", elsewhere("optimizer/vars/9"), "FileError", NOT_THERE),
    Row(
        "the numbers of a moment elsewhere",
        moment(external=lambda foreign: [(foreign, 0, 24)]),
        "FileError",
        NOT_THERE,
    ),
    Row("a moment of nothing", moment(chunks=(3, 2)), "FileError", "or not at all"),
    Row("an array for a state", adam(steps_for_all), "FileError", NOT_THERE),
    Row("too many steps", adam(too_many_steps), "DataError", "was given 1099511627776"),
]

BOMBS = [
    Row("a gigabyte of nothing", bomb(), "FileError", "compressed or not at all"),
    Row(
        "a gigabyte in chunks",
        bomb(chunks=True),
        "FileError",
        "compressed or not at all",
    ),
    Row("all the same bytes", shared, "FileError", "and the weights in it would have"),
    Row(
        "no HDF5 inside",
        keras(weights=b"0" * 99),
        "FileError",
        "is no intact HDF5 file",
    ),
]


def legacy(change):
    """The same model in the format of Keras 2, after a change."""

    def make(path):
        with zipfile.ZipFile(CORPUS / "small.keras") as archive:
            config = archive.read("config.json").decode()
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = config
            for number, shape in enumerate([(3, 2), (2, 2)]):
                name = f"dense_{number}" if number else "dense"
                group = file.create_group(f"model_weights/{name}/{name}")
                group["kernel:0"] = np.zeros(shape, np.float32)
                group["bias:0"] = np.zeros(2, np.float32)
            change(file, str(path.parent / FOREIGN / "file.h5"))

    return make


def attribute(value):
    def change(file, foreign):
        del file.attrs["model_config"]
        file.attrs["model_config"] = value

    return legacy(change)


def old_elsewhere(place):
    def change(file, foreign):
        del file[place]
        file[place] = external(foreign)

    return legacy(change)


def a_ring(file, foreign):
    file["model_weights/dense/dense/again"] = file["model_weights"]


OLD_KERNEL = "model_weights/dense/dense/kernel:0"


def named(*names):
    """An index of weights that stand in files of these names."""

    def make(path):
        own = path.name.removesuffix(".weights.json")
        found = [name.format(own) if isinstance(name, str) else name for name in names]
        index = {"metadata": {}, "weight_map": {"/layers/dense/vars": found}}
        path.write_text(json.dumps(index))

    return make


NAMES = "names the file"
SHARDS = [
    Row("a file of another folder", named(f"{FOREIGN}/file.h5"), "FileError", NAMES),
    Row("upwards", named("../{}_00000.weights.h5"), "FileError", NAMES),
    Row("from the root", named("/{}_00000.weights.h5"), "FileError", NAMES),
    Row("inwards", named(FOREIGN + "/{}_00000.weights.h5"), "FileError", NAMES),
    Row("backwards", named("..\\{}_00000.weights.h5"), "FileError", NAMES),
    Row("the folder itself", named("."), "FileError", NAMES),
    Row("a second line", named("{}_00000.weights.h5\n"), "FileError", NAMES),
    Row("files of another model", named("b_00000.weights.h5"), "FileError", NAMES),
    Row("the index itself", named("{}.weights.json"), "FileError", NAMES),
    Row("a number for a name", named(3), "FileError", NAMES),
    Row("names in names", named(["{}_00000.weights.h5"]), "FileError", NAMES),
    Row("no names", named(), "FileError", "names no files"),
    Row("no map", b'{"weight_map": "a_00000.weights.h5"}', "FileError", "no files"),
    Row("no JSON", b"{", "ArgumentError", "its JSON cannot be read"),
    Row("bytes alone", bytes(99), "ArgumentError", "its JSON cannot be read"),
    Row("deep", b"[" * 2**20, "ArgumentError", "its JSON is too large"),
    Row("9 MB", b'{"a": "' + b"a" * 9 * 2**20, "ArgumentError", "JSON is too large"),
]
LEGACY = [
    Row("no bytes", b"", "FileError", "is no intact HDF5 file"),
    Row("weights elsewhere", old_elsewhere("model_weights"), "FileError", "not hold"),
    Row("a layer elsewhere", old_elsewhere("model_weights/dense"), "FileError", "hold"),
    Row("a kernel elsewhere", old_elsewhere(OLD_KERNEL), "FileError", "does not hold"),
    Row("a ring", legacy(a_ring), "FileError", "has more than 4000 groups"),
    Row("many texts", attribute(["{}"] * 9), "FileError", "model_config as one text"),
    Row("a number for a text", attribute(3), "FileError", "model_config as one text"),
    Row("no JSON", attribute("{"), "ArgumentError", "its JSON cannot be read"),
    Row("a text of 5 MB", attribute("[" * 5 * 2**20), "ArgumentError", "is too large"),
    Row("no layers", attribute("{}"), "ArgumentError", "described in a way unknown"),
    Row("lists", attribute('{"config": [[]]}'), "ArgumentError", "described in a way"),
]
for row in LEGACY:
    row.suffix = ".h5"
    row.readers = ("load_model",)
for row in KERAS + CONFIGS + BOMBS:
    row.suffix = ".keras"
for row in SHARDS:
    row.suffix, row.readers = ".weights.json", ("load_weights",)
for row in CONFIGS + BOMBS:
    row.readers = ("load_model",)
for row in HDF5:
    row.suffix, row.readers = ".weights.h5", ("load_weights",)

TABLES = {
    "safetensors": SAFETENSORS,
    "model": MODELS,
    "archive": KERAS,
    "config": CONFIGS,
    "hdf5": HDF5,
    "shards": SHARDS,
    "legacy": LEGACY,
    "bomb": BOMBS,
}
ROWS = {f"{kind}: {row.name}": row for kind, rows in TABLES.items() for row in rows}

SCRIPT = f"""
import json, sys
sys.path.insert(0, {str(HERE / "fuzz")!r})
import reading

reading.report(sys.argv[1], sys.argv[2:])
"""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="watched as Linux does it")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What reading each file came to."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / FOREIGN).mkdir()
    (folder / FOREIGN / "file.h5").write_bytes(WHOLE)
    paths = {}
    for number, (name, row) in enumerate(ROWS.items()):
        path = paths[name] = folder / f"{number}{row.suffix}"
        if callable(row.make):
            row.make(path)
        else:
            path.write_bytes(row.make)
    told = run("-c", SCRIPT, str(folder / FOREIGN), *map(str, paths.values()))
    by_path = {report["path"]: report for report in map(json.loads, told.splitlines())}
    return {name: by_path.get(str(path), {}) for name, path in paths.items()}


@LINUX
@pytest.mark.parametrize("name", ROWS)
def test_hostile_files_are_refused(reports, name):
    row, report = ROWS[name], reports[name]
    assert report, "the process did not live to tell"
    for reader in row.readers:
        error, message = report[reader]
        assert error.endswith(row.error), message
        assert row.words in message
        assert report["path"] in message
        assert len(message) < 20_000
    assert report["faults"] == []


def test_there_are_as_many_as_promised():
    assert len(ROWS) >= 60


def test_what_is_too_much_to_be_read_is_not_written(tmp_path):
    path = tmp_path / "model.safetensors"
    layers = [jn.layers.Identity() for _ in range(architecture.MOST_LAYERS)]
    jn.Sequential([jn.Input((1,)), *layers]).save(path)
    assert len(jn.models.load_model(path).layers) == architecture.MOST_LAYERS
    before = path.read_bytes()
    model = jn.Sequential([jn.Input((1,)), *layers, jn.layers.Identity()])
    with raises_text(ArgumentError, "there are 1001 layers, and a file holds at most"):
        model.save(path)
    arrays = {f"a{number}": np.zeros(1, np.int8) for number in range(30_000)}
    with raises_text(FileError, "too many layers to be saved: its JSON is too large"):
        safetensors.write(path, arrays, {})
    assert path.read_bytes() == before


def test_a_thousand_layers_are_named_in_linear_time():
    """As a quadratic or cubic search would not: 400 layers once took ten seconds."""
    layers = tuple(jn.layers.Identity() for _ in range(20_000))
    start = time.thread_time()
    names = serial.unique_names(layers)
    assert time.thread_time() - start < 2.0
    assert names[:3] == ("identity", "identity_1", "identity_2")
    assert len(set(names)) == len(layers)
