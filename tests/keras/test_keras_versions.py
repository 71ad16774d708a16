"""Files written here in old versions of Keras, and theirs here: the long form alone."""

import json
import subprocess
import sys

import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini.models.load import load_model

# Old versions want a JAX of their time, and 3.0.5 packaging, which it does not name.
VERSIONS = ["3.0.5", "3.8.0", "3.15.1"]
OLD = ["jax==0.5.3", "jaxlib==0.5.3", "numpy", "h5py", "packaging"]
OPTIMIZERS = {
    "sgd": jn.optimizers.SGD(0.1),
    "momentum": jn.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": jn.optimizers.Adam(0.01),
    "adamw": jn.optimizers.AdamW(0.01, weight_decay=0.01),
}

SCRIPT = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy as np

folder, names = sys.argv[1], sys.argv[2].split(",")
data = np.load(f"{folder}/data.npz")
x, y, done = data["x"], data["y"], {}
for name in names:
    expected = np.load(f"{folder}/{name}.npz")
    model = keras.models.load_model(f"{folder}/{name}.keras")
    np.testing.assert_allclose(model(x), expected["before"], rtol=1e-6, atol=1e-6)
    model.load_weights(f"{folder}/{name}.weights.h5")
    model.save(f"{folder}/{name}.back.keras")
    assert int(model.optimizer.iterations.numpy()) == 10
    logs = model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0).history
    assert sorted(logs) == ["accuracy", "loss"], logs
    np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=1e-6)
    np.testing.assert_allclose(model(x), expected["after"], rtol=1e-5, atol=1e-6)
    done[name] = keras.__version__
print(json.dumps(done))
"""


def interpreter(folder, version):
    """Return a Python that has a version of Keras."""
    if version == VERSIONS[-1]:
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    wanted = [f"keras=={version}", *OLD]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    return python


@pytest.mark.parametrize("version", VERSIONS)
def test_training_goes_on_in_every_version_and_back(tmp_path, version, amount):
    if not amount(quick=False, long=True):
        pytest.skip("it makes an environment: --long does")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4)).astype(np.float32)
    y = rng.integers(0, 3, 40)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    for name, optimizer in OPTIMIZERS.items():
        layers = [
            jn.Dense(6, "relu", input_dim=4, name="first"),
            jn.LayerNormalization(),
            jn.Dropout(0.0),
            jn.Dense(5, use_bias=False),
            jn.layers.PReLU(),
            jn.serial(jn.Dense(5), jn.layers.PReLU(), name="inside"),
            jn.Dense(3, "softmax"),
        ]
        if version != "3.0.5":  # which reads no graph inside a model, its own neither
            layers.insert(2, jn.residual(jn.Dense(6), jn.Dense(6)))
        model = jn.Sequential(layers)
        model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(x, y, 8, epochs=2, shuffle=False, verbose=0)
        model.save(tmp_path / f"{name}.keras")
        model.save_weights(tmp_path / f"{name}.weights.h5")
        before = model.predict(x)
        logs = model.fit(x, y, 8, epochs=3, shuffle=False, verbose=0).history
        arrays = {"before": before, "after": model.predict(x), "loss": logs["loss"]}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    python = interpreter(tmp_path / "environment", version)
    arguments = [python, "-c", SCRIPT, tmp_path, ",".join(OPTIMIZERS)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert json.loads(done.stdout) == dict.fromkeys(OPTIMIZERS, version)
    for name in OPTIMIZERS:
        expected = np.load(tmp_path / f"{name}.npz")
        model = load_model(tmp_path / f"{name}.back.keras")
        logs = model.fit(x, y, 8, epochs=3, shuffle=False, verbose=0).history
        np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=1e-6)
        np.testing.assert_allclose(model.predict(x), expected["after"], atol=1e-6)
