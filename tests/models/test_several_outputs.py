"""Models of several outputs: their losses, metrics, targets and weights."""

import jax
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, DataError, ShapeError, StateError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
MAIN = RNG.normal(size=20).astype(np.float32)
KIND = RNG.integers(0, 3, 20)
LISTED, NAMED = [MAIN, KIND], {"kind": KIND, "main": MAIN}
LOSSES = ["mse", "sparse_categorical_crossentropy"]
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0}


def forked(keys=None, **settings):
    x = jn.Input((3,))
    hidden = jn.Dense(4, "tanh", name="hidden")(x)
    main = jn.Dense(1, name="main")(hidden)
    kind = jn.Dense(3, "softmax", name="kind")(hidden)
    outputs = [main, kind] if keys is None else {keys[0]: main, keys[1]: kind}
    model = jn.Model(x, outputs, seed=3)
    if settings:
        model.compile("sgd", **settings)
    return model


def numpy_losses(model, weight=1.0):
    """The loss of each output in float64."""
    main, kind = (np.float64(out) for out in model.predict(X))
    of_kind = -np.log(kind[np.arange(20), KIND])
    return np.mean(weight * (main[:, 0] - MAIN) ** 2), np.mean(weight * of_kind)


@pytest.fixture(scope="module")
def trained():
    model = forked(loss=LOSSES, metrics=[["mae"], ["accuracy"]], loss_weights=[1, 0.5])
    history = model.fit(X, LISTED, **FIT).history
    return model, history


def test_the_loss_is_the_weighted_sum_of_those_of_the_outputs(trained):
    model, history = trained
    names = ["kind_accuracy", "kind_loss", "loss", "main_loss", "main_mae"]
    assert list(history) == names
    assert model.metrics_names == [
        *("loss", "main_loss", "kind_loss"),
        *("kind_accuracy", "main_mae"),
    ]
    main, kind = numpy_losses(model)
    mae = np.mean(np.abs(model.predict(X)[0][:, 0] - MAIN))
    accuracy = np.mean(model.predict(X)[1].argmax(1) == KIND)
    wanted = [main + 0.5 * kind, main, kind, accuracy, mae]
    np.testing.assert_allclose(model.evaluate(X, NAMED, verbose=0), wanted, rtol=1e-5)
    weight = RNG.uniform(size=20)
    for given in (weight, [None, weight]):
        main, kind = numpy_losses(model, weight)
        if given is not weight:
            main, _ = numpy_losses(model)
        logs = model.evaluate(X, LISTED, 20, 0, given, return_dict=True)
        found = logs["main_loss"], logs["kind_loss"], logs["loss"]
        np.testing.assert_allclose(found, (main, kind, main + 0.5 * kind), rtol=1e-5)
    with pytest.raises(ArgumentError, match="class_weight is for a model of one out"):
        model.fit(X, LISTED, class_weight={0: 1.0}, verbose=0)


@pytest.mark.parametrize(
    ("y", "more"),
    [
        (NAMED, {}),
        (tuple(LISTED), {"validation_split": 0.5, "epochs": 1, "batch_size": 20}),
        ([MAIN.tolist(), KIND.tolist()], {"checkpoint": "run"}),
    ],
)
def test_targets_are_given_in_order_or_by_name(trained, y, more, tmp_path):
    if "checkpoint" in more:
        more = {"checkpoint": tmp_path / "run"}
    model = forked(
        loss=dict(zip(["kind", "main"], LOSSES[::-1], strict=True)),
        metrics={"kind": "accuracy", "main": "mae"},
        loss_weights={"kind": 0.5, "main": 1},
    )
    history = model.fit(X, y, **FIT | more).history
    if "validation_split" in more:
        assert {name.removeprefix("val_") for name in history} == {*trained[1]}
        return
    assert history == trained[1]
    batches = [(X[:8], {name: own[:8] for name, own in NAMED.items()})]
    logs = model.evaluate(iter(batches), verbose=0)
    np.testing.assert_allclose(logs, model.evaluate(*batches[0], verbose=0), rtol=1e-5)
    swept = jn.sweep(model, {"seed": [3, 4]}, X, y, **FIT)
    assert swept[0].logs == {name: values[-1] for name, values in history.items()}
    with pytest.raises(ArgumentError, match="an ensemble is of networks of one output"):
        swept.ensemble(2, "loss")


def test_a_dictionary_of_losses_leaves_out_what_is_not_trained():
    """Where outputs come in a dictionary: of a list it says too little, as in Keras."""
    keys = ("main", "kind")
    models = [
        forked(keys, loss=loss, metrics={"kind": "accuracy"})
        for loss in ({"main": "mse"}, {"main": "mse", "kind": None})
    ]
    logs = [model.evaluate(X, NAMED, 20, 0, return_dict=True) for model in models]
    assert logs[0] == logs[1]
    assert list(logs[0]) == ["kind_accuracy", "loss"]
    text = "loss is a dict of 'main', and the model has 2 outputs, 'main', 'kind'"
    with raises_text(ArgumentError, text):
        forked(loss={"main": "mse"})
    with raises_text(ArgumentError, "loss is a dict of 'other', and the model has 2"):
        forked(keys, loss={"other": "mse"})
    with raises_text(ArgumentError, "loss is None for all outputs: give it for one"):
        forked(keys, loss={})


class Forked(jn.Model):
    """The layers of `forked`, in a class."""

    def __init__(self, keyed=False, **options):
        super().__init__(**options)
        self.hidden = jn.Dense(4, "tanh")
        self.main, self.kind = jn.Dense(1), jn.Dense(3, "softmax")
        self.keyed = keyed

    def call(self, x):
        hidden = self.hidden(x)
        main, kind = self.main(hidden), self.kind(hidden)
        return {"main": main, "kind": kind} if self.keyed else [main, kind]


def written(weights, settings, keyed=False):
    """One that is compiled before its outputs are known, with these weights."""
    model = Forked(keyed, seed=3)
    model.compile("sgd", **settings)
    model(X)
    model.set_weights(weights)
    return model


BY_NAME = {
    "loss": dict(zip(["main", "kind"], LOSSES, strict=True)),
    "metrics": {"main": ["mae"], "kind": ["accuracy"]},
    "loss_weights": {"kind": 0.5, "main": 1},
}
BY_PLACE = {
    "loss": LOSSES,
    "metrics": [["mae"], ["accuracy"]],
    "loss_weights": [1, 0.5],
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("keyed", [True, False])
def test_a_class_of_ones_own_gives_several_too(keyed, tmp_path):
    functional = forked(["main", "kind"] if keyed else None, loss="mse")
    order = [functional.get_layer(name) for name in ("hidden", "main", "kind")]
    weights = [w for layer in order for w in layer.get_weights()]
    settings, y = (BY_NAME, NAMED) if keyed else (BY_PLACE, LISTED)
    functional.compile("sgd", **settings)
    wanted = functional.fit(X, y, **FIT).history
    model = written(weights, settings, keyed)
    history = model.fit(X, y, **FIT, checkpoint=tmp_path / "run").history
    names = dict.fromkeys(wanted)
    if not keyed:
        assert model.metrics_names == [
            *("loss", "mae", "accuracy"),
            *("mse_loss", "sparse_categorical_crossentropy_loss"),
        ]
        names = {"kind_accuracy": "accuracy", "main_mae": "mae", "loss": "loss"}
        names |= {"main_loss": "mse_loss", "kind_loss": model.metrics_names[-1]}
    assert len(history) == len(wanted) == len(names)
    for name, own in names.items():
        np.testing.assert_allclose(history[own or name], wanted[name], rtol=1e-6)
    outputs, expected = (one.predict(X) for one in (model, functional))
    assert type(outputs) is type(expected)
    for key in ("main", "kind") if keyed else (0, 1):
        np.testing.assert_allclose(outputs[key], expected[key], rtol=1e-6)
    weight = [None, MAIN**2] if not keyed else {"kind": MAIN**2, "main": None}
    found, right = (
        one.evaluate(X, y, verbose=0, sample_weight=weight, return_dict=True)
        for one in (model, functional)
    )
    assert found["loss"] == pytest.approx(right["loss"], rel=1e-6)
    model.save(tmp_path / "m.safetensors")
    own = {"Forked": Forked}
    again = jn.models.load_model(tmp_path / "m.safetensors", own)
    histories = [one.fit(X, y, **FIT).history for one in (model, again)]
    assert histories[0] == histories[1]


def test_a_sweep_of_such_a_class_finds_out_its_outputs():
    model = Forked(seed=3)
    model.compile("sgd", **BY_PLACE)
    swept = jn.sweep(model, {"seed": [3, 4]}, X, LISTED, **FIT)
    other = Forked(seed=3)
    other.compile("sgd", **BY_PLACE)
    history = other.fit(X, LISTED, **FIT).history
    for name, values in swept[0].history.history.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-5)


def test_what_such_a_class_is_compiled_with_is_checked_before_training():
    model = Forked()
    model.compile("sgd", ["mse"])
    with raises_text(StateError, "the input shape is not known yet"):
        model.evaluate(X, LISTED)
    with raises_text(ArgumentError, "loss is a list of 1, and the model has 2 outputs"):
        model.fit(X, LISTED)
    model.compile("sgd", "mse")
    with raises_text(ArgumentError, "y is a ndarray, and the model has 2 outputs"):
        model.fit(X, MAIN)
    model.compile("sgd", "mse", [["mae"], ["mae"]], [["mae"], None])
    names = ["loss", "mae", "mae_1", "weighted_mae", "mse_loss", "mse_loss_1"]
    assert model.metrics_names == names

    class Nested(jn.Model):
        def call(self, x):
            return x, {"again": x}

    nested = Nested()
    nested.compile("sgd", "mse")
    with raises_text(ShapeError, "Nested() gives outputs of the shapes"):
        nested.fit(X, LISTED)


def test_outputs_come_in_a_list_or_by_their_keys(trained):
    model, _ = trained
    assert model.output_shape == [(None, 1), (None, 3)]
    named = forked(["a", "b"], loss=dict(zip(["a", "b"], LOSSES, strict=True)))
    named.set_weights(model.get_weights())
    listed, found = model.predict(X), named.predict(X)
    assert type(listed) is list
    assert [*found] == ["a", "b"]
    for one, other, at_once in zip(
        listed, found.values(), named(X).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, at_once, rtol=1e-6)
    assert named.metrics_names == ["loss", "a_loss", "b_loss"]


def test_an_output_without_a_loss_is_not_trained():
    model = forked(loss=["mse", None])
    before = model.get_weights()
    model.fit(X, MAIN, **FIT)
    assert model.metrics_names == ["loss"]
    after = model.get_weights()
    changed = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert changed == [True] * 4 + [False] * 2
    model.compile("sgd", [None, LOSSES[1]], {"main": "mae"})
    assert model.metrics_names == ["loss", "main_mae"]


def test_the_only_output_may_go_by_its_name_too():
    x = jn.Input((3,))
    model = jn.Model(x, jn.Dense(1, name="out")(x))
    model.compile("sgd", {"out": "mse"}, {"out": ["mae"]}, loss_weights={"out": 1})
    assert model.metrics_names == ["loss", "mae"]
    named = model.evaluate(X, {"out": MAIN}, verbose=0, sample_weight={"out": MAIN**2})
    assert named == model.evaluate(X, MAIN, verbose=0, sample_weight=MAIN**2)
    with raises_text(ArgumentError, "is a dict of 'main', and the model has 1 outputs"):
        model.compile("sgd", {"main": "mse"})


def test_a_pure_trainer_takes_tuples_of_targets(trained):
    model, _ = trained
    pure = jn.Trainer(model.net, LOSSES, "sgd", loss_weights=(1, 0.5))
    state = pure.init(jax.random.key(0), (3,))
    state, logs = jax.jit(pure.step)(state, (X, (MAIN[:, None], KIND)))
    assert float(logs["loss"]) == pytest.approx(
        float(logs["main_loss"] + 0.5 * logs["kind_loss"])
    )
    assert pure == jn.Trainer(pure.net, pure.loss, "sgd", loss_weights=[1.0, 0.5])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"loss": {"main": "mse"}},
            "loss is a dict of 'main', and the model has",
        ),
        ({"loss": ["mse"]}, "loss is a list of 1, and the model has 2 outputs"),
        ({"loss": [None, None]}, "loss is None for all outputs"),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics is a list of 1"),
        ({"loss": "mse", "metrics": {"mean": "mae"}}, "metrics is a dict of 'mean'"),
        ({"loss": "mse", "loss_weights": [1]}, "loss_weights is a list of 1"),
        (
            {"loss": "mse", "loss_weights": {"kind": 1}},
            "loss_weights is a dict of 'kind', and the model has 2 outputs",
        ),
        ({"loss": "mse", "loss_weights": ["1", 1]}, "loss_weights gives 'main' '1'"),
    ],
)
def test_what_compile_is_given_by_output_is_checked(settings, text):
    with raises_text(ArgumentError, text):
        forked(**settings)


@pytest.mark.parametrize(
    ("y", "weight", "kind", "text"),
    [
        (MAIN, None, ArgumentError, "y is a ndarray, and the model has 2 outputs"),
        ([MAIN], None, ArgumentError, "y is a list of 1, and the model has 2 outputs"),
        ({"main": MAIN}, None, ArgumentError, "y is a dict of 'main', and the model"),
        ([MAIN, KIND[1:]], None, DataError, "y[1] has 19 rows and"),
        (NAMED | {"kind": X}, None, ShapeError, "y['kind'] has shape (20, 3)"),
        (NAMED | {"main": MAIN * np.nan}, None, DataError, "y['main'] holds nan at"),
        (LISTED, [MAIN], ArgumentError, "sample_weight is a list of 1, and the model"),
        (LISTED, {"main": MAIN}, ArgumentError, "sample_weight is a dict of 'main'"),
        (LISTED, [X, None], ShapeError, "sample_weight[0] has shape (20, 3)"),
    ],
)
def test_other_targets_and_weights_are_said(trained, y, weight, kind, text):
    with raises_text(kind, text):
        trained[0].fit(X, y, sample_weight=weight, verbose=0)
    held = (X, y) if weight is None else (X, y, weight)
    with raises_text(kind, f"validation {text}"):
        trained[0].fit(X, LISTED, validation_data=held, verbose=0)


@pytest.mark.slow
def test_a_class_takes_as_many_inputs_as_it_gives_outputs():
    """Two targets are no two rows."""

    class Crossed(jn.Model):
        def __init__(self):
            super().__init__(seed=1)
            self.main, self.kind = jn.Dense(1), jn.Dense(3, "softmax")

        def call(self, inputs):
            wide, deep = inputs
            return self.main(deep), self.kind(wide)

    for targets in (LISTED, tuple(LISTED)):
        model = Crossed()
        model.compile("sgd", loss=LOSSES)
        model.fit((X, X[:, :2]), targets, batch_size=20, verbose=0)
        main, kind = model.predict((X, X[:, :2]))
        assert (main.shape, kind.shape) == ((20, 1), (20, 3))
        loss = np.mean((main[:, 0] - MAIN) ** 2, dtype=np.float64)
        loss -= np.mean(np.log(kind[np.arange(20), KIND]), dtype=np.float64)
        found = model.evaluate((X, X[:, :2]), targets, verbose=0)[0]
        np.testing.assert_allclose(found, loss, rtol=1e-5)
