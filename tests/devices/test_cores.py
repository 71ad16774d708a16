"""Bits on a CPU: by the number of threads, not by that of cores.

What the sums of a large step are cut into depends on the number of threads. A run keeps
it, and says where it is another one.
"""

import hashlib
import json
import sys

import numpy as np
import pytest
from interpreter import run
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.checkpoints.kept_run import ABOUT
from jaxnet_mini.files import safetensors

PROGRAM = """
import collections, hashlib, json, os, pathlib
import jax, numpy as np
import jaxnet_mini as jn
from jaxnet_mini.devices import pools

def bits(hidden, batch, features):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * batch, features)).astype(np.float32)
    y = rng.integers(0, 10, 2 * batch)
    model = jn.Sequential([jn.Dense(hidden, "relu"), jn.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=batch, verbose=0)
    arrays = jax.tree.leaves((model.params, model.state.optimizer_state))
    return hashlib.sha256(b"".join(map(bytes, map(np.asarray, arrays)))).hexdigest()

def told():
    small, large = bits(32, 32, 16), bits(256, 256, 784)
    tasks = pathlib.Path("/proc/self/task").iterdir()
    named = [(task / "comm").read_text() for task in tasks]
    pool = sum(name.startswith("tf_XLAEigen") for name in named)
    return [small, large, pools.number(), pool]

def forked(number, cores):
    # From a process that has started nothing.
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.environ["NPROC"] = number
        os.sched_setaffinity(0, cores)
        os.write(writer, json.dumps(told()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as said:
        return json.loads(said.read())

cores = os.sched_getaffinity(0)
one = {min(cores)}
print(json.dumps([forked("", one), forked("2", cores), forked("2", one)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_bits_depend_on_the_threads_of_large_steps_and_not_on_cores():
    one, two, two_on_one_core = json.loads(run("-c", PROGRAM))
    assert two_on_one_core == two
    assert one[0] == two[0], "the bits of a small step"
    for _, _, told, pool in (one, two):
        assert told == pool
    assert (one[2], two[2]) == (1, 2)


def fitted(folder, epochs):
    rng = np.random.default_rng(0)
    model = jn.Sequential([jn.Dense(3, "softmax", input_dim=4)])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    model.fit(x, y, epochs=epochs, verbose=0, checkpoint=folder)
    return model.state


def test_a_run_goes_on_with_other_threads_and_says_so(tmp_path, monkeypatch):
    whole = fitted(tmp_path / "whole", 2)
    monkeypatch.setenv("NPROC", "61")
    fitted(tmp_path / "cut", 1)
    monkeypatch.setenv("NPROC", "62")
    words = r"goes on with 62 threads, and had 61: the last bits .* NPROC=61\.$"
    with pytest.warns(UserWarning, match=words):
        assert_trees_identical(fitted(tmp_path / "cut", 2), whole)


def test_the_advice_works_and_a_run_that_kept_no_number_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("NPROC", "61")
    fitted(tmp_path, 1)
    fitted(tmp_path, 2)
    newest = max(tmp_path.glob("*.safetensors"))
    arrays = dict(safetensors.read(newest).arrays)
    about = json.loads(arrays.pop(ABOUT).tobytes())
    assert about.pop("threads") == 61
    arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    contents = safetensors.encoded(arrays, {"format": "run"})
    place, digest, ending = newest.name.split(".")
    newest.unlink()
    digest = hashlib.sha256(contents).hexdigest()
    newest.with_name(f"{place}.{digest}.{ending}").write_bytes(contents)
    monkeypatch.setenv("NPROC", "62")
    fitted(tmp_path, 3)


MORE_DEVICES_THAN_CORES = """
import pathlib
import jax, numpy as np, jaxnet_mini as jn
from jaxnet_mini.devices import pools, products

def threads_of_pools():
    tasks = pathlib.Path("/proc/self/task").iterdir()
    return sum((t / "comm").read_text().startswith("tf_XLAEigen") for t in tasks)

rng = np.random.default_rng(0)
x = rng.normal(size=(256, 784)).astype("f")
y = rng.integers(0, 10, 256)

def trained():
    jn.utils.set_random_seed(0)
    model = jn.Sequential([jn.Dense(128, "relu", input_dim=784), jn.Dense(10)])
    model.compile("adam", "mse")
    history = model.fit(x, np.eye(10)[y], verbose=0, validation_split=0.25)
    for leaf in jax.tree.leaves(model.state):
        assert leaf.devices() == {jax.devices()[0]}, leaf.devices()
    print(history.timing["threads"], *[w.tobytes().hex()[-60:] for w in
        (model.get_weights()[0], np.float64(history.history["val_loss"]))])

assert len(jax.devices()) == pools.number() == 4
trained()
with jax.default_device(jax.devices()[0]):
    trained()
step = products.StepProducts(32, ((784, 128), (128, 10)))
print(products.has_bits_of_the_pool(step, pools._of_cores[2]))
# JAX 0.7 gives its threads no names.
assert threads_of_pools() in (4 + 2, 0), threads_of_pools()
"""


@pytest.mark.slow
def test_more_devices_than_cores_are_no_more_threads():
    """A step takes a pool of its own, to the bits of JAX's, or else that one."""
    flags = "--xla_force_host_platform_device_count=4"
    said = run("-c", MORE_DEVICES_THAN_CORES, XLA_FLAGS=flags, NPROC="2")
    first, second, (same,) = (line.split(" ") for line in said.splitlines())
    assert (first[0], second[0]) == ("2" if same == "True" else "4", "4")
    assert first[1:] == second[1:]
