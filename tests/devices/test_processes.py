"""Several processes that train together: real ones, which meet over the loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from interpreter import ROOT

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits

pytestmark = pytest.mark.usefixtures("quick_compilation")

SCRIPT = ROOT / "examples" / "multi_host.py"
ENDS_WITHIN = 60.0
"""Seconds: a broken connection is noticed at once, and JAX's own goodbye waits for the
heartbeat of the example, 20 seconds."""

COMPILES = {
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}
"""Each compiles for itself, as on machines of their own, and quickly: what they learn
is compared to rounding."""


def start(processes, folder, epochs):
    """Start so many processes of the example on the digits."""
    command = [sys.executable, str(SCRIPT), "--digits", "--epochs", str(epochs)]
    command += ["--checkpoint", str(folder), "--processes", str(processes)]
    command += ["--coordinator", coordinator()]
    return [started([*command, "--id", str(number)]) for number in range(processes)]


def coordinator():
    """An address where the first process can be found."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return f"localhost:{free.getsockname()[1]}"


def started(command, **environment):
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | COMPILES | environment,
    )


def finished(processes):
    """What each process printed, all of them having ended well."""
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors[-3000:]
        printed.append(out)
    return printed


def losses(printed):
    found = re.search(r"Losses \[([^]]*)\]", printed)
    return [float(number) for number in found.group(1).split(",")]


def alone(epochs):
    """Losses and test loss of one process that has all rows."""
    (x, y), (x_test, y_test) = digits.load_data()
    model = jn.Sequential(
        [
            jn.Flatten(),
            jn.Rescaling(1 / x.max()),
            jn.Dense(128, activation="relu"),
            jn.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=256, epochs=epochs, verbose=0)
    return history.history["loss"], model.evaluate(x_test, y_test, verbose=0)[0]


def test_two_learn_what_one_does_and_where_one_is_killed_four_go_on(tmp_path):
    """And one of them speaks."""
    folder = tmp_path / "run"
    first, second = start(2, folder, 100_000)
    limit = time.monotonic() + 100
    while len(list(folder.glob("*.safetensors"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    silent, _ = second.communicate()
    assert "Epoch" not in silent
    since = time.monotonic()
    _, errors = first.communicate(timeout=2 * ENDS_WITHIN)
    assert time.monotonic() - since < ENDS_WITHIN
    assert first.returncode != 0
    message = (
        "ProcessError: process 0 of 2 lost another one, which has ended or cannot be "
        "reached, and cannot go on alone: start all of them again, and they go on from "
        f"what '{folder}' holds. ("
    )
    assert message in errors
    done = max(int(p.name.split("-")[0]) for p in folder.glob("*.safetensors"))
    assert done >= 2
    # Four take over from two, and nothing is learned twice or left out.
    together = done + 5
    printed, *others = finished(start(4, folder, together))
    assert (
        f"Going on with the run in '{folder}': {done} of {together} epochs" in printed
    )
    assert f"Epoch {together}/{together}" in printed
    expected, expected_loss = alone(together)
    found = losses(printed)
    assert len(found) == together
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    loss = float(re.search(r"test loss ([\d.]+)", printed).group(1))
    assert loss == pytest.approx(expected_loss, rel=1e-4)
    for printed in others:
        assert "Epoch" not in printed
        assert "Losses" not in printed


TASK = """
import numpy as np
import jaxnet_mini as jn

generator = np.random.default_rng(0)
x = generator.standard_normal((90, 5)).astype(np.float32)
y = generator.standard_normal((90, 1)).astype(np.float32)
model = jn.Sequential([jn.Dense(8, activation="relu"), jn.Dense(1)])
model.compile("adam", "mse", ["mae"])

def fitted(own, **held_out):
    options = {"batch_size": 7, "epochs": 2, "verbose": 0}
    return model.fit(*own, **options, **held_out).history
"""

SHARE = """
import json
from jaxnet_mini import errors
from jaxnet_mini.devices import memory

first, last = (len(x) * i // 2 for i in (number, number + 1))
own = x[first:last], y[first:last]
available = memory.available
memory.available = lambda device=None: 1000
refused = ""
try:
    fitted(own)
except errors.DataError as error:
    refused = str(error)
memory.available = available
history = fitted(own, validation_data=own)
# With a share of the rows held out, another share is learned than alone.
names = sorted(fitted(own, validation_split=0.2))
print(json.dumps([history, names, refused]))
"""
MEET = """
import sys
import jax
number = int(sys.argv[2])
jax.distributed.initialize(sys.argv[1], 2, number)
"""


@pytest.mark.long
def test_what_is_held_out_is_evaluated_by_each_on_devices_of_its_own():
    """Two processes of two devices, against this one of one."""
    devices = "--xla_force_host_platform_device_count=2"
    command = [sys.executable, "-c", MEET + TASK + SHARE, coordinator()]
    both = [started([*command, str(number)], XLA_FLAGS=devices) for number in range(2)]
    here = {}
    exec(TASK, here)
    rows = here["x"], here["y"]
    expected = here["fitted"](rows, validation_data=rows)
    for printed in finished(both):
        history, found, refused = json.loads(printed.splitlines()[-1])
        assert sorted(history) == found == sorted(expected)
        for name in found:
            np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
        assert refused.startswith("The examples of all processes would take ")
        assert "what several processes share is not streamed: give a smaller" in refused
