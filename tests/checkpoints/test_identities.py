"""What a run is: functions, classes and transformations of anybody's, told apart."""

import dataclasses
import functools
import hashlib
import json
import runpy
import threading
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from interpreter import run
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini import losses, regularizers
from jaxnet_mini.checkpoints import identity as identities
from jaxnet_mini.checkpoints.descriptions import CODE, MOST_VALUES, OF, Description
from jaxnet_mini.checkpoints.kept_run import ABOUT
from jaxnet_mini.errors import FileError
from jaxnet_mini.files import safetensors
from jaxnet_mini.layers import Activation, Dense

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = X[:, :2] - X[:, 2:]
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}
TABLE = {"factor": 2.0}


def of_code(source, name="own"):
    """Return what a user's script defines."""
    space = {"__name__": "script", "jn": jn, "dataclasses": dataclasses}
    exec(source, space)
    return space[name]


def scaled(x, factor=1.0, *, shift=0.0):
    return factor * x + shift


def with_default(factor):
    return lambda x, factor=factor: x * factor


def with_keyword(factor):
    return lambda x, *, factor=factor: x * factor


def error(power):
    return lambda y_true, y_pred: jnp.mean(jnp.abs(y_true - y_pred) ** power, -1)


class Scale:
    """An object of a user's; what no method reads may change."""

    def __init__(self, factor, log=None):
        self.factor, self.log = factor, log

    def _own(self, x):
        return x * self.factor

    def call(self, x):
        return self._own(x)

    __call__ = call


class Pinball(losses.Loss):
    """A loss written as a plain class, whose base is a frozen dataclass."""

    def __init__(self, q):
        super().__init__()
        object.__setattr__(self, "q", q)

    def per_example(self, y_true, y_pred):
        return jnp.mean(jnp.abs(y_true - y_pred) * self.q, -1)


@dataclasses.dataclass(frozen=True)
class Applied(jn.layers.Base):
    """A layer that hands a batch to a function as it is."""

    function: Callable[[jax.Array], jax.Array]

    def init(self, key, input_shape):
        like = jax.ShapeDtypeStruct((1, *input_shape), np.float32)
        try:
            return jax.eval_shape(self.function, like).shape[1:], {}
        except TypeError:
            return (4,), {}

    def forward(self, params, x):
        return self.function(x)


DEF = "def own(x):\n    return x * {}\n"
CLASS = (
    "@dataclasses.dataclass(frozen=True, repr=False)\n"
    "class own(jn.layers.Base):\n"
    "    def forward(self, params, x):\n        return x * {}\n"
)

ACTIVATIONS = {
    "a def of one name": (of_code(DEF.format(2.0)), of_code(DEF.format(3.0))),
    "a lambda": (lambda x: x * 2.0, lambda x: x * 3.0),
    "a default": (with_default(1.0), with_default(2.0)),
    "a keyword": (with_keyword(1.0), with_keyword(2.0)),
    "a partial": (
        functools.partial(scaled, factor=1.0),
        functools.partial(scaled, factor=2.0),
    ),
    "a method": (Scale(1.0, print).call, Scale(2.0, print).call),
    "an object": (Scale(1.0), Scale(2.0)),
    "a jitted lambda": (jax.jit(lambda x: x * 2.0), jax.jit(lambda x: x * 3.0)),
    "an array": (
        (lambda table: lambda x: x * table)(np.ones((1, 2), np.float32)),
        (lambda table: lambda x: x * table)(np.zeros((1, 2), np.float32)),
    ),
    "a function of JAX": (jnp.sin, jnp.cos),
}
WORDS = {
    "a def of one name": ".activation has other code",
    "a lambda": ".activation has other code",
    "a default": ".activation.defaults was [1.0] and is [2.0]",
    "a keyword": ".activation.kwdefaults.factor was 1.0 and is 2.0",
    "a partial": ".activation.partial.keywords.dict.factor was 1.0 and is 2.0",
    "a method": ".activation.self.held.factor was 1.0 and is 2.0",
    "an object": ".activation.held.factor was 1.0 and is 2.0",
    "a jitted lambda": ".activation has other code",
    "an array": ".activation.closure.table holds other values",
    "a function of JAX": ".activation.function was 'sin' and is 'cos'",
}


def model_of(optimizer=None, loss=None, regularizer=None, layer=None, **changed):
    own = {name: before for name, (before, _) in ACTIVATIONS.items()} | changed
    if regularizer is None:
        regularizer = regularizers.L1(10.0)
    layers = [
        Dense(2, lambda x: x * 1.5, kernel_regularizer=regularizer),
        *(Activation(own[name]) for name in ACTIVATIONS),
        layer or of_code(CLASS.format(1.0))(name="own"),
        Dense(2, lambda x: x * TABLE["factor"], name="reads"),
    ]
    model = jn.Sequential(layers, seed=1)
    model.compile(optimizer or optax.sgd(0.01), loss or error(2.0))
    return model


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    model_of().fit(X, Y, checkpoint=folder, **FIT | {"epochs": 1})
    return folder


def refused(kept, model, *words):
    before = {file: file.read_bytes() for file in kept.iterdir()}
    with raises_text(FileError, "another one, and nothing was changed: ", *words):
        model.fit(X, Y, checkpoint=kept, **FIT)
    assert {file: file.read_bytes() for file in kept.iterdir()} == before


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", ACTIVATIONS)
def test_another_function_is_refused_by_name(kept, case):
    refused(kept, model_of(**{case: ACTIVATIONS[case][1]}), WORDS[case])


OTHERS = {
    "optax": ({"optimizer": optax.sgd(0.2)}, "step_size was -0.01 and is -0.2"),
    "a closure": (
        {"loss": error(1.0)},
        "loss.config.function.closure.power was 2.0 and is 1.0",
    ),
    "a loss": (
        {"loss": lambda y_true, y_pred: jnp.mean(y_true - y_pred, -1)},
        "loss.config.function has other code",
    ),
    "a regularizer": (
        {"regularizer": regularizers.L2(0.0)},
        "layers.dense.config.kernel_regularizer.class was 'regularizers.L1' and is "
        "'regularizers.L2'",
    ),
    "a layer": (
        {"layer": of_code(CLASS.format(9.0))(name="own")},
        "layers.own.members.forward has other code",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_part_is_refused_by_name(kept, case):
    changes, words = OTHERS[case]
    refused(kept, model_of(**changes), words)


def test_what_a_function_reads_elsewhere_is_seen_in_what_it_computes(kept, monkeypatch):
    monkeypatch.setitem(TABLE, "factor", 5.0)
    refused(kept, model_of(), "layers.reads computes something else than it did")


def test_the_same_written_anew_goes_on_without_a_word(kept, monkeypatch):
    changes = {
        "a def of one name": of_code("\n\n# moved\n" + DEF.format(2.0)),
        "a method": Scale(1.0, log=len).call,
        "an array": (lambda table: lambda x: x * table)(np.ones((1, 2), np.float32)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = model_of(**changes)
        model.fit(X, Y, checkpoint=kept, **FIT | {"epochs": 1})
    assert model.history.epoch == [0]


def described(value):
    return json.loads(json.dumps(Description(value, "value").json))


def test_users_classes_are_told_apart_by_all_that_they_hold():
    used = Pinball(0.1)
    hash(used)  # what is kept for speed is no part of it
    assert described(used) == described(Pinball(0.1))
    assert described(Pinball(0.1)) != described(Pinball(0.9))
    assert described(Pinball(0.1))["held"] == {"q": 0.1}


def test_circles_and_endless_things_are_described():
    def own(x):
        return own, held

    held = [own]
    held.append(held)
    description = Description(own, "loss")
    assert not description.opaque
    assert described(own) == description.json
    chain = many = ()
    for _ in range(10_000):
        chain = (chain,)
    many = tuple((number,) for number in range(MOST_VALUES))
    for value in (chain, many, threading.Lock()):
        assert Description(value, "loss").opaque
    words = [np.array(["".join(["wo", "rd"]), 1], object) for _ in range(2)]
    assert described(words[0]) == described(words[1])
    first, again, other = (described(jax.random.key(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_no_private_path_of_this_library_is_kept(kept):
    """Moving a module would otherwise refuse all runs that were kept before."""
    (file,) = kept.glob("*.safetensors")
    about = safetensors.read(file).arrays[ABOUT].tobytes().decode()
    assert "jaxnet_mini." not in about
    assert __name__ not in about


def test_what_cannot_be_looked_into_is_said_when_the_run_is_kept(tmp_path):
    """Traced alone, the second layer would get floats."""
    lock, table = threading.Lock(), np.eye(4, dtype=np.float32)
    layers = [
        Applied(lambda x: jnp.argmax(x, -1)),
        Applied(lambda x: jnp.asarray(table)[x if lock else x + 1]),
        Dense(2),
    ]
    model = jn.Sequential(layers)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="can tell later") as seen:
        model.fit(X, Y, checkpoint=tmp_path, **FIT)
    assert "whether layers.applied_1.function.lock is" in str(seen[0].message)


SCRIPT = """
import functools
import sys
import jax.numpy as jnp
import numpy as np
import optax
import jaxnet_mini as jn

factor, kinds = 2.0, {"a", "b", "c", "d"}

class Scale:
    def __init__(self):
        self.kinds = {"factor", "and", "others"}
    def __call__(self, x):
        return x * len(self.kinds) if "e" not in {"f", "g", "h"} else x

def around(factor):
    return lambda y, z: factor * jnp.mean((y - z) ** 2, -1) * len(kinds)

layers = [
    jn.Dense(3, functools.partial(jnp.multiply, 2.0)),
    jn.Activation(Scale()),
    jn.Activation(lambda x: jnp.where(x > 0, x, 0.1 * x)),
    jn.Dense(1),
]
model = jn.Sequential(layers)
model.compile(optax.sgd(0.01, momentum=0.9), around(factor), [around(1.0)])
x = np.arange(12, dtype=np.float32).reshape(6, 2)
model.fit(x, x[:, :1], epochs=EPOCHS, checkpoint=FOLDER, verbose=2)
"""


def test_the_same_script_in_another_process_goes_on(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    folder = str(tmp_path / "run")
    runpy.run_path(str(script), {"FOLDER": folder, "EPOCHS": 1}, "__main__")
    assert "Going on" not in capsys.readouterr().out
    values = f"FOLDER, EPOCHS = {folder!r}, 2\n"
    script.write_text(values + SCRIPT)
    said = run("-W", "error", str(script), PYTHONHASHSEED="7")
    assert said.startswith(f"Going on with the run in {folder!r}: 1 of 2 epochs")


# Kept by other versions


def own_loss(y_true, y_pred):
    return jnp.mean((y_true - y_pred) ** 2, -1)


def older_model():
    model = jn.Sequential([Dense(3, lambda x: x), Dense(2, "tanh")])
    model.compile(optax.sgd(0.1), own_loss, ["mae"])
    return model


OLDER = {
    "layers": {
        "dense": "jaxnet_mini.layers.core.Dense",
        "dense_1": {
            "class": "layers.Dense",
            "config": {
                "input_shape": None,
                "name": None,
                "units": 2,
                "activation": "tanh",
                "use_bias": True,
                "kernel_initializer": "glorot_uniform",
                "bias_initializer": "zeros",
                "kernel_regularizer": None,
                "bias_regularizer": None,
            },
        },
    },
    "optimizer": "optax._src.base.GradientTransformationExtraArgs",
    "loss": {
        "class": "losses.FunctionLoss",
        "config": {
            "reduction": "sum_over_batch_size",
            "name": None,
            "function": {"function": "own_loss"},
        },
    },
    "metrics": {
        "mae": {"class": "metrics.MeanAbsoluteError", "config": {"name": "mae"}}
    },
}
"""What the first versions kept: a class path where something had no name."""


def rewritten(folder, change):
    """Change what is kept of what the run is."""
    (file,) = folder.glob("*.safetensors")
    arrays = safetensors.read(file).arrays
    about = json.loads(arrays[ABOUT].tobytes())
    change(about["identity"])
    arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    contents = safetensors.encoded(arrays, {"format": "run"})
    file.unlink()
    name = f"{file.name[:15]}.{hashlib.sha256(contents).hexdigest()}.safetensors"
    (folder / name).write_bytes(contents)


def older(identity):
    identity.pop(identities.PROGRAMS)
    identity.update(OLDER)


def another_python(identity):
    function = identity["loss"]["config"]["function"]
    function |= {OF: "cpython-39", CODE: "0123"}
    identity[identities.PROGRAMS] |= {OF: "jax 0.1", "loss": "0123"}


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        (older, "layers.dense; optimizer; loss.config.function is still"),
        (another_python, "whether loss.config.function is still"),
    ],
)
def test_runs_that_other_versions_kept_go_on_and_it_is_said(tmp_path, change, unknown):
    older_model().fit(X, Y, checkpoint=tmp_path, **FIT | {"epochs": 1})
    rewritten(tmp_path, change)
    with raises_text(FileError, "layers.dense"):
        model = jn.Sequential([Dense(2, "tanh", name="dense_1")])
        model.compile(optax.sgd(0.1), own_loss, ["mae"])
        model.fit(X, Y, checkpoint=tmp_path, **FIT)
    model = older_model()
    with pytest.warns(UserWarning, match="nobody can tell whether") as seen:
        model.fit(X, Y, checkpoint=tmp_path, **FIT)
    assert unknown in str(seen[0].message)
    assert model.history.epoch == [0, 1]


def wired(order="ab", *, training=None, swap=False):
    """A graph of layers of one shape, which could take each other's places."""
    made = x = jn.Input((4,), name="x")
    for name in order:
        made = Dense(4, name=name)(made)
    made = jn.layers.Dropout(0.5, name="drop")(made, training=training)
    both = [x, made] if swap else [made, x]
    return jn.Model(x, jn.layers.Subtract(name="less")(both))


def in_a_row(order):
    parts = [Dense(4, name=name) for name in order]
    return jn.Sequential([jn.Input((4,)), *parts])


@pytest.mark.parametrize(
    ("first", "other", "words"),
    [
        (wired(), wired("ba"), "calls.a.takes was 'x' and is 'b'"),
        (wired(), wired(training=True), "calls.drop.training was None and is True"),
        (wired(), wired(swap=True), "takes was ['drop', 'x'] and is ['x', 'drop']"),
        (in_a_row("ab"), in_a_row("ba"), "calls.a.takes was '' and is 'b'"),
    ],
)
def test_what_layers_take_is_part_of_a_run(first, other, words, tmp_path):
    for model in (first, other):
        model.compile("sgd", "mse")
    first.fit(X, X, **FIT, checkpoint=tmp_path)
    with raises_text(FileError, words):
        other.fit(X, X, **FIT, checkpoint=tmp_path)


def test_a_run_without_what_layers_take_goes_on_and_says_so():
    here = {"layers": {}, "calls": {"a": {"takes": "x"}}, "outputs": "a"}
    assert identities.check({"layers": {}}, here, "there") == ["calls", "outputs"]
    assert identities.check(here, here, "there") == []
