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

SCRIPT = ROOT / "examples" / "multi_host.py"
ENDS_WITHIN = 60.0
"""Seconds: a broken connection is noticed at once, and JAX's own goodbye waits for the
heartbeat of the example, 20 seconds."""

COMPILES = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
"""Each compiles for itself, as on machines of their own."""


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


@pytest.fixture(scope="module")
def alone():
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
    history = model.fit(x, y, batch_size=256, epochs=40, verbose=0)
    return history.history["loss"], model.evaluate(x_test, y_test, verbose=0)[0]


@pytest.mark.parametrize("processes", [2, 4])
def test_several_learn_what_one_does_and_one_of_them_speaks(processes, alone, tmp_path):
    first, *others = finished(start(processes, tmp_path / "run", 40))
    np.testing.assert_allclose(losses(first), alone[0], rtol=1e-5)
    loss = float(re.search(r"test loss ([\d.]+)", first).group(1))
    assert loss == pytest.approx(alone[1], rel=1e-4)
    assert "Epoch 40/40" in first
    for printed in others:
        assert "Epoch" not in printed
        assert "Losses" not in printed


SHARE = """
import json, sys
import jax
import numpy as np
import jaxnet_mini as jn
from jaxnet_mini import errors, memory

address, processes, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if processes > 1:
    jax.distributed.initialize(address, processes, number)
generator = np.random.default_rng(0)
x = generator.standard_normal((90, 5)).astype(np.float32)
y = generator.standard_normal((90, 1)).astype(np.float32)
first, last = (len(x) * i // processes for i in (number, number + 1))
own = x[first:last], y[first:last]
model = jn.Sequential([jn.Dense(8, activation="relu"), jn.Dense(1)])
model.compile("adam", "mse", ["mae"])
available = memory.available
memory.available = lambda device=None: 1000
refused = ""
try:
    model.fit(*own, batch_size=7, verbose=0)
except errors.DataError as error:
    refused = str(error)
memory.available = available
histories = [
    model.fit(*own, batch_size=7, epochs=2, verbose=0, **held_out).history
    for held_out in ({"validation_data": own}, {"validation_split": 0.2})
]
# With a share of the rows held out, another share is learned than alone.
print(json.dumps([histories[0], sorted(histories[1]), refused]))
"""


def test_what_is_held_out_is_evaluated_by_each_on_devices_of_its_own():
    """Two processes of two devices, against one of one."""
    devices = "--xla_force_host_platform_device_count=2"
    command, address = [sys.executable, "-c", SHARE], coordinator()
    alone = finished([started([*command, address, "1", "0"])])
    both = [
        started([*command, address, "2", str(number)], XLA_FLAGS=devices)
        for number in range(2)
    ]
    expected, names, _ = json.loads(alone[0].splitlines()[-1])
    for printed in finished(both):
        history, found, refused = json.loads(printed.splitlines()[-1])
        assert sorted(history) == found == names
        for name in names:
            np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
        assert refused.startswith("The examples of all processes would take ")
        assert "what several processes share is not streamed: give a smaller" in refused


def test_where_one_is_killed_the_others_say_so_and_all_go_on_in_another_number(
    alone, tmp_path
):
    folder = tmp_path / "run"
    first, second = start(2, folder, 100_000)
    limit = time.monotonic() + 100
    while len(list(folder.glob("*.safetensors"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.05)
    second.send_signal(signal.SIGKILL)
    second.communicate()
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
    printed = finished(start(4, folder, together))[0]
    assert (
        f"Going on with the run in '{folder}': {done} of {together} epochs" in printed
    )
    found = losses(printed)
    assert len(found) == together
    known = min(40, together)
    np.testing.assert_allclose(found[:known], alone[0][:known], rtol=1e-5)
