"""Train here, serve there: ONNX Runtime answers alone, in a process of its own.

python -m pip install ".[onnx]" onnxruntime
python examples/export_onnx.py
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

MODEL, ROWS, ANSWERS = "digits.onnx", "rows.npy", "answers.npy"
CALLS = 200


def train() -> None:
    """Train, write the model and a few rows, and have them answered."""
    import jaxnet_mini as jn
    from jaxnet_mini.datasets import digits

    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = (np.float32(x / 16.0) for x in (x_train, x_test))
    model = jn.Sequential(
        [
            jn.Flatten(input_shape=(8, 8)),
            jn.Dense(128, activation="relu"),
            jn.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=15, verbose=0)

    names = [f"a {digit}" for digit in range(10)]
    model.export(MODEL, classes=names)
    np.save(ROWS, x_test)
    subprocess.run([sys.executable, __file__, "serve"], check=True)

    there, here = np.load(ANSWERS), model.predict(x_test)
    print(f"accuracy there: {np.mean(there.argmax(axis=1) == y_test):.3f}")
    print(f"largest difference: {np.abs(there - here).max():.1e}")
    one = seconds(lambda: model.predict(x_test[:1]))
    print(f"a row by predict: {1e6 * one:.0f} microseconds")


def serve() -> None:
    """Answer all rows, and one of them again and again."""
    import onnxruntime

    session = onnxruntime.InferenceSession(MODEL)
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    (taken,), rows = session.get_inputs(), np.load(ROWS)
    (answers,) = session.run(None, {taken.name: rows})
    np.save(ANSWERS, answers)
    print(f"the first digit: {names[answers[0].argmax()]}")
    one = seconds(lambda: session.run(None, {taken.name: rows[:1]}))
    print(f"a row by ONNX Runtime: {1e6 * one:.0f} microseconds", flush=True)
    assert not {"jax", "jaxnet_mini"} & sys.modules.keys()


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes, the fastest of many."""
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else train()
