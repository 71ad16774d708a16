"""Several devices: eight of them are made of one CPU, in a process of its own.

One process runs all programs, and they share what it compiles: nearly all the time is
that of compiling.
"""

import json

import jax
import numpy as np
import pytest
from interpreter import run

DEVICES = "--xla_force_host_platform_device_count=8"

START = """
import collections, json, logging, re
import jax, numpy as np
from jax.sharding import Mesh, PartitionSpec as P
import jaxnet_mini as jn

# No multiple of 3, 7, 8 or 30, the numbers of devices and sizes of batches.
ROWS = 205
GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((ROWS, 12), np.float32)
Y = (X[:, 0] * 3).astype(np.int32)
WEIGHT = GENERATOR.random(ROWS).astype(np.float32)

def mesh(devices, model=1):
    devices = np.array(jax.devices()[:devices]).reshape(-1, model)
    return Mesh(devices, ("data", "model"))

# Less to compile than Adam, and with a state for each array as well.
MOMENTUM = jn.optimizers.SGD(0.1, momentum=0.9)

def classifier(*layers, units=16, optimizer=MOMENTUM):
    model = jn.Sequential(
        [jn.Dense(units, "relu"), *layers, jn.Dense(3, "softmax")], seed=1
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model

def fitted(mesh, *layers, batch_size=30, epochs=2, optimizer=MOMENTUM, **options):
    model = classifier(*layers, optimizer=optimizer)
    options = {"validation_split": 0.1, "seed": 3} | options
    model.fit(X, Y, batch_size, epochs=epochs, verbose=0, mesh=mesh, **options)
    return model

def logs(model):
    return {name: values[-1] for name, values in model.history.history.items()}

def flat(model):
    return np.concatenate([w.ravel() for w in model.get_weights()]).tolist()

def told(found):
    # No line that anything else prints begins so.
    print("told", json.dumps(found))
"""


EXACTLY = """
jax.clear_caches()
jax.config.update("jax_enable_x64", True)
"""


@pytest.fixture(scope="module")
def told(amount):
    """What each program tells as JSON, all of them run by one process.

    The first counts what is compiled, of which nothing is there yet. All is compiled
    quickly: it is compared to a tolerance, or with the bits of the same programs.
    """
    programs = {
        "programs": PROGRAMS,
        "kept": KEPT,
        "counts": counted(amount(quick=[1, 8], long=[1, 2, 4, 8])),
        "evaluated": EVALUATED,
        "places": PLACES,
        "streamed": STREAMED,
        "exact": EXACTLY + counted(amount(quick=[], long=[1, 2, 4, 8])),
    }
    quickly = {"XLA_FLAGS": DEVICES, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    out = run("-c", START + "".join(programs.values()), **quickly)
    lines = [line for line in out.splitlines() if line.startswith("told ")]
    found = [json.loads(line.removeprefix("told ")) for line in lines]
    return dict(zip(programs, found, strict=True))


def counted(several):
    """The program COUNTS, the plain case for so many devices, or without it.

    In float64 the other case has all that the plain one has, and more.
    """
    return f"SEVERAL = {several}\n{COUNTS}"


COUNTS = """
import copy
found = {}
NORM = jn.layers.BatchNormalization()
drawn = {"sample_weight": WEIGHT, "batch_size": 3, "validation_split": 0.2}
drawn["optimizer"] = "adam"
for name, several, layers, options in [
    ("plain", SEVERAL, (), {}),
    ("dropout, moments, batches of 3", (1, 8), (jn.Dropout(0.3), NORM), drawn),
]:
    if several:
        found[name] = []
    for devices in several:
        model = fitted(mesh(devices), *copy.deepcopy(layers), **options)
        found[name].append([logs(model), flat(model)])
told(found)
"""


def test_the_number_of_devices_changes_rounding_only(told):
    """Batches of 30 and of 3 are not divided by eight devices."""
    for cases, tolerance in ((told["counts"], 1e-6), (told["exact"], 1e-12)):
        for one, *several in cases.values():
            for logs, weights in several:
                assert logs == pytest.approx(one[0], rel=tolerance)
                np.testing.assert_allclose(weights, one[1], rtol=0, atol=50 * tolerance)


EVALUATED = """
model = fitted(mesh(8))
found = []
for devices, batch_size in [(1, None), (8, None), (8, 30), (3, 7), (8, ROWS)]:
    where = mesh(devices)
    loss, accuracy = model.evaluate(X, Y, batch_size, verbose=0, mesh=where)
    outputs = model.predict(X, batch_size, mesh=where)
    found.append([loss, accuracy, outputs.sum(0).tolist(), outputs.shape])
loss, accuracy = model.evaluate(X, Y, verbose=0)
params = jax.tree.map(np.asarray, model.params)
hidden = np.maximum(X @ params["dense"]["kernel"] + params["dense"]["bias"], 0)
logits = hidden @ params["dense_1"]["kernel"] + params["dense_1"]["bias"]
odds = np.exp(np.float64(logits))
odds /= odds.sum(1, keepdims=True)
loss_here = -np.log(odds[np.arange(ROWS), Y]).mean()
found.append([loss, accuracy, odds.sum(0).tolist(), odds.shape])
accuracy = (odds.argmax(1) == Y).mean()
found.append([loss_here, accuracy, odds.sum(0).tolist(), odds.shape])
told(found)
"""


def test_evaluation_and_prediction_do_not_depend_on_devices(told):
    *found, expected = told["evaluated"]
    for loss, accuracy, sums, shape in found:
        assert loss == pytest.approx(expected[0], rel=1e-6)
        assert accuracy == pytest.approx(expected[1], rel=1e-6)
        np.testing.assert_allclose(sums, expected[2], rtol=1e-5)
        assert shape == expected[3]


PLACES = """
found = {}
def place(array):
    return [len(array.sharding.device_set), *array.sharding.spec]
model = classifier()
model.fit(X, Y, verbose=0)
found["by itself"] = len(model.params["dense"]["kernel"].sharding.device_set)
model.fit(X, Y, verbose=0, mesh=mesh(8))
model.fit(X, Y, verbose=0)
model.train_on_batch(X[:7], Y[:7])
model(X[:2])
found["still"] = place(model.params["dense"]["kernel"])
single = classifier()
single.fit(X, Y, 30, verbose=0, validation_split=0.1, mesh=mesh(1))
found["one"] = len(single.params["dense"]["kernel"].sharding.device_set)
with jax.default_device(jax.devices()[3]):
    alone = classifier()
    alone.fit(X, Y, verbose=0)
found["told"] = [d.id for d in alone.params["dense"]["kernel"].devices()]
rule = {"kernel": P(None, "model"), "bias": P("model")}
wide = fitted(mesh(8, model=4), sharding=rule, epochs=1)
found["wide"] = {
    f"{layer}/{name}": place(array)
    for layer, arrays in wide.params.items() for name, array in arrays.items()
}
_, momentum = wide.state.optimizer_state.inner_state
found["moment"] = place(momentum.trace["dense"]["kernel"])
whole = fitted(mesh(1), epochs=1)
found["close"] = float(np.abs(np.subtract(flat(wide), flat(whole))).max())
found["logs"] = [logs(wide), logs(whole)]
outputs = [m.predict(X).tolist() for m in (wide, whole)]
found["outputs"] = float(np.abs(np.subtract(*outputs)).max())
explicit = classifier()
explicit.fit(X, Y, verbose=0, mesh=jax.make_mesh((8,), ("data",)))
found["make_mesh"] = place(explicit.params["dense"]["kernel"])
again, found["idle"] = mesh(8, model=4), []
others = Mesh(np.array(jax.devices()), ("batch",))
wide.fit(X, Y, verbose=0, mesh=again)  # whose weights lie over both axes
for act in [
    lambda: classifier().fit(X, Y, verbose=0, mesh=others),
    lambda: jn.sweep(classifier(), {"seed": [1]}, X, Y, mesh=others),
    lambda: classifier().fit(X, Y, verbose=0, mesh=again),
]:
    try:
        act()
        found["idle"].append("nothing is said")
    except jn.errors.ArgumentError as error:
        found["idle"].append(str(error))
import tempfile
with tempfile.TemporaryDirectory() as folder:
    wide.save(f"{folder}/wide.safetensors")
    again = jn.models.load_model(f"{folder}/wide.safetensors")
found["saved"] = flat(again) == flat(wide)
told(found)
"""


def test_where_arrays_lie(told):
    places = told["places"]
    # On one device by default, since those of a CPU share its cores, and where they lie
    # from then on.
    assert places["by itself"] == places["one"] == 1
    assert places["still"] == places["make_mesh"] == [8]
    assert places["told"] == [3]
    # Wide layers by the rule, and their optimizer's state with them.
    assert places["wide"]["dense/kernel"] == places["moment"] == [8, None, "model"]
    assert places["wide"]["dense/bias"] == [8, "model"]
    # Three columns are not divided by four devices.
    assert places["wide"]["dense_1/kernel"] == [8]
    # Devices that would all compute the same are told of.
    for axis, size, told_of in zip(
        ("batch", "batch", "model"), (8, 8, 4), places["idle"], strict=True
    ):
        assert f"mesh has the axis '{axis}' of {size} devices, over which" in told_of
    # A split model learns and predicts what a whole one does.
    assert places["close"] < 1e-5
    assert places["outputs"] < 1e-5
    wide, whole = places["logs"]
    assert wide == pytest.approx(whole, rel=1e-6)
    assert places["saved"]


PROGRAMS = """
records = []
class Keep(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())
jax.config.update("jax_log_compiles", True)
logger = logging.getLogger("jax")
logger.addHandler(Keep())
logger.propagate = False

def compiled():
    text = " ".join(records)
    records.clear()
    pattern = r"Finished XLA compilation of jit\\((\\w+)\\)"
    return dict(collections.Counter(re.findall(pattern, text)))

def fit(model, mesh, **options):
    model.fit(X, Y, 30, verbose=0, validation_split=0.1, mesh=mesh, **options)
    return compiled()

rule = {"kernel": P(None, "model")}
model, split = classifier(), classifier(units=32)
found = {"first": fit(model, mesh(8), epochs=3)}
found["second"] = fit(model, mesh(8), epochs=2)
found["split"] = [fit(split, mesh(8, 2), sharding=rule) for _ in range(2)]

from jaxnet_mini.devices import placement, programs
program, sums = model.trainer.program(), model.trainer.no_sums()
from jaxnet_mini.data import epoch_order, resident
from jaxnet_mini.data.checks import Examples
where = placement.of(mesh(8))
arguments = (
    where.params(model.state),
    where.everywhere(resident.resident(Examples(X, Y, None), 32)),
    where.order(epoch_order.order((0,), 0, ROWS, 32)),
)
lowered = programs.loop.jitted.lower(program, *arguments, 0, 5, where.everywhere(sums))
text = lowered.compile().as_text()
kinds = "all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter"
found["collectives"] = dict(
    collections.Counter(re.findall(rf" ({kinds})(?:-start)?\\(", text))
)
jax.config.update("jax_log_compiles", False)
told(found)
"""


def test_a_mesh_is_one_program_too(told):
    """Its devices tell each other gradients and sums, and nothing else."""
    found = told["programs"]
    assert found["first"]["loop"] == 1
    assert found["first"]["evaluate"] == 1
    assert "loop" not in found["second"]
    assert "evaluate" not in found["second"]
    first, second = found["split"]
    assert first["loop"] == 1
    assert "loop" not in second
    # On a CPU older compilers leave one for each array.
    count = 1 if jax.__version_info__ >= (0, 10) else 8
    assert found["collectives"] == {"all-reduce": count}


KEPT = """
import tempfile
folder = tempfile.mkdtemp()
class Stop(jn.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyError
def fit(devices, folder, callbacks=()):
    model = classifier()
    options = {"mesh": mesh(devices), "checkpoint": folder, "validation_split": 0.1}
    model.fit(X, Y, 30, 4, 0, [*callbacks], **options)
    return flat(model)
whole = fit(8, folder + "/whole")
try:
    fit(8, folder + "/cut", [Stop()])
except KeyError:
    pass
again = fit(8, folder + "/cut")
try:
    fit(8, folder + "/moved", [Stop()])
except KeyError:
    pass
moved = fit(2, folder + "/moved")
told([whole == again, float(np.abs(np.subtract(whole, moved)).max())])
"""


def test_a_run_goes_on_with_the_same_bits_and_on_other_devices(told):
    same, moved = told["kept"]
    assert same
    assert moved < 1e-5


STREAMED = """
import tempfile
file = tempfile.mkdtemp() + "/x.npy"
from jaxnet_mini.loops import choose_feed, stream
stream.CHUNK_BYTES = choose_feed.CHUNK_BYTES = 12 * 4 * 30 * 4
np.save(file, X)
x = np.load(file, mmap_mode="r")
found = []
for devices in (1, 8):
    model = classifier()
    model.fit(x, Y, 30, epochs=2, verbose=0, seed=2, mesh=mesh(devices))
    found.append([logs(model), flat(model)])
told(found)
"""


def test_streams_reach_all_devices(told):
    (one, weights), (eight, others) = told["streamed"]
    assert eight == pytest.approx(one, rel=1e-6)
    np.testing.assert_allclose(others, weights, atol=5e-5)
