"""One source of own classes in Keras's form, run by Keras and by this library."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation", "as_a_user_writes")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = (X.sum(-1, keepdims=True) > 0.0).astype(np.float32)
WEIGHT = RNG.uniform(0.5, 2.0, 20).astype(np.float32)
# The last batch has 4 rows, which are padded here.
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


@pytest.fixture
def as_a_user_writes():
    """Scripts of users are not as strict as the tests are."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def layers_of(keras):
    """Layers as lessons write them, for whichever library is given."""
    layers = keras.layers

    class Linear(layers.Layer):
        def __init__(self, units=32, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.activation = keras.activations.get(activation)

        def build(self, input_shape):
            self.w = self.add_weight(
                shape=(input_shape[-1], self.units),
                initializer="random_normal",
                regularizer="l2",
                constraint="unit_norm",
                trainable=True,
                name="w",
            )
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
            self.fixed = self.add_weight(
                shape=(), initializer="ones", trainable=False, name="fixed"
            )

        def call(self, inputs):
            return self.activation(inputs @ self.w + self.b) * self.fixed

    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = layers.Dense(5, activation="tanh", kernel_regularizer="l2")
            self.rest = [layers.Dropout(0.0), Linear(3)]

        def call(self, inputs, training=None):
            x = self.first(inputs)
            for layer in self.rest:
                x = layer(x)
            return x

    class Residual(layers.Layer):
        def build(self, input_shape):
            self.inner = layers.Dense(input_shape[-1], activation="tanh")
            self.inner.build(input_shape)

        def call(self, x):
            return x + self.inner(self.inner(x))

    class Shifted(layers.Dense):
        """A layer of the library, of which only ``call`` is another."""

        def call(self, inputs, training=None):
            return super().call(inputs) + ops.mean(self.kernel, axis=0)

    ops = keras.ops
    return [Block(), Residual(), Shifted(3), layers.Dense(1, "sigmoid")]


def settings_of(keras):
    """Metrics and a loss as lessons write them, for whichever library is given."""
    ops, metrics = keras.ops, keras.metrics

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.value = self.add_variable(shape=(), initializer="zeros", name="v")

        def update_state(self, y_true, y_pred, sample_weight=None):
            error = ops.max(ops.abs(y_true - y_pred))
            self.value.assign(ops.maximum(self.value, error))

        def result(self):
            return self.value + 0.0  # Keras cannot return the variable itself

        def reset_state(self):
            self.value.assign(0.0)

    class MeanError(metrics.Metric):
        """Counts by the shape of what comes, and so must not see padding."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = ops.mean(ops.abs(y_true - y_pred), axis=-1)
            if sample_weight is not None:
                values = values * ops.cast(sample_weight, values.dtype)
            self.total.assign_add(ops.sum(values))
            self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

        def result(self):
            return self.total / self.count

    class F1(metrics.Metric):
        def __init__(self, name="f1"):
            super().__init__(name=name)
            self.parts = [metrics.Precision(), metrics.Recall()]

        def update_state(self, y_true, y_pred, sample_weight=None):
            for part in self.parts:
                part.update_state(y_true, y_pred)

        def result(self):
            precision, recall = (part.result() for part in self.parts)
            return 2.0 * precision * recall / (precision + recall + 1e-7)

        def reset_state(self):
            for part in self.parts:
                part.reset_state()

    class Flipped(metrics.Recall):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(1.0 - y_true, 1.0 - y_pred, sample_weight)

    class Squared(keras.losses.Loss):
        def __init__(self, factor=2.0, name="squared"):
            super().__init__(name=name)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)

    return {
        "optimizer": keras.optimizers.SGD(0.05),
        "loss": Squared(3.0),
        "metrics": [Largest(), MeanError(name="error"), F1(), Flipped(name="flipped")],
        "weighted_metrics": [MeanError(name="weighted")],
    }


def test_one_source_trains_and_counts_as_in_keras():
    model = jn.Sequential([jn.Input((3,)), *layers_of(jn)])
    model.compile(**settings_of(jn))
    with keras_on_jax() as keras:
        other = keras.Sequential([keras.Input((3,)), *layers_of(keras)])
        other.compile(**settings_of(keras))
        paths = [weight.path.split("/", 1)[1] for weight in other.weights]
        given = dict(zip(paths, other.get_weights(), strict=True))
        theirs = other.fit(X, Y, sample_weight=WEIGHT, **FIT).history
        after = dict(zip(paths, other.get_weights(), strict=True))
        counts = other.count_params(), len(other.trainable_weights)
        # One program: op by op each would be one of its own.
        by_hand = jax.jit(lambda: counted(settings_of(keras)["metrics"][2:]))()
    own = [weight.path for weight in model.weights]
    assert len(own) == len(given)

    def ordered(theirs):
        # Keras numbers names through the whole program, and the paths are in order.
        shapes = {path: list(by_kind(theirs, path)) for path in {kind(p) for p in own}}
        return [shapes[kind(path)].pop(0) for path in own]

    model.set_weights(ordered(given))
    history = model.fit(X, Y, sample_weight=WEIGHT, **FIT).history
    assert list(history) == list(theirs)
    for name, values in theirs.items():
        assert_close(history[name], values, 1e-5)
    for mine, weight in zip(model.get_weights(), ordered(after), strict=True):
        assert_close(mine, weight, 2e-5)
    assert (model.count_params(), len(model.trainable_weights)) == counts
    mine = counted(settings_of(jn)["metrics"][2:])
    np.testing.assert_allclose(mine, by_hand, rtol=1e-5)


def counted(metrics):
    """What metrics say after two batches by hand, and once they have forgotten them."""
    found = []
    for metric in metrics:
        for rows in (slice(0, 7), slice(7, 20)):
            metric.update_state(Y[rows], X[rows, :1])
        found.append(metric.result())
        metric.reset_state()
        found.append(metric.result())
    return found


def kind(path):
    return path.rsplit("/", 1)[-1]


def by_kind(weights, path):
    return (value for name, value in weights.items() if kind(name) == path)


def coder_of(keras):
    """A model that adds to its own loss, for whichever library is given."""
    ops, layers = keras.ops, keras.layers

    class Small(layers.Layer):
        def __init__(self, rate=0.01, **kwargs):
            super().__init__(**kwargs)
            self.rate = rate

        def call(self, x):
            self.add_loss(self.rate * ops.sum(ops.square(x)))
            return x

    class Coder(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.encoder = layers.Dense(4, "tanh", activity_regularizer="l2")
            self.small, self.other = Small(0.02), Small(0.1)
            self.mean, self.log_var = layers.Dense(2), layers.Dense(2)
            self.decoder = layers.Dense(3, kernel_regularizer="l2")

        def call(self, x, training=False):
            x = self.small(self.encoder(x))
            mean, log_var = self.mean(x), self.log_var(x)
            kl = 1.0 + log_var - ops.square(mean) - ops.exp(log_var)
            self.add_loss(-0.5 * ops.mean(kl))
            return self.decoder(self.other(mean))

    return Coder()


def test_what_a_call_adds_counts_in_the_loss_as_in_keras():
    model = coder_of(jn)
    with keras_on_jax() as keras:
        other = coder_of(keras)
        other.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
        other(keras.Input((3,)))  # builds it without computing
        given = other.get_weights()
        theirs = other.fit(X, X, **FIT).history
        evaluated = other.evaluate(X, X, batch_size=8, verbose=0)
        after = other.get_weights()
    model.compile(jn.optimizers.SGD(0.05), "mse", metrics=["mae"])
    model(X)
    model.set_weights(given)
    history = model.fit(X, X, **FIT).history
    for name, values in theirs.items():
        assert_close(history[name], values, 1e-5)
    for mine, weight in zip(model.get_weights(), after, strict=True):
        assert_close(mine, weight, 2e-5)
    assert_close(model.evaluate(X, X, batch_size=8, verbose=0), evaluated, 1e-5)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("metrics", [None, ["mae"]])
def test_what_is_added_is_trained_alone_as_in_keras(metrics):
    y = X if metrics else None
    model = coder_of(jn)
    with keras_on_jax() as keras:
        other = coder_of(keras)
        other.compile(keras.optimizers.SGD(0.05), metrics=metrics)
        other(keras.Input((3,)))  # builds it without computing
        given = other.get_weights()
        theirs = other.fit(X, y, **FIT, validation_split=0.3).history
        after = other.get_weights()
    model.compile(jn.optimizers.SGD(0.05), metrics=metrics)
    model(X)
    model.set_weights(given)
    history = model.fit(X, y, **FIT, validation_split=0.3).history
    assert list(history) == list(theirs)
    for name, values in theirs.items():
        assert_close(history[name], values, 1e-5)
    for mine, weight in zip(model.get_weights(), after, strict=True):
        assert_close(mine, weight, 2e-5)


def forked_of(keras, keyed):
    """A model of two outputs, in a tuple or a dictionary, for whichever library."""

    class Forked(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(4, "tanh")
            self.main = keras.layers.Dense(1)
            self.kind = keras.layers.Dense(2, "softmax")

        def call(self, x):
            x = self.hidden(x)
            main, kind = self.main(x), self.kind(x)
            return {"main": main, "kind": kind} if keyed else (main, kind)

    return Forked()


CROSSENTROPY = "sparse_categorical_crossentropy"
BY_OUTPUT = {
    False: {
        "loss": ["mse", CROSSENTROPY],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [["mse"], None],
        "loss_weights": [0.7, 0.2],
    },
    True: {
        "loss": {"kind": CROSSENTROPY, "main": "mse"},
        "metrics": {"main": ["mae"], "kind": ["accuracy"]},
        "loss_weights": {"kind": 0.2, "main": 0.7},
    },
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("keyed", [True, False])
def test_several_outputs_of_a_class_are_logged_as_in_keras(keyed):
    main, kind = X[:, :1] - 1.0, Y[:, 0].astype(int)
    y = {"main": main, "kind": kind} if keyed else (main, kind)
    weight = {"main": WEIGHT, "kind": WEIGHT} if keyed else (WEIGHT, WEIGHT)
    model = forked_of(jn, keyed)
    with keras_on_jax() as keras:
        other = forked_of(keras, keyed)
        other.compile(keras.optimizers.SGD(0.05), **BY_OUTPUT[keyed])
        other(keras.Input((3,)))  # builds it without computing
        given = other.get_weights()
        theirs = other.fit(X, y, sample_weight=weight, **FIT).history
        evaluated = other.evaluate(X, y, batch_size=8, verbose=0)
        after = other.get_weights()
    model.compile(jn.optimizers.SGD(0.05), **BY_OUTPUT[keyed])
    model(X)
    model.set_weights(given)
    history = model.fit(X, y, sample_weight=weight, **FIT).history
    assert list(history) == list(theirs)
    for name, values in theirs.items():
        assert_close(history[name], values, 1e-5)
    for mine, weight in zip(model.get_weights(), after, strict=True):
        assert_close(mine, weight, 2e-5)
    assert_close(model.evaluate(X, y, batch_size=8, verbose=0), evaluated, 1e-5)


@pytest.mark.long
def test_random_numbers_of_a_seed_are_those_of_keras():
    logits = np.log(np.array([[0.2, 0.8], [0.5, 0.5]], np.float32))

    def drawn(random):
        generator = random.SeedGenerator(5)
        return [
            random.normal((2, 3), 1.0, 2.0, seed=4),
            *(random.uniform((3,), -1.0, 1.0, seed=generator) for _ in range(2)),
            random.truncated_normal((4,), seed=3),
            random.randint((4,), 2, 9, seed=3),
            random.categorical(logits, 5, seed=1),
            random.dropout(X, 0.25, seed=2),
            random.shuffle(np.arange(7), seed=2),
            random.binomial((3,), 5.0, 0.5, seed=1),
            random.beta((3,), 2.0, 3.0, seed=1),
            random.gamma((3,), 2.0, seed=1),
        ]

    with keras_on_jax() as keras:
        theirs = drawn(keras.random)
    for mine, other in zip(drawn(jn.random), theirs, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=1e-6)


def normalized(keras, weights=None):
    """Losses and weights as a layer with parts is frozen, called and thawed."""
    layers = keras.layers

    class Inner(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.norm = layers.BatchNormalization(momentum=0.6)

        def call(self, x):
            return self.norm(x)

    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(4, "tanh", kernel_regularizer="l2")
            self.norm = layers.BatchNormalization(momentum=0.6)
            self.inner = Inner()

        def call(self, x):
            return self.inner(self.norm(self.dense(x)))

    x = keras.Input((3,))
    stack = keras.Sequential([keras.Input((4,)), Block(name="second")], name="stack")
    y = layers.Dense(1)(stack(Block(name="first")(x)))
    model = keras.Model(x, y)
    if weights is not None:
        model.set_weights(weights)
    start, losses, values = model.get_weights(), [], []
    first = model.get_layer("first")
    for layer, trainable in [(None, None), (first, False), (stack, False), (first, 1)]:
        if layer is not None:
            layer.trainable = bool(trainable)
        model.compile("sgd", "mse")
        losses.append(model.fit(X, Y, **FIT).history["loss"])
        values.append(model.get_weights())
    return start, losses, values


def test_what_is_within_a_frozen_layer_of_ones_own_is_frozen():
    with keras_on_jax() as keras:
        start, losses, values = normalized(keras)
    _, own_losses, own_values = normalized(jn, start)
    np.testing.assert_allclose(own_losses, losses, rtol=2e-5)
    for own, theirs in zip(own_values, values, strict=True):
        for mine, other in zip(own, theirs, strict=True):
            # The mean of what is normalized already is zero but for rounding.
            np.testing.assert_allclose(mine, other, rtol=2e-5, atol=1e-6)


def of_small_integers(keras):
    """A layer, a function and a loss that double and take off, each in one model."""
    layers = keras.layers

    class Centred(layers.Layer):
        def call(self, x):
            return 2 * x - 1

    class Distance(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(2 * y_true - 1 - y_pred), axis=-1)

    def hinge(y_true, y_pred):
        return keras.ops.mean(keras.ops.relu(1 - (2 * y_true - 1) * y_pred), axis=-1)

    for own in (Centred(), layers.Lambda(lambda x: 2 * x - 1)):
        for loss in (Distance(), hinge):
            inputs = keras.Input((3,))
            model = keras.Model(inputs, layers.Dense(1)(own(inputs)))
            model.set_weights([np.full((3, 1), 1e-3), np.zeros(1)])
            model.compile(keras.optimizers.SGD(1e-6), loss)
            yield model


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16"])
def test_small_integers_do_not_wrap_in_what_a_user_writes(dtype):
    """Trap: in uint8 twice 0 less 1 is 255; Keras hands over floats."""
    x = RNG.integers(0, 128, (20, 3)).astype(dtype)
    y = RNG.integers(0, 2, (20, 1)).astype(dtype)
    with keras_on_jax() as keras:
        expected = [
            (model.fit(x, y, **FIT).history["loss"], model.predict(x, verbose=0))
            for model in of_small_integers(keras)
        ]
    for model, (losses, outputs) in zip(of_small_integers(jn), expected, strict=True):
        assert_close(model.fit(x, y, **FIT).history["loss"], losses, 1e-5)
        assert_close(model.predict(x), outputs, 1e-5)
