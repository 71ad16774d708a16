"""Bad input: one row each, with what the message says and a fix where it advises one.

Each row meets the library as its users do, without the checks of annotations, and shows
that nothing was compiled and that the model is the same to the bit.
"""

import copy
import dataclasses
import datetime
import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import numpy.lib.recfunctions as recfunctions
import optax
import pytest
import scipy.sparse
from jax.sharding import PartitionSpec
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    random,
)
from jaxnet_mini.callbacks import (
    BackupAndRestore,
    Callback,
    EarlyStopping,
    LambdaCallback,
)
from jaxnet_mini.data import casting
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    FileError,
    JaxnetError,
    LayerError,
    ShapeError,
    StateError,
    UnknownNameError,
)
from jaxnet_mini.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Input,
    LayerNormalization,
    Normalization,
    Rescaling,
)
from jaxnet_mini.models import held

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS = 48
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, 4)).astype(np.float32)
IMAGES = GENERATOR.integers(0, 256, (ROWS, 2, 2)).astype(np.uint8)
Y = (np.arange(ROWS) % 3).astype(np.int64)
ONE_HOT = np.eye(3, dtype=np.float32)[Y]
VALUES = X.sum(1)
YES_NO = (VALUES > 0).astype(np.int64)
WEIGHT = np.linspace(0.5, 1.5, ROWS)
NAN, INFINITY = np.nan, np.inf
MOMENTUM = optimizers.SGD(0.01, momentum=0.9)

COMPILED: list[str] = []


def _listen(event: str, duration: float, **details: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(event)


jax.monitoring.register_event_duration_secs_listener(_listen)


def changed(array, index, value):
    """A copy with another value in one place."""
    copy = np.array(array)
    copy[index] = value
    return copy


def squares(y_true, y_pred):
    return jnp.square(y_true - y_pred)


def mean_of_all(y_true, y_pred):
    return jnp.mean(jnp.square(jnp.asarray(y_pred)))


def zero(y_true, y_pred):
    return 0.0


# Models

# Ones compile in no time; random numbers take most of a second.
dense = functools.partial(Dense, kernel_initializer="ones")


def stack(*layers, loss="sparse_categorical_crossentropy", optimizer="sgd", **compiled):
    model = jn.Sequential(layers)
    if loss is not None:
        model.compile(optimizer, loss, **compiled)
    return model


def anew(model):
    """The same layers, to stand in another model."""
    return copy.deepcopy(model.layers)


def trained():
    model = fresh()
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def fresh():
    return stack(
        dense(5, "relu"), dense(3, "softmax"), metrics=["accuracy"], optimizer=MOMENTUM
    )


MODELS: dict[str, Callable[[], jn.Sequential]] = {
    # Three classes: with weights and steps behind it, and before any data.
    "trained": trained,
    "fresh": fresh,
    "one hot": lambda: stack(dense(3, "softmax"), loss="categorical_crossentropy"),
    "binary": lambda: stack(dense(1, "sigmoid"), loss="binary_crossentropy"),
    "value": lambda: stack(dense(1), loss="mse"),
    "own": lambda: stack(dense(1), loss=squares),
    "own scalars": lambda: stack(dense(2), Flatten(), loss=squares),
    "image": lambda: stack(dense(3, "softmax")),
    "scalar loss": lambda: stack(dense(1), loss=mean_of_all),
    "number loss": lambda: stack(dense(1), loss=zero),
    "scalar metric": lambda: stack(dense(1), loss="mse", metrics=[mean_of_all]),
    "number metric": lambda: stack(dense(1), loss="mse", metrics=[zero]),
    "not compiled": lambda: stack(dense(3, input_shape=(4,)), loss=None),
    "no shape": lambda: stack(dense(3), loss=None),
    "no layers": lambda: stack(loss="mse"),
    "shaped": lambda: stack(dense(3, "softmax", input_shape=(4,))),
    "normalized": lambda: stack(Normalization(input_shape=(4,)), dense(1), loss="mse"),
}


@functools.cache
def shared_model(kind):
    """One model for all rows of a kind: each row shows that it leaves it as it is."""
    return MODELS[kind]()


def everything(model):
    """All that a model holds: the objects, and the bits of its arrays."""
    holding = vars(held.of(model))
    leaves = [
        np.asarray(
            jax.random.key_data(leaf)
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else leaf
        )
        for leaf in jax.tree.leaves(holding["_state"])
    ]
    objects = {name: id(value) for name, value in (vars(model) | holding).items()}
    objects.pop("looked_at")  # whose warning was given, before what failed
    return objects, model.built, [(leaf.dtype, leaf.tobytes()) for leaf in leaves]


@dataclasses.dataclass
class Row:
    name: str
    model: str
    call: Callable[[Any], Any]
    error: type[JaxnetError]
    words: tuple[str, ...]
    fix: Callable[[Any], Any] | None = None


TABLE: list[Row] = []


def row(name, model, call, error, *words, fix=None):
    TABLE.append(Row(name, model, call, error, words, fix))


def both(name, call, error, *words, fix=None):
    """A row for a model in training and one for a model before any data."""
    row(name, "trained", call, error, *words, fix=fix)
    row(f"{name}, fresh", "fresh", call, error, *words)


# Shapes of inputs

row(
    "wrong features, fit",
    "trained",
    lambda m: m.fit(X[:, :3], Y),
    ShapeError,
    "layer 'dense'",
    "(4,)",
    "x has rows of shape (3,)",
    "give it rows of (4,), or build the model with another input_shape",
    fix=lambda m: [
        m.fit(X, Y, verbose=0),
        stack(dense(3, "softmax", input_shape=(3,))).fit(X[:, :3], Y, verbose=0),
    ],
)
row(
    "wrong features, evaluate",
    "trained",
    lambda m: m.evaluate(np.zeros((9, 7)), Y[:9]),
    ShapeError,
    "layer 'dense' takes inputs of shape (4,)",
    "(7,)",
)
row(
    "wrong features, predict",
    "trained",
    lambda m: m.predict(X[:, :2]),
    ShapeError,
    "layer 'dense' takes inputs of shape (4,) and x has rows of shape (2,)",
)
row(
    "wrong features, train_on_batch",
    "trained",
    lambda m: m.train_on_batch(X[:, :2], Y),
    ShapeError,
    "layer 'dense'",
    "(4,)",
    "(2,)",
)
row(
    "wrong features, called",
    "trained",
    lambda m: m(X[:, :2]),
    ShapeError,
    "layer 'dense'",
    "(4,)",
    "(2,)",
)
row(
    "wrong rank, images",
    "trained",
    lambda m: m.fit(IMAGES, Y),
    ShapeError,
    "(4,)",
    "(2, 2)",
    "write x.reshape(-1, 4)",
    fix=lambda m: m.fit(IMAGES.reshape(-1, 4) / 255, Y, verbose=0),
)
for name, one, own in (
    ("array", X[0], "x"),
    ("list", X[0].tolist(), "np.array(x)"),
):
    for method, call, fix in (
        ("predict", lambda m, x: m.predict(x), lambda m, x: m.predict(x)),
        ("called", lambda m, x: m(x), lambda m, x: m(x)),
        ("fit", lambda m, x: m.fit(x, Y), lambda m, x: m.fit(x, Y[:1], verbose=0)),
        (
            "evaluate",
            lambda m, x: m.evaluate(x, Y),
            lambda m, x: m.evaluate(x, Y[:1], verbose=0),
        ),
        (
            "train_on_batch",
            lambda m, x: m.train_on_batch(x, Y),
            lambda m, x: m.train_on_batch(x, Y[:1]),
        ),
        (
            "predict_on_batch",
            lambda m, x: m.predict_on_batch(x),
            lambda m, x: m.predict_on_batch(x),
        ),
    )[: None if name == "array" else 2]:
        row(
            f"one example, {name}, {method}",
            "trained",
            lambda m, call=call, one=one: call(m, one),
            ShapeError,
            "takes inputs of shape (4,) and x has rows of shape ()",
            f"it looks like one example, so write {own}[None].",
            fix=lambda m, fix=fix, one=one: fix(m, np.array(one)[None]),
        )
row(
    "several inputs",
    "trained",
    lambda m: m.fit([X, X], Y),
    ShapeError,
    "x has rows of shape (48, 4)",
    "join the arrays with np.concatenate(x, axis=-1).",
    fix=lambda m: fresh().fit(np.concatenate([X, X], axis=-1), Y, verbose=0),
)
row(
    "several inputs of several widths",
    "fresh",
    lambda m: m.fit([X, X[:, :2]], Y),
    DataError,
    "x is no rectangular array",
    "join the arrays with np.concatenate(x, axis=-1).",
    fix=lambda m: m.fit(np.concatenate([X, X[:, :2]], axis=-1), Y, verbose=0),
)
row(
    "no axis of features",
    "fresh",
    lambda m: m.fit(X[:, 0], Y),
    ShapeError,
    "layer 'dense'",
    "at least one axis of features",
    "reshape x to (rows, 1)",
    fix=lambda m: m.fit(X[:, 0].reshape(-1, 1), Y, verbose=0),
)
row(
    "images without Flatten",
    "image",
    lambda m: m.fit(IMAGES, Y),
    ShapeError,
    "y has shape (48,)",
    "(48, 2, 3)",
    "add Flatten() before Dense",
    fix=lambda m: stack(Flatten(), *anew(m)).fit(IMAGES, Y, verbose=0),
)
row(
    "declared shape",
    "shaped",
    lambda m: m.fit(X[:, :3], Y),
    ShapeError,
    "(4,)",
    "(3,)",
    "another input_shape",
)

# Rows

for argument, call, words in (
    (
        "y short",
        lambda m: m.fit(X, Y[:-1]),
        ("y has 47 rows and x has 48", "each row"),
    ),
    ("x short", lambda m: m.fit(X[:-1], Y), ("y has 48 rows and x has 47",)),
    ("empty list", lambda m: m.fit([], []), ("x is empty", "(0,)", "at least one row")),
    ("no rows of x", lambda m: m.fit(X[:0], Y[:0]), ("x is empty (shape (0, 4))",)),
    ("no rows of y", lambda m: m.fit(X, Y[:0]), ("y is empty (shape (0,))",)),
    ("no features", lambda m: m.fit(X[:, :0], Y), ("x is empty (shape (48, 0))",)),
    ("x None", lambda m: m.fit(), ("x is None", "an array with one row per example")),
    ("y None", lambda m: m.fit(X), ("y is None", "an array with one row per example")),
    ("x a number", lambda m: m.fit(np.float32(3), Y), ("x is a single number",)),
    ("y a number", lambda m: m.fit(X, 1), ("y is a single number", "row per example")),
):
    both(argument, call, DataError, *words)
row(
    "predict None",
    "trained",
    lambda m: m.predict(None),
    DataError,
    "x is None",
    "one row per example",
)
row(
    "predict no rows",
    "trained",
    lambda m: m.predict(X[:0]),
    DataError,
    "x is empty (shape (0, 4))",
)
row(
    "predict_on_batch a number",
    "trained",
    lambda m: m.predict_on_batch(3.0),
    DataError,
    "x is a single number",
)
row(
    "evaluate without y",
    "trained",
    lambda m: m.evaluate(X),
    DataError,
    "y is None",
)
row(
    "test_on_batch short y",
    "trained",
    lambda m: m.test_on_batch(X, Y[:3]),
    DataError,
    "y has 3 rows and x has 48",
)
row(
    "train_on_batch without y",
    "trained",
    lambda m: m.train_on_batch(X),
    DataError,
    "y is None",
)

# Labels

both(
    "label too large",
    lambda m: m.fit(X, changed(Y, 17, 3)),
    DataError,
    "y holds the class 3 at row 17",
    "3 outputs, for classes 0 to 2",
    "at least 4 units",
    fix=lambda m: stack(dense(4, "softmax")).fit(X, changed(Y, 17, 3), verbose=0),
)
both(
    "label below 0",
    lambda m: m.fit(X, Y - 1),
    DataError,
    "y holds the class -1 at row 0",
    "number the classes from 0",
    fix=lambda m: m.fit(X, (Y - 1) + 1, verbose=0),
)
row(
    "labels from 1",
    "trained",
    lambda m: m.evaluate(X, Y + 1),
    DataError,
    "the class 3 at row 2",
)
row(
    "label too large on a batch",
    "trained",
    lambda m: m.train_on_batch(X, changed(Y, 5, 9)),
    DataError,
    "the class 9 at row 5",
    "at least 10 units",
)
row(
    "label too large in a column",
    "trained",
    lambda m: m.fit(X, changed(Y, 5, 9).reshape(-1, 1)),
    DataError,
    "the class 9 at row 5",
)
row(
    "unsigned label wrapped from -1",
    "trained",
    lambda m: m.fit(X, changed(Y.astype(np.uint8), 5, 255)),
    DataError,
    "the class 255 at row 5",
)
both(
    "label between classes",
    lambda m: m.fit(X, changed(Y.astype(float), 7, 1.7)),
    DataError,
    "y holds 1.7 at row 7",
    "classes are integers",
    "'mean_squared_error'",
    fix=lambda m: stack(dense(1), loss="mean_squared_error").fit(
        X, changed(Y.astype(float), 7, 1.7).reshape(-1, 1), verbose=0
    ),
)
row(
    "label between classes, bfloat16",
    "trained",
    lambda m: m.fit(X, changed(Y.astype(ml_dtypes.bfloat16), 7, 1.5)),
    DataError,
    "y holds 1.5 at row 7",
    "classes are integers",
)
row(
    "label NaN",
    "trained",
    lambda m: m.fit(X, changed(Y.astype(float), 7, NAN)),
    DataError,
    "y holds nan at row 7",
    "use whole numbers",
)
row(
    "label infinite",
    "trained",
    lambda m: m.fit(X, changed(Y.astype(float), 7, INFINITY)),
    DataError,
    "y holds inf at row 7",
    "use whole numbers",
)
both(
    "one-hot for the sparse loss",
    lambda m: m.fit(X, ONE_HOT),
    ShapeError,
    "y has shape (48, 3)",
    "integer classes need shape (48,)",
    "loss='categorical_crossentropy'",
    fix=lambda m: stack(*anew(m), loss="categorical_crossentropy").fit(
        X, ONE_HOT, verbose=0
    ),
)
row(
    "integers for the one-hot loss",
    "one hot",
    lambda m: m.fit(X, Y),
    ShapeError,
    "y has shape (48,)",
    "(48, 3)",
    "loss='sparse_categorical_crossentropy'",
    fix=lambda m: stack(*anew(m), loss="sparse_categorical_crossentropy").fit(
        X, Y, verbose=0
    ),
)
row(
    "one-hot of another width",
    "one hot",
    lambda m: m.fit(X, np.eye(4)[Y]),
    ShapeError,
    "y has shape (48, 4)",
    "(48, 3)",
    "change the last layer's units",
    fix=lambda m: stack(dense(4, "softmax"), loss="categorical_crossentropy").fit(
        X, np.eye(4)[Y], verbose=0
    ),
)
row(
    "labels with two axes for the sparse loss",
    "trained",
    lambda m: m.fit(X, np.stack([Y, Y], axis=1)),
    ShapeError,
    "y has shape (48, 2)",
    "(48,)",
)
row(
    "probability above 1",
    "binary",
    lambda m: m.fit(X, changed(YES_NO.reshape(-1, 1), 4, 2)),
    DataError,
    "y holds 2 at row 4, position 0",
    "BinaryCrossentropy",
    "from 0 to 1",
)
row(
    "classes -1 and 1",
    "binary",
    lambda m: m.fit(X, YES_NO.reshape(-1, 1) * 2 - 1),
    DataError,
    "y holds -1",
    "use 0 and 1 for the two classes",
    fix=lambda m: m.fit(X, YES_NO.reshape(-1, 1), verbose=0),
)
row(
    "probability NaN",
    "one hot",
    lambda m: m.fit(X, changed(ONE_HOT, (4, 2), NAN)),
    DataError,
    "y holds nan at row 4, position 2",
)

# Shapes that would broadcast

row(
    "(N, 2) against (N, 1)",
    "value",
    lambda m: m.fit(X, X[:, :2]),
    ShapeError,
    "y has shape (48, 2)",
    "(48, 1)",
    "change the last layer's units",
)


# NaN, infinity and what does not fit 32 bits

for name, bad, words in (
    ("NaN", NAN, ("nan", "np.nan_to_num")),
    ("infinity", -INFINITY, ("-inf", "np.nan_to_num")),
):
    both(
        f"{name} in x",
        lambda m, bad=bad: m.fit(changed(X, (31, 2), bad), Y),
        DataError,
        "x holds",
        "row 31, position 2",
        *words,
        fix=lambda m, bad=bad: m.fit(
            np.clip(np.nan_to_num(changed(X, (31, 2), bad)), -9, 9), Y, verbose=0
        ),
    )
    row(
        f"{name} in x, predict",
        "trained",
        lambda m, bad=bad: m.predict(changed(X, (0, 0), bad)),
        DataError,
        "x holds",
        "row 0, position 0",
    )
    row(
        f"{name} in x, evaluate",
        "trained",
        lambda m, bad=bad: m.evaluate(changed(X, (47, 3), bad), Y),
        DataError,
        "x holds",
        "row 47, position 3",
    )
    row(
        f"{name} in x, train_on_batch",
        "fresh",
        lambda m, bad=bad: m.train_on_batch(changed(X, (47, 3), bad), Y),
        DataError,
        "x holds",
        "row 47, position 3",
    )
    row(
        f"{name} in y",
        "value",
        lambda m, bad=bad: m.fit(X, changed(VALUES, 31, bad).reshape(-1, 1)),
        DataError,
        "y holds",
        "row 31, position 0",
    )
    both(
        f"{name} in sample_weight",
        lambda m, bad=bad: m.fit(X, Y, sample_weight=changed(WEIGHT, 31, bad)),
        DataError,
        "sample_weight holds",
        "row 31",
    )
row(
    "NaN in the last row of a big array",
    "fresh",
    lambda m: m.fit(changed(np.zeros((100_000, 4), np.float32), (99_999, 1), NAN), BIG),
    DataError,
    "x holds nan at row 99999, position 1",
)
row(
    "NaN among values whose squares overflow",
    "fresh",
    lambda m: m.fit(changed(np.full((ROWS, 4), 1e30), (40, 1), NAN), Y),
    DataError,
    "x holds nan at row 40, position 1",
)
row(
    "NaN in images",
    "fresh",
    lambda m: m.fit(changed(IMAGES / 255, (3, 1, 0), NAN), np.stack([Y, Y], 1)),
    DataError,
    "x holds nan at row 3, position (1, 0)",
)
row(
    "NaN in float16",
    "fresh",
    lambda m: m.fit(changed(X.astype(np.float16), (3, 1), NAN), Y),
    DataError,
    "x holds nan at row 3, position 1",
)
both(
    "float64 beyond float32",
    lambda m: m.fit(changed(X.astype(np.float64), (3, 1), 1e300), Y),
    DataError,
    "x holds",
    "1e+300",
    "row 3, position 1",
    "does not fit float32",
    "rescale it",
    "jax_enable_x64",
)
both(
    "int64 beyond 32 bits",
    lambda m: m.fit(changed((X * 9).astype(np.int64), (3, 1), 2**40), Y),
    DataError,
    "1099511627776",
    "row 3, position 1",
    "does not fit int32",
)
row(
    "uint64 beyond 32 bits",
    "fresh",
    lambda m: m.fit(changed(np.ones((ROWS, 4), np.uint64), (3, 1), 2**32), Y),
    DataError,
    "4294967296",
    "does not fit uint32",
)
row(
    "sample_weight beyond float32",
    "trained",
    lambda m: m.fit(X, Y, sample_weight=changed(WEIGHT, 3, 1e39)),
    DataError,
    "sample_weight holds",
    "1e+39",
    "row 3",
    "does not fit float32",
)
BIG = np.zeros(100_000, np.int32)

# Dtypes

TEXT = X.astype("U")
row(
    "complex",
    "fresh",
    lambda m: m.fit(X + 1j, Y),
    DataError,
    "x has dtype complex",
    "x.real",
    fix=lambda m: m.fit((X + 1j).real, Y, verbose=0),
)
for name, array in (("object", X.astype(object)), ("strings", TEXT)):
    both(
        name,
        lambda m, array=array: m.fit(array, Y),
        DataError,
        "x has dtype",
        "real numbers are expected",
        "x.astype('float32')",
        fix=lambda m, array=array: m.fit(array.astype("float32"), Y, verbose=0),
    )
row(
    "strings as labels",
    "trained",
    lambda m: m.fit(X, np.array(["cat", "dog", "cow"])[Y]),
    DataError,
    "y has dtype <U3",
    "real numbers are expected",
    "np.unique(y, return_inverse=True)[1]",
    fix=lambda m: m.fit(
        X,
        np.unique(np.array(["cat", "dog", "cow"])[Y], return_inverse=True)[1],
        verbose=0,
    ),
)
DATES = np.array([[datetime.date(2020, 1, 1)]] * ROWS, "datetime64[D]")
row(
    "dates",
    "fresh",
    lambda m: m.fit(DATES, Y),
    DataError,
    "x has dtype datetime64[D]",
    "count days with (x - x.min()) / np.timedelta64(1, 'D')",
    fix=lambda m: m.fit((DATES - DATES.min()) / np.timedelta64(1, "D"), Y, verbose=0),
)
FIELDS = np.zeros(ROWS, [("a", float), ("b", float)])
row(
    "structured",
    "fresh",
    lambda m: m.fit(FIELDS, Y),
    DataError,
    "x has dtype",
    "np.lib.recfunctions.structured_to_unstructured(x)",
    fix=lambda m: m.fit(recfunctions.structured_to_unstructured(FIELDS), Y, verbose=0),
)
row(
    "a generator",
    "fresh",
    lambda m: m.fit((example for example in X), Y),
    ArgumentError,
    "y is given beside an x that gives batches (generator): let x give (x, y)",
)
row(
    "one pass for several epochs",
    "fresh",
    lambda m: m.fit(((X, Y) for _ in range(3)), epochs=3),
    ArgumentError,
    "x is a generator, which gives its batches once, and 3 epochs are asked for: give "
    "steps_per_epoch, the number of batches in each, or what begins again",
    fix=lambda m: m.fit(
        ((X, Y) for _ in range(3)), epochs=3, steps_per_epoch=1, verbose=0
    ),
)
row(
    "no batches",
    "fresh",
    lambda m: m.fit(iter(()), steps_per_epoch=2),
    DataError,
    "x gives no batch: an iterable of at least one (x, y) is expected.",
)
row(
    "batches that are none",
    "fresh",
    lambda m: m.fit((example for example in X), steps_per_epoch=2),
    ArgumentError,
    "a batch of x must be (x, y) or (x, y, sample_weight), not a ndarray",
)
row(
    "a share of batches",
    "fresh",
    lambda m: m.fit(iter([(X, Y)]), validation_split=0.5, steps_per_epoch=1),
    ArgumentError,
    "validation_split=0.5 needs arrays, and x gives batches: give validation_data",
)
row(
    "a mesh that is none",
    "fresh",
    lambda m: m.fit(X, Y, mesh=jax.devices()),
    ArgumentError,
    "mesh must be a jax.sharding.Mesh, not [",
    'jax.make_mesh((len(jax.devices()),), ("data",))',
)
row(
    "a sharding that is none",
    "fresh",
    lambda m: m.fit(X, Y, sharding={"kernel": "model"}),
    ArgumentError,
    "sharding maps names of weights to jax.sharding.PartitionSpec",
)
row(
    "a sharding over an axis that is not there",
    "fresh",
    lambda m: m.fit(X, Y, sharding={"kernel": PartitionSpec(None, "model")}),
    ArgumentError,
    "sharding splits 'kernel' over the axis 'model', and the mesh has none",
)
row(
    "a sharding of no weight",
    "fresh",
    lambda m: m.fit(
        X,
        Y,
        mesh=jax.make_mesh((1, 1), ("data", "model")),
        sharding={"kernal": PartitionSpec(None, "model")},
    ),
    ArgumentError,
    "sharding names 'kernal', and the path of no weight ends so",
    "dense/kernel",
    fix=lambda m: m.fit(
        X,
        Y,
        mesh=jax.make_mesh((1, 1), ("data", "model")),
        sharding={"kernel": PartitionSpec(None, "model")},
        verbose=0,
    ),
)
row(
    "a dictionary",
    "fresh",
    lambda m: m.fit({"x": X}, Y),
    DataError,
    "x is a dict of 1, and one array is expected: give x['x'].",
    fix=lambda m: m.fit({"x": X}["x"], Y, verbose=0),
)
COLUMNS = {"a": X[:, 0], "b": X[:, 1]}
row(
    "a dictionary of columns",
    "fresh",
    lambda m: m.fit(COLUMNS, Y),
    DataError,
    "x is a dict of 2",
    "join its columns with np.stack([*x.values()], axis=-1).",
    fix=lambda m: m.fit(np.stack([*COLUMNS.values()], axis=-1), Y, verbose=0),
)
row(
    "a dictionary of targets",
    "trained",
    lambda m: m.evaluate(X, {"top": Y}),
    DataError,
    "y is a dict of 1",
    "give y['top']",
    fix=lambda m: (m.fit(X, Y, verbose=0), m.evaluate(X, {"top": Y}["top"])),
)
row(
    "a set",
    "fresh",
    lambda m: m.fit(X, set(Y.tolist())),
    DataError,
    "y is a set, whose values have no order",
)
row(
    "a word",
    "fresh",
    lambda m: m.fit("x.npy", Y),
    DataError,
    "x is 'x.npy', and an array is expected",
    "np.load(x)",
)
SPARSE = scipy.sparse.csr_array(X)
for name, call in (
    ("fit", lambda m: m.fit(SPARSE, Y)),
    ("fit without y", lambda m: m.fit(SPARSE)),
    ("evaluate", lambda m: m.evaluate(SPARSE, Y)),
    ("predict", lambda m: m.predict(SPARSE)),
    ("sweep", lambda m: jn.sweep(m, {"seed": [0]}, SPARSE, Y)),
    ("called", lambda m: m(SPARSE)),
):
    row(
        f"a sparse matrix, {name}",
        "trained",
        call,
        DataError,
        "x is a sparse matrix of shape (48, 4)",
        "write x.toarray(), which takes 768 bytes.",
        fix=lambda m: m.fit(SPARSE.toarray(), Y, verbose=0),
    )
row(
    "sparse targets",
    "one hot",
    lambda m: m.fit(X, scipy.sparse.coo_matrix(ONE_HOT)),
    DataError,
    "y is a sparse matrix of shape (48, 3)",
    "write y.toarray()",
    fix=lambda m: m.fit(X, scipy.sparse.coo_matrix(ONE_HOT).toarray(), verbose=0),
)
MASKED = np.ma.masked_less(X, 0.0)
row(
    "masked",
    "fresh",
    lambda m: m.fit(MASKED, Y),
    DataError,
    "x is a masked array",
    "x.filled(value)",
    fix=lambda m: m.fit(MASKED.filled(0.0), Y, verbose=0),
)
row(
    "masked labels",
    "trained",
    lambda m: m.evaluate(X, np.ma.masked_equal(Y, 1)),
    DataError,
    "y is a masked array",
    "y.filled(value)",
)
row(
    "ragged",
    "fresh",
    lambda m: m.fit([[1.0, 2.0], [3.0]], [0, 1]),
    DataError,
    "x is no rectangular array",
    "all rows need one shape",
)
row(
    "ragged labels",
    "trained",
    lambda m: m.fit(X[:2], [[0, 1], [1]]),
    DataError,
    "y is no rectangular array",
)

# Names

UNKNOWN: list[tuple[str, Callable[[Any], Any], Any, str]] = [
    ("activation", lambda m: Dense(3, "rleu"), activations.ACTIVATIONS, "relu"),
    ("activation", lambda m: Activation("sofmax"), activations.ACTIVATIONS, "softmax"),
    (
        "initializer",
        lambda m: Dense(3, kernel_initializer="he_norml"),
        initializers.INITIALIZERS,
        "he_normal",
    ),
    (
        "initializer",
        lambda m: Dense(3, bias_initializer="Zeroes"),
        initializers.INITIALIZERS,
        "zeros",
    ),
    (
        "loss",
        lambda m: m.compile("adam", "sparse_categorical_crosentropy"),
        losses.LOSSES,
        "sparse_categorical_crossentropy",
    ),
    (
        "metric",
        lambda m: m.compile("adam", "mse", ["acuracy"]),
        metrics.METRICS,
        "accuracy",
    ),
    ("optimizer", lambda m: m.compile("Adm", "mse"), optimizers.OPTIMIZERS, "adam"),
    ("mode", lambda m: EarlyStopping(mode="maxx"), {"max", "min", "auto"}, "max"),
    (
        "hook",
        lambda m: LambdaCallback(on_epoch_ends=print),
        set(dir(Callback)),
        "on_epoch_end",
    ),
]
for kind, call, known, guess in UNKNOWN:
    assert guess in known
    row(
        f"unknown {kind}, {guess}",
        "trained",
        call,
        UnknownNameError,
        f"unknown {kind} '",
        f"did you mean {guess!r}?",
        "Known: ",
    )
row(
    "unknown optimizer, no guess",
    "trained",
    lambda m: m.compile("xyzzy", "mse"),
    UnknownNameError,
    "unknown optimizer 'xyzzy': Known: adadelta, adafactor, adagrad",
)
row("mode None", "trained", lambda m: EarlyStopping(mode=None), UnknownNameError, "min")

# Before its time

for name, call in (
    ("fit", lambda m: m.fit(X, Y)),
    ("evaluate", lambda m: m.evaluate(X, Y)),
    ("train_on_batch", lambda m: m.train_on_batch(X, Y)),
    ("test_on_batch", lambda m: m.test_on_batch(X, Y)),
    ("optimizer", lambda m: m.optimizer),
):
    for kind in ("not compiled", "no shape"):
        row(
            f"{name} before compile, {kind}",
            kind,
            call,
            StateError,
            "the model is not compiled",
            "call model.compile(optimizer, loss, metrics) first",
            fix=lambda m: (
                m.compile("adam", "sparse_categorical_crossentropy"),
                m.fit(X, Y, verbose=0),
            ),
        )
for name, call in (
    ("weights", lambda m: m.weights),
    ("get_weights", lambda m: m.get_weights()),
    ("set_weights", lambda m: m.set_weights([])),
    ("params", lambda m: m.params),
    ("count_params", lambda m: m.count_params()),
    ("input_shape", lambda m: m.input_shape),
    ("output_shape", lambda m: m.output_shape),
):
    row(
        f"{name} before the shape is known",
        "no shape",
        call,
        StateError,
        "the input shape is not known yet",
        "input_shape",
        "Input first",
        fix=lambda m, call=call: [
            stack(dense(3, input_shape=(4,)), loss=None).params,
            stack(Input((4,)), dense(3), loss=None).predict(X),
        ],
    )
row(
    "evaluate before the shape is known",
    "fresh",
    lambda m: m.evaluate(X, Y),
    StateError,
    "the input shape is not known yet",
    "call the model on data, model(x), or call fit",
    fix=lambda m: (m(X), m.evaluate(X, Y, verbose=0)),
)
for name, call in (
    ("fit", lambda m: m.fit(X, VALUES)),
    ("evaluate", lambda m: m.evaluate(X, VALUES)),
    ("predict", lambda m: m.predict(X)),
    ("train_on_batch", lambda m: m.train_on_batch(X, VALUES)),
    ("params", lambda m: m.params),
    ("count_params", lambda m: m.count_params()),
    ("called", lambda m: m(X)),
):
    row(
        f"{name} without layers",
        "no layers",
        call,
        StateError,
        "the model has no layers",
        "add one first",
        fix=lambda m: (m.add(dense(1)), m.fit(X, VALUES.reshape(-1, 1), verbose=0)),
    )
row(
    "pop without layers",
    "no layers",
    lambda m: m.pop(),
    ArgumentError,
    "there is no layer to pop",
)

# Validation

for bad in (-0.1, 1.0, 1.5, NAN, "0.2", None):
    both(
        f"validation_split {bad}",
        lambda m, bad=bad: m.fit(X, Y, validation_split=bad),
        ArgumentError,
        "validation_split must be",
        "[0, 1)",
        f"not {bad!r}",
    )
for bad, words in ((0.99, "leaves 0 for training"), (1e-17, "and 0 for validation")):
    row(
        f"validation_split {bad} leaves a side empty",
        "fresh",
        lambda m, bad=bad: m.fit(X, Y, validation_split=bad),
        ArgumentError,
        f"validation_split={bad!r} of 48 rows",
        words,
        "give more rows or another share",
        fix=lambda m: m.fit(X, Y, validation_split=0.5, verbose=0),
    )
for name, bad, came in (
    ("an array", X, "a ndarray"),
    ("x alone", (X,), "a tuple of 1"),
    ("four", (X, Y, WEIGHT, WEIGHT), "a tuple of 4"),
    ("a dictionary", {"x": X, "y": Y}, "a dict"),
    ("a name", "xy", "a str"),
):
    both(
        f"validation_data {name}",
        lambda m, bad=bad: m.fit(X, Y, validation_data=bad),
        ArgumentError,
        "validation_data must be (x, y) or (x, y, sample_weight)",
        f"not {came}",
        "into one tuple",
    )
for name, held_out, error, words in (
    ("shape", (X[:, :3], Y), ShapeError, ("(4,)", "validation x has rows of shape")),
    ("rows", (X, Y[:5]), DataError, ("validation y has 5 rows", "validation x has 48")),
    ("None", (X, None), DataError, ("validation y is None",)),
    ("empty", (X[:0], Y[:0]), DataError, ("validation x is empty",)),
    ("text", (TEXT, Y), DataError, ("validation x has dtype",)),
    ("label", (X, changed(Y, 9, 4)), DataError, ("validation y holds the class 4 at",)),
    ("one-hot", (X, ONE_HOT), ShapeError, ("validation y has shape (48, 3)",)),
    (
        "NaN",
        (changed(X, (9, 1), NAN), Y),
        DataError,
        ("validation x holds nan at row 9, position 1",),
    ),
    (
        "weight",
        (X, Y, WEIGHT[:5]),
        ShapeError,
        ("validation sample_weight has shape (5,)", "(48,)"),
    ),
    (
        "weight NaN",
        (X, Y, changed(WEIGHT, 9, NAN)),
        DataError,
        ("validation sample_weight holds nan at row 9",),
    ),
):
    both(
        f"validation_data with bad {name}",
        lambda m, held_out=held_out: m.fit(X, Y, validation_data=held_out),
        error,
        *words,
    )
both(
    "NaN in the rows split off",
    lambda m: m.fit(changed(X, (40, 2), NAN), Y, validation_split=0.5),
    DataError,
    "x holds nan at row 40, position 2",
)
row(
    "validation (N, 2) against (N, 1)",
    "value",
    lambda m: m.fit(X, VALUES, validation_data=(X, X[:, :2])),
    ShapeError,
    "validation y has shape (48, 2)",
    "(48, 1)",
)

# Counts

for argument in (
    "batch_size",
    "epochs",
    "steps_per_epoch",
    "validation_batch_size",
    "validation_freq",
):
    for bad in (0, -1, 1.5, True, "2"):
        row(
            f"{argument} {bad}",
            "fresh",
            lambda m, kept={argument: bad}: m.fit(X, Y, validation_split=0.5, **kept),
            ArgumentError,
            f"{argument} must be an integer of at least 1, not {bad!r}",
        )
for bad in (-1, 0.5, True):
    row(
        f"initial_epoch {bad}",
        "trained",
        lambda m, bad=bad: m.fit(X, Y, initial_epoch=bad),
        ArgumentError,
        f"initial_epoch must be an integer of at least 0, not {bad!r}",
    )
row(
    "validation_freq with 0 among others",
    "trained",
    lambda m: m.fit(X, Y, validation_split=0.5, validation_freq=[0, 2]),
    ArgumentError,
    "every epoch of validation_freq",
    "at least 1, not 0",
)
for name, call in (
    ("evaluate", lambda m: m.evaluate(X, Y, batch_size=0)),
    ("predict", lambda m: m.predict(X, batch_size=0)),
):
    row(
        f"{name} with batch_size 0",
        "trained",
        call,
        ArgumentError,
        "batch_size must be an integer of at least 1, not 0",
    )
for name, call in (
    ("fit", lambda m: m.fit(X, Y, verbose=3)),
    ("evaluate", lambda m: m.evaluate(X, Y, verbose=3)),
    ("predict", lambda m: m.predict(X, verbose=3)),
):
    row(
        f"{name} with verbose 3",
        "trained",
        call,
        ArgumentError,
        "verbose must be 0 (silent), 1 (a bar)",
        "not 3",
    )
for bad in (-1, 1.5, True, 2**32, "1"):
    row(
        f"seed {bad}",
        "trained",
        lambda m, bad=bad: m.fit(X, Y, seed=bad),
        ArgumentError,
        "seed must be an integer in [0, 2**32)",
        f"not {bad!r}",
    )
    row(
        f"seed of a model {bad}",
        "trained",
        lambda m, bad=bad: jn.Sequential(seed=bad),
        ArgumentError,
        "seed must be",
    )
row(
    "set_random_seed -1",
    "trained",
    lambda m: jn.utils.set_random_seed(-1),
    ArgumentError,
    "seed must be",
)

for bad in ("batch", None, 2):
    for name, call in (
        ("fit", lambda m, bad=bad: m.fit(X, Y, shuffle=bad)),
        ("sweep", lambda m, bad=bad: jn.sweep(m, {"seed": [0]}, X, Y, shuffle=bad)),
    ):
        row(
            f"{name} with shuffle {bad}",
            "trained",
            call,
            ArgumentError,
            f"shuffle must be True or False, not {bad!r}",
        )
row(
    "validation_batch_size without anything to validate",
    "trained",
    lambda m: m.fit(X, Y, validation_batch_size="32"),
    ArgumentError,
    "validation_batch_size must be an integer of at least 1, not '32'",
)
row(
    "set_weights of a number",
    "trained",
    lambda m: m.set_weights(3),
    ArgumentError,
    "set_weights takes a list of arrays, as get_weights returns it, not 3",
    fix=lambda m: m.set_weights(m.get_weights()),
)
row(
    "a number for the name of a model",
    "trained",
    lambda m: jn.Sequential([dense(3)], name=3),
    ArgumentError,
    "name must be a string, not 3",
)
for bad in (3, None, b"best.safetensors", ""):
    for name, call in (
        ("save", lambda m, bad=bad: m.save(bad)),
        ("save_weights", lambda m, bad=bad: m.save_weights(bad)),
        ("load_weights", lambda m, bad=bad: m.load_weights(bad)),
        ("load_model", lambda m, bad=bad: jn.models.load_model(bad)),
    ):
        row(
            f"{name} with the path {bad!r}",
            "trained",
            call,
            ArgumentError,
            f"path must be a path, a string or a pathlib.Path, not {bad!r}",
        )
row(
    "overwrite that is no bool",
    "trained",
    lambda m: m.save("best.safetensors", overwrite="no"),
    ArgumentError,
    "overwrite must be True or False, not 'no'",
)
for kind, argument, bad in (
    (optimizers.Adam, "beta_1", 1.0),
    (optimizers.AdamW, "beta_2", 1.5),
    (optimizers.RMSprop, "rho", 1.0),
    (optimizers.SGD, "momentum", 9.0),
):
    row(
        f"{kind.__name__} with {argument} {bad}",
        "trained",
        lambda m, kind=kind, argument=argument, bad=bad: kind(**{argument: bad}),
        ArgumentError,
        f"{kind.__name__}: {argument} must be a number in [0, 1), not {bad}",
    )
for argument, bad, words in (
    ("thresholds", 0.5, "a list of numbers or None, not 0.5"),
    ("thresholds", [0.5, 2.0], "numbers in [0, 1], not 2.0"),
    ("label_weights", 1.0, "a list of numbers or None, not 1.0"),
    ("label_weights", [1.0, -1.0], "a finite number of at least 0, not -1.0"),
):
    row(
        f"AUC with {argument} {bad}",
        "trained",
        lambda m, argument=argument, bad=bad: metrics.AUC(
            multi_label=True, **{argument: bad}
        ),
        ArgumentError,
        f"{argument} must be {words}",
    )

# Layers

for bad in (0, -1, 1.5, True, None, "3"):
    row(
        f"units {bad}",
        "trained",
        lambda m, bad=bad: Dense(bad),
        ArgumentError,
        "units must be a positive integer",
        f"not {bad!r}",
    )
for bad in (-0.1, 1, 1.5, NAN, "0.5", None):
    row(
        f"rate {bad}",
        "trained",
        lambda m, bad=bad: Dropout(bad),
        ArgumentError,
        "rate",
        "[0, 1)",
        f"not {bad!r}",
    )
for bad in (NAN, INFINITY, "1/255", None, 1j):
    row(
        f"scale {bad}",
        "trained",
        lambda m, bad=bad: Rescaling(bad),
        ArgumentError,
        "scale must be a finite number",
        f"not {bad!r}",
    )
row(
    "offset",
    "trained",
    lambda m: Rescaling(1.0, "0"),
    ArgumentError,
    "offset must be a finite number, not '0'",
)
row(
    "epsilon",
    "trained",
    lambda m: LayerNormalization(epsilon=0.0),
    ArgumentError,
    "epsilon must be",
    "above 0, not 0.0",
)
row(
    "activation 3",
    "trained",
    lambda m: Dense(3, 3),
    ArgumentError,
    "activation must be a name, a callable or None, not 3",
    'activation="relu"',
)
row(
    "initializer 3",
    "trained",
    lambda m: Dense(3, bias_initializer=3),
    ArgumentError,
    "an initializer must be a name or a callable, not 3",
)
for bad in ((0,), (None, 4), (2.5,)):
    row(
        f"input_shape {bad}",
        "trained",
        lambda m, bad=bad: Dense(3, input_shape=bad),
        ArgumentError,
        "every axis of input_shape must be a positive integer",
    )
row(
    "input_shape a word",
    "trained",
    lambda m: Input("four"),
    ArgumentError,
    "shape must be a tuple of positive integers without the batch axis",
    "not 'four'",
)
row(
    "input_dim and input_shape",
    "trained",
    lambda m: Dense(3, input_dim=4, input_shape=(4,)),
    ArgumentError,
    "input_shape or input_dim, not both",
)
row(
    "name with a slash",
    "trained",
    lambda m: Dense(3, name="a/b"),
    ArgumentError,
    "name must be a word without '/'",
    "not 'a/b'",
)
for bad in ((None, 0), (None, None, 4), (None, "4")):
    row(
        f"build {bad}",
        "fresh",
        lambda m, bad=bad: m.build(bad),
        ArgumentError,
        "every axis of input_shape",
        "positive integer",
    )
row(
    "build with a number",
    "fresh",
    lambda m: m.build(4),
    ArgumentError,
    "input_shape must be a tuple that starts with the batch axis, such as (None, 28",
    "not 4",
    fix=lambda m: m.build((None, 4)),
)

# Models

row(
    "Input in the middle",
    "trained",
    lambda m: m.add(Input((5,))),
    ArgumentError,
    "Input((5,)) stands after other layers",
    "Input comes first, once",
)
row(
    "two Inputs",
    "trained",
    lambda m: jn.Sequential([Input((5,)), Input((5,)), Dense(3)]),
    ArgumentError,
    "Input comes first, once",
)
row(
    "a class for a layer",
    "trained",
    lambda m: m.add(Dense),
    LayerError,
    "is no layer",
    "write Dense(...)",
    fix=lambda m: m.add(dense(3)),
)
row(
    "a class among layers",
    "trained",
    lambda m: jn.Sequential([Flatten, Dense(3)]),
    LayerError,
    "the class itself: write Flatten(...)",
)
row(
    "a name for a layer",
    "trained",
    lambda m: m.add("relu"),
    LayerError,
    "'relu' is no layer",
    "init(key, input_shape)",
    "apply(params, x",
)
row(
    "a layer for layers",
    "trained",
    lambda m: jn.Sequential(Dense(3)),
    ArgumentError,
    "layers must be a list of layers, not Dense(3)",
    "Sequential([...])",
    fix=lambda m: jn.Sequential([Dense(3)]),
)
row(
    "two layers of one name",
    "trained",
    lambda m: stack(dense(2, name="top"), Dense(2, name="top")),
    ArgumentError,
    "two layers have the name 'top'",
    "give each a name of its own",
)
row(
    "a layer that does not fit the one before",
    "trained",
    lambda m: m.add(Dense(3, input_shape=(7,))),
    ShapeError,
    "layer 'dense_2'",
    "expects inputs of shape (7,) and got (3,)",
    "change its input_shape",
    fix=lambda m: m.add(dense(3, input_shape=(3,))),
)
row(
    "set_weights with another number",
    "trained",
    lambda m: m.set_weights(m.get_weights()[:-1]),
    ShapeError,
    "set_weights was given 3 arrays and the model has 4",
    "dense/kernel, dense/bias, dense_1/kernel, dense_1/bias",
)
row(
    "set_weights of another shape",
    "trained",
    lambda m: m.set_weights([w.T for w in m.get_weights()]),
    ShapeError,
    "the weight 'dense/kernel' has shape (4, 5) and was given (5, 4)",
    "the order of get_weights()",
    fix=lambda m: m.set_weights(m.get_weights()),
)

for what, array_of, came in (
    ("complex numbers", lambda w: w.astype(np.complex64), "complex64"),
    ("words", lambda w: w.astype("U9"), "<U9"),
    ("numbers beyond float32", lambda w: np.full(w.shape, 1e300), "1e+300"),
):
    row(
        f"set_weights of {what}",
        "trained",
        lambda m, array_of=array_of: m.set_weights([*map(array_of, m.get_weights())]),
        DataError,
        f"the weight 'dense/bias' is of float32 and was given {came}",
        "give ",
        fix=lambda m: m.set_weights(m.get_weights()),
    )


def set_params(model, params):
    model.params = params


row(
    "params of another structure",
    "trained",
    lambda m: set_params(m, {"dense": m.params["dense"]}),
    ShapeError,
    "params must have the structure",
    "start from model.params",
    fix=lambda m: set_params(m, jax.tree.map(lambda p: 2 * p, m.params)),
)
row(
    "params of another shape",
    "trained",
    lambda m: set_params(m, jax.tree.map(np.transpose, jax.device_get(m.params))),
    ShapeError,
    "has shape (4, 5) and was given (5, 4)",
)

# Compiling

row(
    "no loss",
    "trained",
    lambda m: m.compile("adam"),
    ArgumentError,
    "compile needs a loss",
    'loss="sparse_categorical_crossentropy"',
    fix=lambda m: m.compile("adam", loss="sparse_categorical_crossentropy"),
)
row(
    "loss 3",
    "trained",
    lambda m: m.compile("adam", 3),
    ArgumentError,
    "loss must be a name, a loss or a callable, not 3",
)
row(
    "loss of another class",
    "trained",
    lambda m: m.compile("adam", Dense),
    ArgumentError,
    "loss must be a name, a loss or a callable",
)
row(
    "optimizer None",
    "trained",
    lambda m: m.compile(None, "mse"),
    ArgumentError,
    "optimizer must be a name, one of jaxnet_mini.optimizers or an optax",
    'optimizer="adam"',
)
row(
    "optimizer a number",
    "trained",
    lambda m: m.compile(0.001, "mse"),
    ArgumentError,
    "optimizer must be",
    "not 0.001",
)
row(
    "metric 3",
    "trained",
    lambda m: m.compile("adam", "mse", [3]),
    ArgumentError,
    "a metric must be a name, a Metric or a callable, not 3",
    'metrics=["accuracy"]',
)
row(
    "metric class",
    "trained",
    lambda m: m.compile("adam", "mse", [metrics.Mean]),
    ArgumentError,
    "a metric must be",
    "Mean",
)
row(
    "metrics of one name",
    "trained",
    lambda m: m.compile("adam", "mse", ["mae", "mae"]),
    ArgumentError,
    "two metrics go by the name 'mae'",
    "drop one or rename it",
    fix=lambda m: m.compile("adam", "mse", ["mae", "mean_absolute_error"]),
)
row(
    "metric named loss",
    "trained",
    lambda m: m.compile("adam", "mse", [metrics.MeanMetricWrapper(squares, "loss")]),
    ArgumentError,
    "go by the name 'loss'",
)
for bad in (-1e-3, NAN, INFINITY, "0.1", None, [1, 2]):
    row(
        f"learning_rate {bad}",
        "trained",
        lambda m, bad=bad: optimizers.Adam(bad),
        ArgumentError,
        "learning_rate must be a finite number of at least 0 or a schedule",
        f"not {bad!r}",
    )
    row(
        f"learning_rate set to {bad}",
        "trained",
        lambda m, bad=bad: setattr(m.optimizer, "learning_rate", bad),
        ArgumentError,
        "learning_rate must be",
        f"not {bad!r}",
    )
for bad in (-1.0, NAN, "0.9", None):
    row(
        f"beta_1 {bad}",
        "trained",
        lambda m, bad=bad: optimizers.Adam(beta_1=bad),
        ArgumentError,
        "Adam: beta_1 must be a finite number",
        f"not {bad!r}",
    )
for kind, what in (("loss", "the loss"), ("metric", "the metric")):
    for returned in ("scalar", "number"):
        for name, call in (
            ("fit", lambda m: m.fit(X, VALUES.reshape(-1, 1), batch_size=16)),
            ("batch", lambda m: m.train_on_batch(X[:16], VALUES[:16].reshape(-1, 1))),
        ):
            row(
                f"{kind} returns a {returned}, {name}",
                f"{returned} {kind}",
                call,
                ShapeError,
                what,
                "returned shape () for a batch of 16",
                "return one value per example",
                fix=lambda m: stack(*anew(m), loss=squares, metrics=[squares]).fit(
                    X, VALUES.reshape(-1, 1), verbose=0
                ),
            )

# Weights of examples

both(
    "class_weight with an unknown class",
    lambda m: m.fit(X, Y, class_weight={0: 1.0, 3: 2.0}),
    ArgumentError,
    "class_weight names the class 3",
    "integers 0 to 2",
)
row(
    "class_weight by a word",
    "trained",
    lambda m: m.fit(X, Y, class_weight="balanced"),
    ArgumentError,
    "class_weight maps classes to numbers, such as {0: 1.0, 1: 2.5}, and a str",
    "write dict(enumerate(len(y) / np.bincount(y))) for balance.",
    fix=lambda m: m.fit(
        X, Y, class_weight=dict(enumerate(len(Y) / np.bincount(Y))), verbose=0
    ),
)
row(
    "class_weight by names",
    "trained",
    lambda m: m.fit(X, Y, class_weight={"0": 1.0}),
    ArgumentError,
    "class_weight names the class '0'",
    "integers 0 to 2: use {int(k): w for k, w in class_weight.items()}.",
    fix=lambda m: m.fit(
        X, Y, class_weight={int(k): w for k, w in {"0": 1.0}.items()}, verbose=0
    ),
)
row(
    "class_weight by words",
    "trained",
    lambda m: m.fit(X, Y, class_weight={"cat": 1.0}),
    ArgumentError,
    "class_weight names the class 'cat'",
    "number the classes as y does, such as {0: 1.0, 1: 2.5}.",
    fix=lambda m: m.fit(X, Y, class_weight={0: 1.0, 1: 2.5}, verbose=0),
)
row(
    "class_weight between classes",
    "trained",
    lambda m: m.fit(X, Y, class_weight={0.5: 1.0}),
    ArgumentError,
    "class_weight names the class 0.5",
)
for bad in (NAN, INFINITY, "2", None):
    row(
        f"class_weight {bad}",
        "trained",
        lambda m, bad=bad: m.fit(X, Y, class_weight={1: bad}),
        ArgumentError,
        f"class_weight gives class 1 the weight {bad!r}",
        "a finite number",
    )
row(
    "class_weight a list",
    "trained",
    lambda m: m.fit(X, Y, class_weight=[1.0, 2.0, 1.0]),
    ArgumentError,
    "class_weight maps classes to numbers",
    "a list was given",
    "dict(enumerate(class_weight))",
    fix=lambda m: m.fit(X, Y, class_weight=dict(enumerate([1.0, 2, 1])), verbose=0),
)
row(
    "class_weight for values",
    "value",
    lambda m: m.fit(X, 7 * X[:, :1], class_weight={0: 2.0}),
    ArgumentError,
    "class_weight needs targets that are classes 0 to 1",
    "give sample_weight instead",
    fix=lambda m: m.fit(X, 7 * X[:, :1], sample_weight=WEIGHT, verbose=0),
)
both(
    "both kinds of weights",
    lambda m: m.fit(X, Y, class_weight={0: 2.0}, sample_weight=WEIGHT),
    ArgumentError,
    "sample_weight and class_weight are both given",
    "multiply",
    fix=lambda m: m.fit(
        X, Y, sample_weight=WEIGHT * np.array([2.0, 1, 1])[Y], verbose=0
    ),
)
for bad in (WEIGHT[:-1], WEIGHT.reshape(1, -1), np.ones((ROWS, 3))):
    both(
        f"sample_weight of shape {bad.shape}",
        lambda m, bad=bad: m.fit(X, Y, sample_weight=bad),
        ShapeError,
        f"sample_weight has shape {bad.shape}",
        "one number per example",
        "(48,)",
    )
row(
    "sample_weight a number",
    "trained",
    lambda m: m.fit(X, Y, sample_weight=2.0),
    DataError,
    "sample_weight is a single number",
)
row(
    "sample_weight, evaluate",
    "trained",
    lambda m: m.evaluate(X, Y, sample_weight=WEIGHT[:5]),
    ShapeError,
    "sample_weight has shape (5,)",
    "(48,)",
)

# Callbacks

both(
    "a class for a callback",
    lambda m: m.fit(X, Y, callbacks=EarlyStopping),
    ArgumentError,
    "callbacks holds the class EarlyStopping",
    "write EarlyStopping(...)",
    fix=lambda m: m.fit(X, Y, callbacks=EarlyStopping("loss"), verbose=0),
)
row(
    "a class among callbacks",
    "trained",
    lambda m: m.evaluate(X, Y, callbacks=[Callback(), EarlyStopping]),
    ArgumentError,
    "the class EarlyStopping",
)
for bad in (print, 3, "early"):
    row(
        f"callback {bad!r}",
        "trained",
        lambda m, bad=bad: m.predict(X, callbacks=[bad]),
        ArgumentError,
        f"callbacks holds {bad!r}, which is no Callback",
        "derive its class from jaxnet_mini.callbacks.Callback",
    )

for bad in (3, ""):
    both(
        f"checkpoint {bad!r}",
        lambda m, bad=bad: m.fit(X, Y, checkpoint=bad),
        ArgumentError,
        "checkpoint, or backup_dir of BackupAndRestore,",
        f"must be the path of a folder, not {bad!r}",
    )
both(
    "two folders for a run",
    lambda m: m.fit(X, Y, checkpoint="a", callbacks=BackupAndRestore("b")),
    ArgumentError,
    "give either checkpoint or one BackupAndRestore",
)
both(
    "a file for the folder of a run",
    lambda m: m.fit(X, Y, checkpoint=__file__),
    FileError,
    f"a run cannot be kept in {__file__!r}",
    "Give checkpoint a folder that can be written",
)

# Parts of models

IN = Input((4,))


def refused(name, call, error, *words, fix):
    """A row for what no model has to do with: ``fix`` is what the message advises."""
    row(name, "trained", lambda m: call(), error, *words, fix=lambda m: fix())


row(
    "statistics of other features",
    "normalized",
    lambda m: m.layers[0].adapt(X[:, :3]),
    ShapeError,
    "layer 'normalization': Normalization(input_shape=(4,)) has statistics",
    "got examples of shape (4,)",
    fix=lambda m: (m.layers[0].adapt(X), m.fit(X, VALUES[:, None], verbose=0)),
)
for name, bad, words in (
    ("dropout", lambda: random.dropout(X, 1.5), "rate must be a number in [0, 1]"),
    ("dropout NaN", lambda: random.dropout(X, NAN), "not nan"),
    ("noise_shape", lambda: random.dropout(X, 0.5, (4,)), "for each axis of inputs"),
    ("randint", lambda: random.randint((3,), 5, 2), "minval is 5 and maxval 2"),
    ("uniform", lambda: random.uniform((3,), 5, 2), "the smaller one first"),
    ("uniform NaN", lambda: random.uniform((3,), NAN), "minval must be finite"),
    ("normal", lambda: random.normal((3,), 0, -1), "stddev must be finite numbers"),
    ("gamma", lambda: random.gamma((3,), -1.0), "alpha must be finite numbers"),
    ("beta", lambda: random.beta((3,), 1.0, 0.0), "beta must be finite numbers"),
    ("counts", lambda: random.binomial((3,), -1, 0.5), "counts must be finite"),
    ("binomial", lambda: random.binomial((3,), 5, 1.5), "numbers in [0, 1], not"),
    ("shape", lambda: random.normal((-3,)), "integers of at least 0, not (-3,)"),
    ("floats", lambda: random.normal((3,), dtype="int32"), "must be one of floats"),
    ("integers", lambda: random.randint((3,), 0, 2, "float32"), "of integers"),
    ("samples", lambda: random.categorical(X, 0), "num_samples must be"),
    ("shuffle", lambda: random.shuffle(X, 2), "axis is 2, and x has the shape"),
):
    refused(f"random {name}", bad, ArgumentError, words, fix=lambda: random.normal(()))
refused(
    "MinMaxNorm too far",
    lambda: constraints.MinMaxNorm(rate=2),
    ArgumentError,
    "MinMaxNorm: rate must be a number in [0, 1], not 2",
    fix=lambda: constraints.MinMaxNorm(rate=1),
)
for function in (jn.residual, jn.parallel):
    refused(
        f"{function.__name__} of nothing",
        function,
        ArgumentError,
        f"{function.__name__} takes one layer or more and got none",
        fix=lambda function=function: function(Dense(8), Dense(8)),
    )
refused(
    "a slash in the name of a node",
    lambda: jn.graph({"a/b": (Dense(1), "x")}),
    ArgumentError,
    "Node: name must be a word without '/' or spaces, not 'a/b'",
    fix=lambda: jn.graph({"a_b": (Dense(1), "x")}),
)
refused(
    "a slash in the name of a model",
    lambda: jn.Sequential(name="a/b"),
    ArgumentError,
    "the name of a model must be a word without '/', not 'a/b'",
    fix=lambda: jn.Sequential(name="a b"),
)
for given in ([IN, IN], [X, X]):
    refused(
        f"several for a layer of one, {type(given[0]).__name__}",
        lambda given=given: Dense(3)(given),
        ShapeError,
        "Dense(3) takes one input and got 2: join them, as layers.Concatenate()",
        fix=lambda given=given: layers.Concatenate()(given),
    )
row(
    "several for a layer of a model",
    "trained",
    lambda m: m.layers[0]([X, X]),
    ShapeError,
    "takes one input and got 2",
    fix=lambda m: m.layers[0](X),
)
for name, call in (
    ("None", lambda: Dense(3)(None)),
    ("a word", lambda: Dense(3)("x")),
    ("no input", lambda: layers.add([])),
    ("None to join", lambda: layers.concatenate(None)),
    ("an array and a symbol", lambda: layers.add([IN, X])),
    ("a symbol and None", lambda: layers.Add()([IN, None])),
    ("arrays and None", lambda: layers.Add()([X, None])),
):
    refused(
        f"a layer called with {name}",
        call,
        LayerError,
        "is called with",
        "call it with an array with an axis for the batch",
        fix=lambda: (layers.add([IN, IN]), layers.add([X, X]), Dense(3)(X)),
    )
row(
    "a layer of a model called with None",
    "trained",
    lambda m: m.layers[0](None),
    LayerError,
    "is called with None: call it with an array",
    fix=lambda m: m.layers[0](X),
)
for given in (None, "x", (X, X)):
    refused(
        f"Lambda that returns {type(given).__name__}",
        lambda given=given: layers.Lambda(lambda x: given)(IN),
        ShapeError,
        "Lambda(<lambda>) returned",
        "its function must return one array",
        fix=lambda: layers.Lambda(lambda x: x)(IN),
    )
for name, own in (
    ("of one argument", lambda shape: jnp.ones(shape)),
    ("of a number", lambda key, shape: 1.0),
    ("of None", lambda shape, dtype: None),
):
    row(
        f"initializer {name}",
        "fresh",
        lambda m, own=own: stack(Dense(3, kernel_initializer=own)).fit(X, Y),
        ArgumentError if "argument" in name else ShapeError,
        "Dense(3, kernel_initializer=<lambda>): kernel_initializer m",
        "(key, shape)",
        fix=lambda m: stack(
            Dense(3, kernel_initializer=lambda key, shape: jnp.ones(shape))
        ).build((None, 4)),
    )
for given in ("0.1", None, -1.0, NAN, True, np.ones(3)):
    refused(
        f"a schedule that gives {given!r}",
        lambda given=given: optimizers.SGD(lambda step: given),
        ArgumentError,
        "SGD: learning_rate may be a schedule, called with the step",
        "for one: write for example lambda step: 0.1 / (1 + step)",
        fix=lambda: optimizers.SGD(lambda step: 0.1 / (1 + step)),
    )
refused(
    "a schedule of nothing",
    lambda: optimizers.SGD(lambda: 0.1),
    ArgumentError,
    "takes no step: write for example lambda step:",
    fix=lambda: optimizers.SGD(lambda step: 0.1),
)
for given in (None, "0.1"):
    row(
        f"a loss of {given!r}",
        "fresh",
        lambda m, given=given: stack(dense(1), loss=lambda y, p: given).fit(X, VALUES),
        ShapeError,
        f"the loss returned {given!r} for a batch of 32: return one value per example",
        fix=lambda m: stack(dense(1), loss=squares),
    )
    row(
        f"a metric of {given!r}",
        "fresh",
        lambda m, given=given: stack(
            dense(1), loss="mse", metrics=[lambda y, p: given]
        ).fit(X, VALUES),
        ShapeError,
        f"the metric '<lambda>' returned {given!r} for a batch of 32",
        fix=lambda m: stack(dense(1), loss="mse", metrics=[squares]),
    )
row(
    "a metric of values for integer classes",
    "fresh",
    lambda m: stack(
        dense(3, "softmax"), loss="sparse_categorical_crossentropy", metrics=["mae"]
    ).fit(X, Y),
    ShapeError,
    "the metric 'mae': y_true has shape (32,) and y_pred has shape (32, 3)",
    "Choose one that takes such targets.",
    fix=lambda m: stack(
        dense(3, "softmax"),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    ).fit(X, Y, verbose=0),
)
for what, settings in (
    ("loss", {"loss": lambda y: y}),
    ("metric", {"loss": "mse", "metrics": [lambda y, p, w: y]}),
):
    row(
        f"a {what} of other arguments",
        "trained",
        lambda m, settings=settings: m.compile("sgd", **settings),
        ArgumentError,
        "must be a function of (y_true, y_pred), and",
        "give it these two arguments",
        fix=lambda m: m.compile("sgd", squares, [squares]),
    )
for given in (3, None, Dense(3), jn.Sequential):
    refused(
        f"clone_model {given!r}",
        lambda given=given: jn.models.clone_model(given),
        LayerError,
        "a model is needed, such as Sequential([Dense(3)]), not",
        fix=lambda: jn.models.clone_model(jn.Sequential([Dense(3)])),
    )

for name, settings in (
    ("a regularizer", {"kernel_regularizer": lambda: 0.0}),
    ("a constraint", {"bias_constraint": lambda x, most: x}),
):
    refused(
        f"{name} of other arguments",
        lambda settings=settings: Dense(3, **settings),
        ArgumentError,
        "is called with an array alone: leave the other arguments out",
        fix=lambda: Dense(3, kernel_regularizer=jnp.sum, bias_constraint=jnp.abs),
    )
for given in (None, "much", np.ones(2)):
    row(
        f"a regularizer that gives {given!r}",
        "fresh",
        lambda m, given=given: stack(
            dense(1, kernel_regularizer=lambda x: given), loss="mse"
        ).fit(X, VALUES),
        ShapeError,
        "for an array of shape (4, 1): it must return one number",
        fix=lambda m: stack(dense(1, kernel_regularizer=jnp.sum), loss="mse"),
    )
row(
    "a constraint that gives None",
    "fresh",
    lambda m: stack(dense(1, kernel_constraint=lambda x: None), loss="mse").fit(
        X, VALUES
    ),
    ShapeError,
    "made None of kernel, float32(4, 1): it must keep both",
    fix=lambda m: stack(dense(1, kernel_constraint=jnp.abs), loss="mse"),
)
for name, call in (
    ("a model", lambda m: m(X, training="yes")),
    ("a layer of a model", lambda m: m.layers[0](X, training="yes")),
    ("a layer", lambda m: Dropout(0.5)(X, training="yes")),
):
    row(
        f"training that is no flag, {name}",
        "trained",
        call,
        ArgumentError,
        "training must be True or False, not 'yes'",
        fix=lambda m: m(X, training=False),
    )
refused(
    "an entry that a symbol has not",
    lambda: IN[:, 9],
    ShapeError,
    "ops.get_item does not take inputs of the shapes [(None, 4)]",
    "index 9 is out of bounds",
    fix=lambda: IN[:, 3],
)
refused(
    "an input by a number",
    lambda: jn.Model({3: IN}, Dense(3)(IN)),
    ArgumentError,
    "the keys of inputs are their names, strings, and 3 is none",
    fix=lambda: jn.Model({"three": IN}, Dense(3)(IN)),
)
refused(
    "rates of nothing",
    lambda: jn.callbacks.LearningRateScheduler(lambda: 0.1),
    ArgumentError,
    "schedule must be a function of the epoch",
    fix=lambda: jn.callbacks.LearningRateScheduler(lambda epoch: 0.1),
)
refused(
    "JSON that is a number",
    lambda: jn.models.model_from_json(3),
    ArgumentError,
    "JSON must be a string, not 3",
    fix=lambda: jn.models.model_from_json(jn.Sequential([Dense(3)]).to_json()),
)

# The way on for each message that no row above has followed


def fits_batches(**settings):
    return lambda m: m.fit(iter([(X, Y)]), steps_per_epoch=1, verbose=0, **settings)


def fits(x=X, y=Y, **settings):
    return lambda m: m.fit(x, y, **{"verbose": 0} | settings)


def compiles(*how):
    return lambda m: m.compile(*how)


def makes(kind, *given, **settings):
    return lambda m: kind(*given, **settings)


SCRATCH = "scratch.safetensors"
WAYS: dict[str, Callable[[Any], Any] | str] = {
    "y short": fits(X[:-1], Y[:-1]),
    "empty list": fits(),
    "x None": fits(),
    "x a number": lambda m: m.predict(np.array([[3.0] * 4])),
    "y a number": fits(X[:1], np.array([1])),
    "labels with two axes for the sparse loss": fits(y=np.stack([Y, Y], axis=1)[:, 0]),
    "float64 beyond float32": fits(changed(X.astype(float), (3, 1), 1e300) / 1e300),
    "a generator": fits_batches(),
    "no batches": fits_batches(),
    "batches that are none": fits_batches(),
    "a share of batches": fits_batches(validation_data=(X, Y)),
    "a mesh that is none": lambda m: m.fit(
        X, Y, mesh=jax.make_mesh((len(jax.devices()),), ("data",)), verbose=0
    ),
    "a sharding that is none": lambda m: m.fit(
        X,
        Y,
        mesh=jax.make_mesh((1, 1), ("data", "model")),
        sharding={"kernel": PartitionSpec(None, "model")},
        verbose=0,
    ),
    "a sharding over an axis that is not there": lambda m: m.fit(
        X,
        Y,
        mesh=jax.make_mesh((1, len(jax.devices())), ("data", "model")),
        sharding={"kernel": PartitionSpec(None, "model")},
        verbose=0,
    ),
    "a set": fits(y=sorted({*range(ROWS)}) % np.int64(3)),
    "a word": "what is in the file is for the user to know",
    "masked labels": fits(y=np.ma.masked_equal(Y, 1).filled(0)),
    "ragged": "whether to pad or to cut rows is for the user to know",
    "pop without layers": lambda m: (m.add(dense(3)), m.pop()),
    "mode None": makes(EarlyStopping, mode="min"),
    "validation_split -0.1": fits(validation_split=0.0),
    "validation_data with bad rows": fits(validation_data=(X[:5], Y[:5])),
    "validation_data with bad weight": fits(validation_data=(X, Y, WEIGHT)),
    "sample_weight of shape (1, 48)": fits(sample_weight=WEIGHT[None].reshape(48)),
    "fit with verbose 3": lambda m: m.predict(X, verbose=0),
    "seed -1": makes(jn.Sequential, seed=2**32 - 1),
    "fit with shuffle batch": fits(shuffle=True),
    "fit with shuffle None": fits(shuffle=False),
    "a number for the name of a model": makes(jn.Sequential, name="three"),
    "overwrite that is no bool": lambda m: m.save(SCRATCH, overwrite=True),
    "Adam with beta_1 1.0": makes(optimizers.Adam, beta_1=0.0),
    "RMSprop with rho 1.0": makes(optimizers.RMSprop, rho=0.0),
    "SGD with momentum 9.0": makes(optimizers.SGD, momentum=0.0),
    "AUC with thresholds 0.5": makes(metrics.AUC, thresholds=[0.5]),
    "AUC with thresholds [0.5, 2.0]": makes(metrics.AUC, thresholds=[0.5, 1.0]),
    "AUC with label_weights 1.0": makes(
        metrics.AUC, multi_label=True, label_weights=[1.0]
    ),
    "AUC with label_weights [1.0, -1.0]": makes(
        metrics.AUC, multi_label=True, label_weights=[1.0, 0.0]
    ),
    "units 0": makes(Dense, 1),
    "rate -0.1": makes(Dropout, 0.0),
    "scale nan": makes(Rescaling, 1.0),
    "offset": makes(Rescaling, 1.0, 0.0),
    "epsilon": makes(LayerNormalization, epsilon=1e-9),
    "activation 3": makes(Dense, 3, activation="relu"),
    "initializer 3": makes(Dense, 3, kernel_initializer="he_normal"),
    "input_shape (0,)": makes(Dense, 3, input_shape=(1,)),
    "input_shape a word": makes(Input, (28, 28)),
    "input_dim and input_shape": makes(Dense, 3, input_dim=4),
    "name with a slash": makes(Dense, 3, name="a_b"),
    "Input in the middle": makes(jn.Sequential, [Input((5,)), Dense(3)]),
    "a class among layers": makes(jn.Sequential, [Flatten(), Dense(3)]),
    "a name for a layer": lambda m: m.add(Activation("relu")),
    "two layers of one name": makes(stack, dense(2, name="top"), dense(2, name="end")),
    "set_weights with another number": lambda m: m.set_weights(
        [
            dict(zip([w.path for w in m.weights], m.get_weights(), strict=True))[path]
            for path in ("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias")
        ]
    ),
    "loss 3": compiles("adam", "sparse_categorical_crossentropy"),
    "optimizer None": compiles("adam", "mse"),
    "metric 3": compiles("adam", "mse", ["accuracy"]),
    "learning_rate -0.001": makes(optimizers.Adam, 0.0),
    "learning_rate [1, 2]": makes(optimizers.Adam, optax.constant_schedule(0.1)),
    "beta_1 -1.0": makes(optimizers.Adam, beta_1=0.0),
    "class_weight with an unknown class": fits(class_weight={0: 1.0}),
    "class_weight nan": fits(class_weight={0: 1.0, 1: 2.5}),
    "sample_weight a number": fits(sample_weight=np.full(48, 2.0)),
    "callback <built-in function print>": fits(
        callbacks=[type("Own", (Callback,), {})()]
    ),
    "checkpoint 3": makes(BackupAndRestore, "runs"),
    "two folders for a run": makes(BackupAndRestore, "b"),
    "a file for the folder of a run": makes(BackupAndRestore, "a"),
}
"""By the row: what its message advises, done; or why only the user can know the way."""
COUNTS = ("batch_size", "epochs", "steps_per_epoch", "validation_batch_size")
for argument in (*COUNTS, "validation_freq"):
    WAYS[f"{argument} 0"] = fits(validation_split=0.5, **{argument: 1})
WAYS["initial_epoch -1"] = fits(initial_epoch=0)
WAYS["validation_freq with 0 among others"] = fits(
    validation_split=0.5, validation_freq=[1, 2]
)
for kind, _, _, guess in UNKNOWN:
    ways = {
        "activation": makes(Activation, guess),
        "initializer": makes(Dense, 3, kernel_initializer=guess),
        "loss": compiles("adam", guess),
        "metric": compiles("adam", "mse", [guess]),
        "optimizer": compiles(guess, "mse"),
        "mode": makes(EarlyStopping, mode=guess),
        "hook": makes(LambdaCallback, **{guess: print}),
    }
    WAYS[f"unknown {kind}, {guess}"] = ways[kind]
WAYS["unknown optimizer, no guess"] = compiles("adagrad", "mse")
WAYS["save with the path 3"] = lambda m: m.save(SCRATCH)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_bad_input(case):
    """The message, and that nothing was compiled and nothing changed."""
    model = shared_model(case.model)
    before, compiled = everything(model), len(COMPILED)
    with unchecked_types():
        try:
            case.call(model)
        except Exception as error:
            caught = error
        else:
            raise AssertionError("nothing was raised")
    assert type(caught) is case.error, repr(caught)
    for words in case.words:
        assert words in str(caught), f"{words!r} is not in: {caught}"
    assert len(COMPILED) == compiled
    assert everything(model) == before


def test_names_of_rows_are_unique():
    assert len({case.name for case in TABLE}) == len(TABLE)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "case", [case for case in TABLE if case.fix], ids=lambda case: case.name
)
def test_advice_works(case):
    case.fix(MODELS[case.model]())


def advice_in(message):
    """What a message says to do, without the names and numbers of its case."""
    advice = message.split(": ", 1)[-1]
    words = r"b?'[^']*'|\"[^\"]*\"|-?\d+(\.\d+)?(e[+-]?\d+)?j?"
    return re.sub(rf"{words}|\b(nan|inf|None|True|False)\b", "_", advice)


def test_every_message_has_been_followed():
    """By its own row or by another that says the same of another case."""
    ways: dict[str, list[Any]] = {}
    with unchecked_types():
        for case in TABLE:
            with pytest.raises(case.error) as caught:
                case.call(shared_model(case.model))
            found = ways.setdefault(advice_in(str(caught.value)), [case.name])
            found += [way for way in (case.fix, WAYS.get(case.name)) if way]
    assert not [names for names in ways.values() if len(names) == 1]
    assert {*WAYS} <= {case.name for case in TABLE}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [name for name in WAYS if callable(WAYS[name])])
def test_the_way_leads_on(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (case,) = (case for case in TABLE if case.name == name)
    assert case.fix is None
    WAYS[name](MODELS[case.model]())


def test_the_listener_hears_compilations():
    """Without it, "nothing was compiled" above would be an empty promise."""
    before = len(COMPILED)
    jax.jit(lambda x: x * 3.0 + 1.0)(np.float32(2.0))
    assert len(COMPILED) > before


@pytest.mark.parametrize("error", JaxnetError.__subclasses__())
def test_every_error_is_a_builtin_too(error):
    builtins = {"ValueError", "TypeError", "RuntimeError", "FloatingPointError"}
    builtins |= {"OSError", "ImportError", "AttributeError"}
    assert builtins & {base.__name__ for base in error.__mro__}
    assert (error.__doc__ or "").endswith(".")


@pytest.mark.parametrize(("kind", "call", "known", "guess"), UNKNOWN)
def test_the_guess_is_a_known_name(kind, call, known, guess):
    with unchecked_types(), pytest.raises(UnknownNameError) as caught:
        call(fresh())
    assert re.search(r"did you mean '(\w+)'\?", str(caught.value))[1] in known
    listed = str(caught.value).split("Known: ")[1].removesuffix(".").split(", ")
    assert listed == sorted(listed)
    assert set(listed) <= set(known)


# What may look strange and is right


@functools.cache
def plain_weights():
    model = fresh()
    model.fit(X, Y, verbose=0)
    return model.get_weights()


def read_only(array):
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


def mapped(array, folder):
    path = folder / "array.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize(
    "wrap",
    [
        read_only,
        np.asfortranarray,
        jnp.asarray,
        lambda array: array[::-1][::-1],
        lambda array: array.tolist(),
        lambda array: [*array],
        lambda array: array.astype(np.float64 if array.ndim > 1 else np.uint8),
        lambda array: array.astype(array.dtype.newbyteorder()),
    ],
    ids=[
        "read-only",
        "fortran",
        "jax",
        "strides",
        "list",
        "rows",
        "wider",
        "byteorder",
    ],
)
def test_arrays_of_every_kind_train_alike(wrap):
    model = fresh()
    model.fit(wrap(X), wrap(Y), verbose=0)
    for ours, plain in zip(model.get_weights(), plain_weights(), strict=True):
        np.testing.assert_array_equal(ours, plain)


def test_memory_mapped_arrays_train_alike(tmp_path):
    model = fresh()
    model.fit(mapped(X, tmp_path), Y, verbose=0)
    for ours, plain in zip(model.get_weights(), plain_weights(), strict=True):
        np.testing.assert_array_equal(ours, plain)


@pytest.mark.parametrize(
    "labels",
    [
        Y.astype(np.float32),
        Y.astype(ml_dtypes.bfloat16),
        Y.reshape(-1, 1),
        Y.astype(float).reshape(-1, 1),
        Y.astype(np.int8),
    ],
    ids=["float", "bfloat16", "column", "float-column", "int8"],
)
def test_whole_labels_of_every_kind_train_alike(labels):
    model = fresh()
    model.fit(X, labels, verbose=0)
    for ours, plain in zip(model.get_weights(), plain_weights(), strict=True):
        np.testing.assert_array_equal(ours, plain)


def test_inputs_are_never_written_to():
    x, y, weight = X.copy(), Y.copy(), WEIGHT.copy()
    model = fresh()
    model.fit(x, y, sample_weight=weight, verbose=0)
    model.predict(x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weight, WEIGHT)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_of_huge_values_is_predicted_in_silence(dtype):
    model = stack(dense(1), loss="mse")
    model.build((None, 4))
    huge = np.full((4, 4), 1e30, dtype)  # float32 goes to JAX without a copy
    expected = huge @ model.get_weights()[0]
    np.testing.assert_allclose(model.predict(huge), expected, rtol=1e-5)


def test_huge_values_whose_squares_overflow_are_accepted():
    huge = changed(X, (5, 1), 1e30)
    model = stack(dense(1), loss="mse")
    model.fit(X, VALUES.reshape(-1, 1), verbose=0)
    outputs = model.predict(huge)
    assert np.isfinite(outputs).all()
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(outputs, huge @ kernel + bias, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(casting.fill(huge, ROWS, "x"), huge)


def test_booleans_are_two_classes():
    model = stack(dense(1, "sigmoid"), loss="binary_crossentropy")
    model.fit(X, (VALUES > 0).reshape(-1, 1), verbose=0)
    model.fit(X > 0, YES_NO.reshape(-1, 1), verbose=0)


def test_a_loss_with_a_shape_of_its_own_takes_any_targets():
    """Only the pair that broadcasts by accident is refused."""

    def first_column(y_true, y_pred):
        return jnp.abs(y_true[:, 0] - y_pred[:, 0])

    model = stack(dense(1), loss=first_column)
    model.fit(X, X[:, :2], verbose=0)
    assert isinstance(model.trainer.loss, losses.FunctionLoss)


def test_after_a_bad_call_a_good_one_gives_the_same_as_without():
    model = fresh()
    with pytest.raises(DataError):
        model.fit(X, Y + 1, verbose=0)
    model.fit(X, Y, verbose=0)
    for ours, plain in zip(model.get_weights(), plain_weights(), strict=True):
        np.testing.assert_array_equal(ours, plain)


def test_a_schedule_cannot_be_set_by_hand():
    schedule = optax.exponential_decay(0.01, 10, 0.5)
    model = stack(dense(3, "softmax", input_shape=(4,)))
    model.compile(optimizers.SGD(schedule), "sparse_categorical_crossentropy")
    with pytest.raises(StateError, match=r"follows a schedule.*compile with a number"):
        model.optimizer.learning_rate = 0.1
    model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.1
    assert model.optimizer.learning_rate == pytest.approx(0.1)


NAN = float("nan")
GIVEN: dict[str, tuple[Callable[[], Any], str]] = {
    "ops": (
        lambda: jn.ops.relu(None),
        "ops.relu: x must be an array of numbers, not None.",
    ),
    "ops of two": (
        lambda: jn.ops.maximum(1.0, "a"),
        "ops.maximum: args must be an array of numbers, not 'a'.",
    ),
    "ops of a list": (
        lambda: jn.ops.concatenate([X, None]),
        "ops.concatenate: arrays must be an array of numbers, not [array(",
    ),
    "order": (
        lambda: jn.utils.normalize(X, order="a"),
        "order must be a number or np.inf, not 'a'.",
    ),
    "order of NaN": (
        lambda: jn.utils.normalize(X, order=NAN),
        "order must be a number or np.inf, not nan.",
    ),
    "shuffle": (
        lambda: jn.random.shuffle(None),
        "x must be an array of numbers, not None.",
    ),
    "dropout": (
        lambda: jn.random.dropout("words", 0.5),
        "inputs must be an array of numbers, not 'words'.",
    ),
    "a loss": (
        lambda: jn.losses.mean_squared_error(None, X),
        "y_true must be an array of numbers, not None.",
    ),
    "a loss of a class": (
        lambda: jn.losses.MeanSquaredError()(X, [[1], [2, 3]]),
        "y_pred must be an array of numbers, not [[1], [2, 3]].",
    ),
    "a metric": (
        lambda: jn.metrics.MeanSquaredError().update_state(X, "words"),
        "y_pred must be an array of numbers, not 'words'.",
    ),
    "a name": (lambda: jn.metrics.AUC(name=X), "name must be a string, not array("),
    "a file": (
        lambda: jn.utils.plot_model(fresh(), 3),
        "to_file must be a path, a string or a pathlib.Path, not 3.",
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_given_by_hand_is_named(name):
    """In place of what Python, NumPy or JAX would say somewhere within."""
    call, text = GIVEN[name]
    with unchecked_types(), pytest.raises(ArgumentError, match=re.escape(text)):
        call()


def test_ops_say_what_jax_says_of_arrays_that_do_not_fit():
    with pytest.raises(TypeError, match="incompatible shapes"):
        jn.ops.add(np.ones(2, np.float32), np.ones(3, np.float32))
