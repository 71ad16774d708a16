"""Small trainings whose results are known to the bit.

``python tests/support/golden.py`` trains the models below and adds their hashes to
golden.json, for the versions and the processor that it runs on.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from pathlib import Path

import jax
import numpy as np

import jaxnet_mini as jn

FILE = Path(__file__).with_name("golden.json")
PACKAGES = ("jax", "jaxlib", "numpy", "optax")
ROWS, FEATURES, CLASSES = 200, 8, 4


def classifier():
    """Dropout, a last batch that is ragged, validation."""
    return (
        [jn.Dense(32, "relu"), jn.Dropout(0.3), jn.Dense(CLASSES, "softmax")],
        ("adam", "sparse_categorical_crossentropy", ["accuracy"]),
        {"validation_split": 0.1},
    )


def autoencoder():
    return (
        [jn.Dense(5, "tanh"), jn.Dense(FEATURES)],
        (jn.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "mse"),
        {"y": "x", "shuffle": False, "batch_size": 64},
    )


def regularized():
    """Exponentials, normalization, penalties and weights."""
    return (
        [
            jn.Dense(16, "gelu", kernel_regularizer="l2"),
            jn.LayerNormalization(),
            jn.Dense(16, "silu"),
            jn.Dense(1, "sigmoid"),
        ],
        ("rmsprop", "binary_crossentropy", ["accuracy"]),
        {"y": "binary", "sample_weight": "weight"},
    )


def images():
    """Bytes, and batches of one row."""
    return (
        [jn.Rescaling(1 / 255), jn.Dense(12, "elu"), jn.Dense(CLASSES, "softmax")],
        (jn.optimizers.AdamW(0.01), "sparse_categorical_crossentropy"),
        {"x": "bytes", "batch_size": 1},
    )


MODELS = (classifier, autoencoder, regularized, images)


def data():
    """What the models learn: made of integers, which every NumPy draws alike."""
    bits = np.random.default_rng(0).integers(0, 256, (ROWS, FEATURES), np.uint8)
    x = (bits.astype(np.float32) - 127.5) / 128
    classes = bits[:, 0] // 64
    return {
        "x": x,
        "y": classes.astype(np.int32),
        "bytes": bits,
        "binary": (classes > 1).astype(np.float32)[:, None],
        "weight": bits[:, 1] / np.float32(128),
    }


def trained(make):
    """The state of a model after three epochs."""
    layers, settings, options = make()
    known = data()
    call = {"x": "x", "y": "y"} | options
    call = {k: known[v] if isinstance(v, str) else v for k, v in call.items()}
    model = jn.Sequential(layers, seed=1)
    model.compile(*settings)
    model.fit(**call, epochs=3, seed=2, verbose=0)
    return model.state


def sha256(state):
    """The hash of all that a state holds, names and dtypes included."""
    state = state._replace(key=jax.random.key_data(state.key))
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        array = np.asarray(leaf)
        name = jax.tree_util.keystr(path)
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def processor():
    """The processor as far as compilers look at it."""
    wanted = ("model name", "cpu family", "model", "flags")
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        named = dict(
            re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line
        )
        *name, flags = (named[entry] for entry in wanted)
    except (OSError, KeyError):
        return f"{platform.machine()} {platform.processor()}"
    vectors = [flag for flag in ("avx512f", "avx2", "avx") if flag in flags.split()]
    return f"{platform.machine()} {' '.join(name)} {' '.join(vectors[:1])}"


def where():
    """All that hashes may depend on."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    flags = os.environ.get("XLA_FLAGS", "")
    return versions | {"processor": processor(), "XLA_FLAGS": flags}


def measured():
    """The hashes here, and where that is."""
    hashes = {make.__name__: sha256(trained(make)) for make in MODELS}
    return {"where": where(), "hashes": hashes}


def compare(here, known):
    """Compare with what is known.

    Args:
        here: what `measured` returned; without hashes only places are compared.
        known: a list of such.

    Returns:
        The hashes that are known for the same place, or None; and a sentence on what
        is known of other places.
    """
    same = [entry for entry in known if entry["where"] == here["where"]]
    if same:
        return same[0]["hashes"], "known for these versions on this processor"

    def others(entry):
        names = {**here["where"], **entry["where"]}
        return [
            f"{name} is {here['where'].get(name)} and not {entry['where'].get(name)}"
            for name in names
            if here["where"].get(name) != entry["where"].get(name)
        ]

    if not known:
        how = "add what is here: python tests/support/golden.py"
        return None, f"nothing is known; {how}"
    nearest = min(known, key=lambda entry: len(others(entry)))
    agree = [
        n for n, found in here["hashes"].items() if nearest["hashes"].get(n) == found
    ]
    number = len(here["hashes"])
    nevertheless = f" ({len(agree)} of {number} models agree nevertheless)"
    return None, (
        f"nothing to compare with: {', '.join(others(nearest))}, and bits depend on "
        f"that{nevertheless if number else ''}. Add what is here, once it is known to "
        "be right: python tests/support/golden.py"
    )


def main():
    """Print what is measured here; unless told ``--print``, add it to the file."""
    here = measured()
    if sys.argv[1:] == ["--print"]:
        print(json.dumps(here))
        return
    known = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []
    known = [entry for entry in known if entry["where"] != here["where"]] + [here]
    known.sort(key=lambda entry: list(entry["where"].values()))
    FILE.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
    print(f"{FILE.name} knows {len(known)} places, with this one: {here['where']}")


if __name__ == "__main__":
    main()
