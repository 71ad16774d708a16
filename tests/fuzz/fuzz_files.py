"""Coverage-guided fuzzing of the readers of files, with atheris.

Only documented exceptions whose messages name the file may come of any bytes, in less
than a second, with little memory; no code is run, nothing imported, no other file
opened. `reading.py` beside this file checks it.

The file that is read lies in a folder ``jaxnet_mini_fuzz_...`` among the temporary
ones, which stays: libFuzzer ends the process at once.

Run it from the root of the project, in an environment with ``atheris`` (which needs
Linux and, as of 3.0, Python 3.11 to 3.13)::

    python -m venv fuzz && fuzz/bin/pip install atheris jax optax rich jaxtyping \
        safetensors h5py
    PYTHONPATH=$PWD fuzz/bin/python tests/fuzz/fuzz_files.py KIND SECONDS [FOLDER]

``KIND`` is ``safetensors``, ``keras`` or ``h5``. New inputs are kept in ``FOLDER``, by
default a temporary one; what goes wrong stands in the working directory as
``crash-...``. Half an hour for each kind finds what an hour does.

Bytes are mutated in three ways: as they are; as JSON, the header of a safetensors file
or the configuration in a ``.keras`` file, whose values are replaced, swapped and
doubled; and in the data beside it. Lengths and checksums are then made right again, or
else next to nothing would get past the first check.

h5py is C code that is not instrumented: of ``.weights.h5`` files the fuzzer sees the
coverage of our own reader alone, and otherwise mutates blindly. A crash inside of the
HDF5 library ends the process, and is found so. In a ``.keras`` file the weights are
mutated one time in eight only.
"""

import contextlib
import io
import json
import random
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jaxnet_mini"]):
    import jaxnet_mini  # noqa: F401
    from jaxnet_mini.files import config
    from jaxnet_mini.models import architecture  # noqa: F401

import h5py  # noqa: F401
import jax
import safetensors.numpy  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reading

CORPUS = Path(__file__).resolve().parent / "corpus"
SUFFIXES = {"safetensors": ".safetensors", "keras": ".keras", "h5": ".weights.h5"}
MOST_INPUT_BYTES = 2**16

NAMES = [*config.CLASSES, *config.FUNCTIONS]
VALUES = [
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**32, 2**63, 2**64, 10**30),
    *(10**400, 0.0, -0.0, 0.5, 1.5, 1e-300, 1e308, -1e308, "", "a", "a/b", "../../x"),
    *("relu", "softmax", "mse", "adam", "float64", "\ud800", "ß" * 50, "/x", "\0"),
    *([], [[]], {}, [None], [0], [-1], [10**12], ["a"], {"a": {"a": None}}),
    *({"float": "nan"}, {"float": []}, {"class": "f", "config": {}}),
    *({"function": "activations.relu"}, {"function": "f"}, {"function": []}),
    {"class_name": "function", "config": "f"},
    {"class_name": "L2", "config": {}},
]


def nodes(value, found):
    """Return the places in JSON: containers and what they are asked for."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            nodes(item, found)
    return found


def changed(value, dice):
    """Return JSON with one to four changes."""
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        places = nodes(value, [])
        if not places:
            return value
        holder, key = dice.choice(places)
        other, at = dice.choice(places)
        match dice.randrange(9):
            case 0 | 1:
                holder[key] = json.loads(json.dumps(dice.choice(VALUES)))
            case 2:
                holder[key] = json.loads(json.dumps(other[at]))
            case 3:
                del holder[key]
            case 4 if isinstance(holder, list):
                holder.insert(key, json.loads(json.dumps(other[at])))
            case 4 | 5 if isinstance(holder, dict):
                holder[str(at)] = json.loads(json.dumps(other[at]))
            case 6:
                holder[key] = dice.choice(NAMES)
            case 7 if isinstance(holder[key], int | float):
                holder[key] += dice.choice([-1, 1, 4, 0.5])
            case 8:
                inner = holder[key]
                holder[key] = [inner] if dice.random() < 0.7 else {"a": inner}
    return value


def as_json(text, dice):
    """Return the text of JSON changed as values, or as text."""
    if dice.random() < 0.8:
        try:
            return json.dumps(changed(json.loads(text), dice)).encode()
        except (ValueError, RecursionError, OverflowError):
            pass
    return atheris.Mutate(text, len(text) + 64)


def mutated_safetensors(data, dice):
    length = int.from_bytes(data[:8], "little")
    text, rest = data[8 : 8 + length], data[8 + length :]
    try:
        header = json.loads(text)
        own = header["__metadata__"]["jaxnet_mini"]
    except (ValueError, TypeError, KeyError, RecursionError):
        header = own = None
    if own is not None and dice.random() < 0.7:
        text = as_json(own.encode(errors="replace"), dice)
        header["__metadata__"]["jaxnet_mini"] = text.decode(errors="replace")
        text = json.dumps(header).encode()
    else:
        text = as_json(text, dice)
    return len(text).to_bytes(8, "little") + text + rest


def mutated_keras(data, dice):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if dice.random() < 0.125 and "model.weights.h5" in parts:
        inner = parts["model.weights.h5"]
        parts["model.weights.h5"] = atheris.Mutate(inner, len(inner))
    elif "config.json" in parts:
        parts["config.json"] = as_json(parts["config.json"], dice)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part)
    return written.getvalue()


MUTATED = {"safetensors": mutated_safetensors, "keras": mutated_keras}


def mutator(kind):
    def mutate(data, most, seed):
        dice = random.Random(seed)
        if kind in MUTATED and dice.random() < 0.9:
            try:
                made = MUTATED[kind](data, dice)
            except Exception:  # no file of its kind, any longer
                made = b""
            if 0 < len(made) <= most:
                return made
        return atheris.Mutate(data, most)

    return mutate


def main():
    kind, seconds = sys.argv[1], int(sys.argv[2])
    kept = sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp()
    suffix = SUFFIXES[kind]
    seeds = [path for path in CORPUS.iterdir() if path.name.endswith(suffix)]
    model = reading.small_model()
    for seed in seeds:  # what is imported and compiled once, beforehand
        for call in reading.readers(seed, model).values():
            with contextlib.suppress(*reading.DOCUMENTED):
                call()
    watch = reading.Watch()
    path = Path(tempfile.mkdtemp(prefix="jaxnet_mini_fuzz_")) / f"file{suffix}"
    calls = reading.readers(path, model)
    runs = 0

    def read(data):
        nonlocal runs
        runs += 1
        if runs % 500 == 0:
            jax.clear_caches()  # or programs of all shapes pile up
        path.write_bytes(data)
        for fault in reading.faults(path, watch, calls):
            raise AssertionError(fault)

    with tempfile.TemporaryDirectory() as started:
        for seed in seeds:
            Path(started, seed.name).write_bytes(seed.read_bytes())
        atheris.Setup(
            [
                sys.argv[0],
                kept,
                started,
                f"-max_total_time={seconds}",
                f"-max_len={MOST_INPUT_BYTES}",
                "-timeout=30",
                "-rss_limit_mb=4096",
                "-print_final_stats=1",
                "-verbosity=1",
            ],
            read,
            custom_mutator=mutator(kind),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
