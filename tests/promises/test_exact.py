"""What training costs apart from time, and that no fast path changes what is learned.

How often something is compiled, how often the host waits for the device, how many
arrays come back from it and what stays in memory are exact numbers. They stand in the
tables below, each with its reason, and are the same on every machine. What shares a
program with what stands in test_programs.py.
"""

import gc
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import oracles
import pytest
from interpreter import run
from oracles import assert_close, assert_trees_close

import jaxnet_mini as jn
from jaxnet_mini.data import epoch_order
from jaxnet_mini.regularizers import L2

# What is counted here, is counted in processes of its own.
pytestmark = pytest.mark.usefixtures("quick_compilation")

# Programs, waits and transfers


class Cost(NamedTuple):
    """What one call costs.

    Attributes:
        waits: times that the host stood still until the device had answered.
        arrays: what came back in these answers.
    """

    waits: int
    arrays: int


JOBS = {
    # NumPy draws the weights.
    "first fit": ["loop"],
    # This is the program of validation as well.
    "first evaluate": ["evaluate"],
    "first predict of many batches": ["predict"],
    # Without a loop, since one row must not wait.
    "first predict of one batch": ["apply"],
    # Data of another rounded size.
    "fit of more rows": ["loop"],
}
"""The programs that must be compiled, by name; where nothing stands here, none."""

SINGLE_OPERATIONS = {
    # Setting a number of the optimizer for the first time, and a seed.
    "first learning rate": 1,
    "first fit with a seed": 2,
}
"""How many functions besides are compiled that compute one operation."""

# An epoch waits twice: once to hear which step failed and which weights are finite
# (2 arrays), once for the sums and what rounding has lost of them (2 arrays).
EPOCH = Cost(waits=2, arrays=2 + 2)
# A call waits once more for the number of steps taken so far (1 array), and once for
# the compiler, for nothing.
FIT = Cost(waits=2, arrays=1)
# The sums.
EVALUATE = Cost(waits=1, arrays=2)
# The outputs of a stack of up to 64 batches.
STACK = Cost(waits=1, arrays=1)


def total(*costs):
    return Cost(*map(sum, zip(*costs, strict=True)))


def in_a_row(*costs):
    """Of epochs that nobody looks at only the last is waited for."""
    return Cost(waits=1, arrays=total(*costs).arrays)


WAITS_AND_ARRAYS = {
    "fit": total(FIT, EPOCH),
    # The first epoch tells how long they are.
    "fit of 5 epochs": total(FIT, EPOCH, in_a_row(*[EPOCH] * 4)),
    # 100 steps in an epoch, and not 4.
    "fit of 5 epochs at batch size 1": total(FIT, EPOCH, in_a_row(*[EPOCH] * 4)),
    "fit of 5 epochs with validation": total(
        FIT, EPOCH, EVALUATE, in_a_row(*[EPOCH, EVALUATE] * 4)
    ),
    "fit of fewer rows": total(FIT, EPOCH),
    "fit at another learning rate": total(FIT, EPOCH),
    "fit with another seed": total(FIT, EPOCH),
    "evaluate": total(EVALUATE),
    # 100 batches in two stacks, and not 4 in one.
    "evaluate at batch size 1": total(EVALUATE),
    "predict of many batches": total(STACK),
    "predict at batch size 1": total(STACK, STACK),
    "predict of one batch": total(STACK),
    # How many steps have been taken: before the first it is the compiled one's as well.
    "another learning rate": Cost(waits=1, arrays=1),
}
"""What a call costs whose programs are there already, by name."""

CALLS = """
import contextlib, json

import jax
import numpy as np
from jax._src.array import ArrayImpl

import jaxnet_mini as jn
from jaxnet_mini.loops import in_a_row, steps

compiled = []
asked = {"waits": 0, "arrays": 0, "depth": 0}
came = {}


def listen(event, duration, **details):
    if event == "/jax/core/compile/backend_compile_duration":
        compiled.append(details["fun_name"].removeprefix("jit(").removesuffix(")"))


jax.monitoring.register_event_duration_secs_listener(listen)


def waiting(function):
    def call(value, *args, **kwargs):
        arrays = [a for a in jax.tree.leaves(value) if isinstance(a, jax.Array)]
        # Who blocks learns that all is ready, and gets nothing; an array that has come
        # once is at hand. (JAX keeps it, except on a CPU, where nothing has to come.)
        blocks = "block" in function.__name__
        come = {} if blocks else {id(a): a for a in arrays if id(a) not in came}
        if not asked["depth"]:  # or else an answer within an answer
            asked["waits"] += bool(arrays if blocks else come)
            asked["arrays"] += len(come)
            came.update(come)
        asked["depth"] += 1
        try:
            return function(value, *args, **kwargs)
        finally:
            asked["depth"] -= 1

    return call


# All ways by which a number comes to the host: the last is that of float(array) and
# the like, and of those above where an array does not lie on the host anyway.
for holder, name in [
    (jax, "device_get"),
    (jax, "block_until_ready"),
    (np, "asarray"),
    (np, "array"),
    (ArrayImpl, "block_until_ready"),
    (ArrayImpl, "__array__"),
]:
    setattr(holder, name, waiting(getattr(holder, name)))
ArrayImpl._value = property(waiting(ArrayImpl._value.fget))

# How often the host looks in while a long epoch runs is a matter of time alone, and so
# is whether epochs are short.
steps.Pace.steps = lambda pace, left: left
in_a_row.SECONDS = 1e6

costs = {}


@contextlib.contextmanager
def cost(name):
    compiled.clear()
    came.clear()
    asked.update(waits=0, arrays=0)
    yield
    costs[name] = [list(compiled), asked["waits"], asked["arrays"]]


def examples(rows):
    x = np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32)
    return x, (np.arange(rows) % 3).astype(np.int32)


x, y = examples(100)
model = jn.Sequential([jn.Dense(8, "relu"), jn.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])


def fit(x=x, y=y, **options):
    model.fit(x, y, verbose=0, **options)


def evaluate(batch_size=None):
    model.evaluate(x, y, batch_size, verbose=0)


with cost("first fit"):
    fit()
with cost("first evaluate"):
    evaluate()
with cost("first predict of many batches"):
    model.predict(x, batch_size=32)
with cost("first predict of one batch"):
    model.predict(x[:20])
with cost("predict of one batch"):
    model.predict(x[:30])
fit(validation_split=0.2)
with cost("fit"):
    fit()
with cost("fit of 5 epochs"):
    fit(epochs=5)
with cost("fit of 5 epochs with validation"):
    fit(epochs=5, validation_split=0.2)
with cost("fit of fewer rows"):
    fit(*examples(97))
with cost("fit of more rows"):
    fit(*examples(129))
with cost("evaluate"):
    evaluate()
with cost("predict of many batches"):
    model.predict(x, batch_size=32)
with cost("first learning rate"):
    model.optimizer.learning_rate = 0.1
with cost("another learning rate"):
    model.optimizer.learning_rate = 0.2
with cost("fit at another learning rate"):
    fit()
with cost("first fit with a seed"):
    fit(seed=1)
with cost("fit with another seed"):
    fit(seed=2)
fit(batch_size=1)
with cost("fit of 5 epochs at batch size 1"):
    fit(epochs=5, batch_size=1)
evaluate(batch_size=1)
with cost("evaluate at batch size 1"):
    evaluate(batch_size=1)
model.predict(x, batch_size=1)
with cost("predict at batch size 1"):
    model.predict(x, batch_size=1)
print(json.dumps(costs))
"""


@pytest.fixture(scope="module")
def costs():
    """In a process of its own: what others compile would not be compiled again."""
    return json.loads(run("-W", "error", "-c", CALLS))


@pytest.mark.parametrize("call", sorted({*JOBS, *SINGLE_OPERATIONS, *WAITS_AND_ARRAYS}))
def test_compilations(costs, call):
    names = Counter(costs[call][0])
    jobs = Counter(JOBS.get(call, []))
    assert names & jobs == jobs
    single = names - jobs
    assert not set(single) & set().union(*JOBS.values())
    assert single.total() == SINGLE_OPERATIONS.get(call, 0)


@pytest.mark.parametrize("call", WAITS_AND_ARRAYS)
def test_waits_of_the_host_and_what_comes_back(costs, call):
    assert Cost(*costs[call][1:]) == WAITS_AND_ARRAYS[call]


# Memory

BYTES_AN_EPOCH = {300: 4096, 2000: 1024}
"""By how much resident memory may grow in an epoch or a call, in the second half of so
many; the first is to warm up. A page is 4096 bytes, so that the short form allows one.
(The history keeps 250 bytes of an epoch; the order alone would be 16 KB, the data a
megabyte.)"""

MEMORY = """
import ctypes
import gc
import json
import resource
import sys
from pathlib import Path

import jax
import numpy as np

import jaxnet_mini as jn

many = int(sys.argv[1])
x = np.random.default_rng(0).normal(size=(4000, 64)).astype(np.float32)
y = (np.arange(4000) % 3).astype(np.int32)
model = jn.Sequential([jn.Dense(8, "relu"), jn.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
options = dict(verbose=0, validation_split=0.1, batch_size=100)
compiled = []
# What is seen must not grow itself.
seen = np.ones((2, many, 3), np.int64)
page = resource.getpagesize()
# Garbage, and memory that was freed, would take a small leak in for long: what was
# there before is looked through once, what has come since each time.
trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)


def listen(event, duration, **details):
    if event == "/jax/core/compile/backend_compile_duration":
        compiled.append(details["fun_name"].removeprefix("jit(").removesuffix(")"))


def look(way, index):
    gc.collect()
    if index == 0:
        gc.freeze()
    trim(0)
    arrays = jax.live_arrays()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    seen[way, index] = len(arrays), sum(a.nbytes for a in arrays), pages * page


jax.monitoring.register_event_duration_secs_listener(listen)
looking = jn.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: look(0, epoch))
model.fit(x, y, epochs=many, callbacks=looking, **options)
for index in range(many):
    model.fit(x, y, **options)
    look(1, index)
print(json.dumps([compiled, seen.tolist()]))
"""


@pytest.fixture(scope="module")
def memory(amount):
    """What was compiled; arrays, their bytes and resident bytes after each epoch, and
    the same after each call."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("/proc/self/statm, which tells resident memory, is Linux's")
    many = str(amount(quick=300, long=2000))
    compiled, seen = json.loads(run("-W", "error", "-c", MEMORY, many, timeout=1800))
    return compiled, np.array(seen)


@pytest.mark.parametrize("way", ["epochs of one fit", "calls of fit"])
def test_memory_does_not_grow(memory, way):
    arrays, array_bytes, resident = memory[1][int(way == "calls of fit")].T
    # The second has all that the first one needs.
    assert set(arrays[1:]) == {arrays[1]}
    assert set(array_bytes[1:]) == {array_bytes[1]}
    # The median of ten stretches: the allocator takes another buffer at times, once.
    many = len(arrays)
    stretches = resident[many // 2 :].reshape(10, -1)
    growth = (stretches[:, -1] - stretches[:, 0]) / (stretches.shape[1] - 1)
    line = np.polyfit(np.arange(many // 2), resident[many // 2 :], 1)[0]
    print(f"{many} {way}: {np.median(growth):.0f} bytes each, by a line {line:.0f}")
    assert np.median(growth) < BYTES_AN_EPOCH[many]


def test_all_epochs_and_calls_run_what_was_compiled_for_the_first(memory):
    assert sorted(set(memory[0]) & {"loop", "evaluate"}) == ["evaluate", "loop"]
    assert Counter(memory[0]).most_common(1)[0][1] == 1


def test_a_fit_leaves_its_state_on_the_device_and_nothing_else():
    """Neither the data nor their order nor the sums."""
    x, y = examples(100)

    def trained():
        model = jn.Sequential([jn.Dense(CLASSES, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
        model.evaluate(x, y, verbose=0)
        return model

    trained()  # Programs hold constants, and stay.
    gc.collect()
    before = len(jax.live_arrays())
    model = trained()
    assert len(jax.live_arrays()) - before == len(jax.tree.leaves(model.state))


# Fused training is training step by step

FEATURES, CLASSES = 16, 4

TOLERANCE = 1e-5
"""Of losses and weights. Sums taken in another order, such as of the pieces of a step,
differ by less than a thirtieth of it (3e-7 were measured)."""


def examples(rows):
    generator = np.random.default_rng(7)
    x = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    y = x @ generator.normal(size=(FEATURES, CLASSES))
    return x, np.argmax(y + generator.normal(size=y.shape), 1).astype(np.int32)


class Case(NamedTuple):
    """A way to train: rows and batch, and what is learned how."""

    rows: int
    batch_size: int
    weighted: bool = False
    reduction: str = "sum_over_batch_size"
    penalty: float = 0.0
    optimizer: str = "adam"
    epochs: int = 3


SIZES = {
    "whole batches": (320, 32),
    "a ragged batch": (250, 100),
    # A step of so many rows may be computed in several pieces, and the last one has
    # fewer rows than a piece.
    "a batch in pieces": (7001, 6000),
}
KINDS = {
    "plain": {},
    "momentum": {"optimizer": "sgd"},
    "weighted": {"weighted": True},
    "sum": {"reduction": "sum", "weighted": True},
    # Divided by the weights of all the batch, not by those of a piece.
    "mean by weight": {"reduction": "mean_with_sample_weight", "weighted": True},
    # Once a step, not once a piece.
    "L2": {"penalty": 1e-2},
}
CASES = {
    f"{size}, {kind}": Case(*SIZES[size], **KINDS[kind])
    for size in SIZES
    for kind in KINDS
    if size != "whole batches" or kind in ("plain", "weighted")
}


OPTIMIZERS = {
    "adam": lambda rate: (jn.optimizers.Adam(0.01), oracles.adam(0.01)),
    "sgd": lambda rate: (jn.optimizers.SGD(rate, 0.9), oracles.sgd(rate, 0.9)),
}
DIVISORS = {
    "sum_over_batch_size": len,
    "sum": lambda weight: 1.0,
    "mean_with_sample_weight": np.sum,
}


def model_for(case, optimizer):
    regularizer = L2(case.penalty) if case.penalty else None
    model = jn.Sequential(
        [
            jn.Dense(12, "relu", kernel_regularizer=regularizer),
            jn.Dense(CLASSES, "softmax", kernel_regularizer=regularizer),
        ]
    )
    model.compile(
        optimizer,
        jn.losses.SparseCategoricalCrossentropy(reduction=case.reduction),
        ["accuracy"],
        weighted_metrics=["accuracy"],
    )
    model.build((None, FEATURES))
    return model


def gradients_and_logs(params, x, y, weight, case):
    """Of one batch, whole, with the rows that there are; and what each log counts."""
    share = weight / DIVISORS[case.reduction](weight)
    kernels = [parts["kernel"] for parts in params.values()]
    logits = oracles.mlp(params, x)[0]
    right = np.argmax(logits, 1) == y
    logs = {
        "accuracy": np.mean(right),
        "loss": np.sum(oracles.crossentropy(y, logits) * share)
        + case.penalty * sum(np.sum(kernel**2) for kernel in kernels),
        "weighted_accuracy": np.average(right, weights=weight),
    }
    counts = {"accuracy": len(x), "loss": len(x), "weighted_accuracy": np.sum(weight)}
    gradients = oracles.mlp_gradients(params, x, y, share * len(x))
    for name, parts in params.items():
        gradients[name]["kernel"] += 2.0 * case.penalty * parts["kernel"]
    return gradients, logs, counts


def step_by_step(params, update, x, y, weight, case, seed):
    """Train in float64 NumPy; return the parameters, the logs and the steps taken.

    The last batch has the rows that are left and no padding.
    """
    params, x, weight = oracles.float64((params, x, weight))
    slots = {name: {part: {} for part in parts} for name, parts in params.items()}
    history, step = [], 0
    for epoch in range(case.epochs):
        places = epoch_order.order((seed,), epoch, case.rows, case.batch_size).reshape(
            -1
        )
        sums, totals = Counter(), Counter()
        for first in range(0, case.rows, case.batch_size):
            rows = places[first : min(case.rows, first + case.batch_size)]
            gradients, logs, counts = gradients_and_logs(
                params, x[rows], y[rows], weight[rows], case
            )
            step += 1
            for name, parts in params.items():
                for part in parts:
                    parts[part] += update(
                        gradients[name][part], slots[name][part], step
                    )
            for name, value in logs.items():
                sums[name] += value * counts[name]
                totals[name] += counts[name]
        history.append({name: sums[name] / totals[name] for name in sums})
    return params, history, step


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.one_in(3)
def test_fit_learns_what_the_steps_learn(case):
    x, y = examples(case.rows)
    weight = np.ones(case.rows, np.float32)
    if case.weighted:
        weight = np.random.default_rng(3).uniform(0, 2, case.rows).astype(np.float32)
    rate = 0.1 if case.reduction != "sum" else 0.1 / case.batch_size
    optimizer, update = OPTIMIZERS[case.optimizer](rate)
    model = model_for(case, optimizer)
    params, logs, steps = step_by_step(model.params, update, x, y, weight, case, 11)
    history = model.fit(
        x,
        y,
        case.batch_size,
        case.epochs,
        verbose=0,
        sample_weight=weight if case.weighted else None,
        seed=11,
    ).history
    assert sorted(history) == sorted(logs[0])
    for name, values in history.items():
        assert_close(values, [log[name] for log in logs], TOLERANCE)
    assert_trees_close(model.params, params, TOLERANCE)
    assert int(model.state.step) == steps
    # And something was learned, else all would agree.
    assert history["loss"][-1] < history["loss"][0]
