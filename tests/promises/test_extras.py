"""Each extra by itself, in an environment that has nothing else."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BEFORE = """
import numpy as np
import jaxnet_mini as jn
x, y = np.eye(8, dtype="float32"), np.arange(8) % 2
model = jn.Sequential([jn.Dense(2, "softmax", input_dim=8)])
model.compile("adam", "sparse_categorical_crossentropy")
history = model.fit(x, y, verbose=0)
"""

USES = {
    "draw": "assert 'Dense' in jn.utils.model_to_dot(model).to_string()",
    "grain": """
import grain
batches = grain.MapDataset.source([*zip(x, y)]).batch(4)
assert np.isfinite(model.evaluate(batches.to_iter_dataset(), verbose=0))
""",
    "keras": """
model.save("net.keras")
again = jn.models.load_model("net.keras")
np.testing.assert_array_equal(again.predict(x), model.predict(x))
""",
    "onnx": """
import onnx
model.export("net.onnx")
onnx.checker.check_model("net.onnx", full_check=True)
""",
    "jax2onnx": """
net = jn.Sequential([jn.layers.Lambda(abs), jn.Dense(2, input_dim=8)])
net.build((None, 8))
net.export("net.onnx", trace=True)
""",
    "optuna": """
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study()
space, call = {"learning_rate": [0.01, 0.1]}, {"n_trials": 2, "verbose": 0}
jn.sweep(model, space, x, y, sampler=study, monitor="loss", **call)
assert len(study.trials) == 2
""",
    "pandas": """
result = jn.sweep(model, {"seed": [0, 1]}, x, y, verbose=0)
assert len(result.to_pandas()) == 2
""",
    "plot": "history.plot().savefig('curves.png')",
    "sklearn": """
from jaxnet_mini.sklearn import MLPClassifier, SweepSearchCV
net = MLPClassifier((4,), max_iter=200, batch_size=8, random_state=0)
search = SweepSearchCV(net, {"alpha": [1e-4, 1e-3]}, cv=2).fit(x, y)
assert search.predict(x).shape == (8,)
""",
    "stablehlo": """
model.export("net.stablehlo")
net = jn.export.load_stablehlo("net.stablehlo")
np.testing.assert_allclose(net(x), model.predict(x), rtol=1e-6)
""",
    "tensorboard": """
model.fit(x, y, verbose=0, callbacks=[jn.callbacks.TensorBoard("logs")])
""",
}

OTHERS = {"test", "bench", "docs", "cuda", "tpu", "gpu-paper"}
"""For whoever works on the library, and devices."""


def test_each_extra_is_tried():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["optional-dependencies"].keys() == USES.keys() | OTHERS


@pytest.mark.long
@pytest.mark.parametrize("extra", USES)
def test_an_extra_is_enough_by_itself(extra, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    wanted = ["--quiet", "--disable-pip-version-check", f"{ROOT}[{extra}]"]
    subprocess.run([python, "-m", "pip", "install", *wanted], check=True)
    done = subprocess.run(
        [python, "-W", "ignore", "-c", BEFORE + USES[extra]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
