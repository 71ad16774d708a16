"""Layers in Keras's form: what they compute, what stays as it is, what is said."""

import copy
import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text, where_jax_may_share

import jaxnet_mini as jn
from jaxnet_mini.errors import (
    ArgumentError,
    DataError,
    FileError,
    LayerError,
    ShapeError,
    UnknownNameError,
)
from jaxnet_mini.files import config

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.arange(20.0, dtype=np.float32).reshape(10, 2) / 10
Y = X[:, :1]
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}


class Linear(jn.Layer):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.seen = input_shape

    def call(self, x):
        self.last = x
        return x @ self.kernel


class Counting(jn.Layer):
    """Counts rows and batches, of which the last is padded."""

    def __init__(self, inner=None, **options):
        super().__init__(**options)
        self.inner = inner
        self.rows = self.add_weight(initializer="zeros", trainable=False, name="rows")

    def call(self, x, training=None, mask=None, key=None):
        if training:
            self.rows.assign_add(len(x) if mask is None else jnp.sum(mask))
            x = x + 0.0 * jax.random.normal(key, x.shape)
        return x if self.inner is None else self.inner(x)


def test_an_object_stays_as_it_is():
    layer = Linear(3, name="own", input_shape=(2,))
    before = {**vars(layer)}
    net = jn.serial(layer, jn.Dense(1))
    _, params = net.init(jax.random.key(0), (2,))
    with jax.checking_leaks():
        jax.eval_shape(lambda key: net.init(key, (2,))[1], jax.random.key(0))
        gradient = jax.grad(lambda params, x: net.apply(params, x[None]).sum())
        jax.eval_shape(jax.vmap(gradient, (None, 0)), params, X)
    expected = X @ params["own"]["kernel"] @ params["dense"]["kernel"]
    np.testing.assert_allclose(net.apply(params, X), expected, rtol=1e-5)
    assert {n: v for n, v in vars(layer).items() if n != "_looked"} == before
    assert not hasattr(layer, "kernel")
    assert repr(layer) == "Linear(units=3, name='own', input_shape=(2,))"


def test_an_object_equals_itself_alone():
    one, other = Linear(3), Linear(3)
    assert one == one
    assert one != other
    assert jn.serial(one) == jn.serial(one) != jn.serial(other)
    assert hash(one) != hash(copy.deepcopy(one))
    assert isinstance(jn.Dense(3), jn.layers.Layer)
    assert not isinstance(jn.Dense(3), Linear)
    assert not isinstance(3, jn.Layer)


def test_what_is_assigned_is_remembered_and_padding_is_not_counted():
    model = jn.Sequential([Counting(Counting(jn.Dense(1, "tanh")), input_dim=2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, **FIT)
    assert model.layer_state["counting"]["rows"] == 20.0
    assert model.layer_state["counting"]["counting"]["rows"] == 20.0
    model.predict(X)
    assert model.layer_state["counting"]["rows"] == 20.0
    assert [w.path for w in model.weights] == [
        *("counting/rows", "counting/counting/rows"),
        *("counting/counting/dense/kernel", "counting/counting/dense/bias"),
    ]
    with raises_text(LayerError, "remembers more than its parameters"):
        model.net.apply(model.params, X)


def test_weights_that_are_never_assigned_are_parameters_that_stay():
    class Random(Linear):
        def build(self, input_shape):
            super().build(input_shape)
            self.fixed = self.add_weight(
                (self.units,), "random_normal", trainable=False
            )

    model = jn.Sequential([Random(3, input_dim=2), jn.Dense(1)])
    model.compile("sgd", "mse")
    fixed, kernel = (model.params["random"][n] for n in ("variable", "kernel"))
    model.fit(X, Y, **FIT)
    np.testing.assert_array_equal(model.params["random"]["variable"], fixed)
    assert np.any(model.params["random"]["kernel"] != kernel)
    assert model.layer_state == {}
    assert np.any(fixed)


def test_it_is_saved_by_its_config(tmp_path):
    class Wide(Linear):
        def __init__(self, units, sizes, factor=2.0):
            super().__init__(units)
            self.sizes, self.factor = sizes, factor

        def get_config(self):
            config = {"units": self.units, "factor": self.factor}
            return config | {"sizes": self.sizes}

    model = jn.Sequential([Wide(3, [1, 2], 4.0), Counting(jn.Dense(1), name="c")])
    model.build((None, 2))
    model.save(tmp_path / "m.safetensors")
    own = {"Wide": Wide, "Counting": Counting}
    again = jn.models.load_model(tmp_path / "m.safetensors", own)
    np.testing.assert_array_equal(again(X), model(X))
    assert [again.layers[0].sizes, again.layers[0].factor] == [(1, 2), 4.0]
    assert config.to_config(Linear(3, name="a"))["config"] == {"units": 3, "name": "a"}

    class Strict(Linear):
        def __init__(self, units):
            super().__init__(units)

        def get_config(self):
            return super().get_config() | {"units": 3}

    text = {"class": "Strict", "config": Strict(3).get_config()}
    with raises_text(ArgumentError, "pass those of its base on to super().__init__"):
        config.from_config(text, {"Strict": Strict})


def test_a_run_is_kept_and_goes_on_with_the_same_class_alone(tmp_path):
    def model(layer):
        made = jn.Sequential([layer, jn.Dense(1)])
        made.compile("sgd", "mse")
        return made

    first = model(Counting(Linear(3)))
    history = first.fit(X, Y, **FIT, checkpoint=tmp_path).history
    again = model(Counting(Linear(3))).fit(X, Y, **FIT, checkpoint=tmp_path)
    assert again.history == history

    class Other(Linear):
        def call(self, x):
            return 2.0 * super().call(x)

    Other.__name__ = "Linear"
    with raises_text(FileError, "was another one"):
        model(Counting(Other(3))).fit(X, Y, **FIT, checkpoint=tmp_path)


def test_members_of_a_sweep_learn_what_they_would_alone():
    model = jn.Sequential([Counting(Linear(3)), jn.Dense(1)])
    model.compile(jn.optimizers.SGD(0.1), "mse")
    result = jn.sweep(model, {"seed": [0, 5]}, X, Y, **FIT)
    alone = jn.Sequential([Counting(Linear(3)), jn.Dense(1)], seed=5)
    alone.compile(jn.optimizers.SGD(0.1), "mse")
    alone.fit(X, Y, **FIT)
    got = result[1].model.get_weights()
    for one, other in zip(got, alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_called_by_itself_it_has_weights_of_its_own():
    class Sums(jn.Layer):
        """Adds up what it has seen, as Keras's guide has it."""

        def __init__(self, size):
            super().__init__()
            self.total = self.add_weight((size,), "zeros", trainable=False)

        def call(self, x):
            self.total.assign_add(jnp.sum(x, axis=0))
            return self.total + 0.0

    sums = Sums(2)
    np.testing.assert_array_equal(sums(np.ones((2, 2))), [2.0, 2.0])
    np.testing.assert_array_equal(sums(np.ones((2, 2))), [4.0, 4.0])
    assert (len(sums.weights), len(sums.trainable_weights)) == (1, 0)

    class Block(Linear):
        def build(self, input_shape):
            super().build(input_shape)
            self.gain = self.add_weight((), "ones", name="of_all")
            self.inner = Linear(1)

        def call(self, x):
            return self.inner(self.gain * super().call(x))

    block = Block(3)
    with raises_text(AttributeError, "once the layer is called by itself"):
        block.kernel  # noqa: B018
    y = jax.jit(block)(X)
    kernels = [block.kernel, block.linear["kernel"]]
    np.testing.assert_allclose(y, X @ kernels[0] @ kernels[1], rtol=1e-5)
    assert [w.shape for w in block.weights] == [(2, 3), (), (3, 1)]
    assert float(block.gain) == 1.0
    model = jn.Sequential([block])
    np.testing.assert_allclose(model(X), y, rtol=1e-5)
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    # The layer answers for its model's weights, and trains and is set with them.
    assert np.any(np.asarray(block.kernel) != kernels[0])
    for mine, one in zip(block.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, one)
    np.testing.assert_array_equal(block(X), model(X))
    block.set_weights([np.zeros((2, 3)), 1.0, np.zeros((3, 1))])
    np.testing.assert_array_equal(model(X), np.zeros((10, 1)))
    assert block.count_params() == model.count_params() == 10
    assert set(block.linear) == {"kernel"}
    del model
    gc.collect()
    with raises_text(AttributeError, "which is gone"):
        block.kernel  # noqa: B018
    with raises_text(LayerError, "which is gone"):
        block(X)


def test_the_weights_of_one_called_by_itself_can_be_set():
    layer = Counting(Linear(3))
    assert layer.weights == layer.get_weights() == []
    layer(X)
    before = layer.get_weights()
    assert [array.shape for array in before] == [(2, 3), ()]
    with raises_text(ArgumentError, "has 2 weights, and set_weights was given 1"):
        layer.set_weights(before[:1])
    with raises_text(ShapeError, "weight '0' has shape (2, 3) and was given (3, 2)"):
        layer.set_weights([before[0].T, before[1]])
    with raises_text(DataError, "weight '1' is of float32 and was given 1e+300"):
        layer.set_weights([before[0], 1e300])
    np.testing.assert_allclose(layer(X), X @ before[0], rtol=1e-5, atol=1e-6)
    given = where_jax_may_share(2 * before[0])
    layer.set_weights([given, 7])
    given[:] = np.nan
    np.testing.assert_allclose(layer(X), 2 * X @ before[0], rtol=1e-5, atol=1e-6)
    assert float(layer.weights[1]) == 7


class Costly(jn.Layer):
    """Adds the sum of its inputs to the loss, and has a part with a penalty."""

    def __init__(self):
        super().__init__()
        self.part = jn.Dense(1, kernel_regularizer="l2")

    def call(self, x):
        self.add_loss(jnp.sum(x))
        return self.part(x)


def test_called_by_itself_it_tells_what_it_adds_to_the_loss():
    layer = Costly()
    assert layer.losses == []
    for size in (2.0, 3.0):  # of the last call alone
        layer(np.full((1, 2), size, np.float32))
        penalty = 0.01 * np.sum(np.square(layer.variables[0]))
        np.testing.assert_allclose(layer.losses, [2 * size, penalty], rtol=1e-6)


def test_its_outputs_can_be_penalized():
    model = jn.Sequential([Linear(3, activity_regularizer="l2", input_dim=2)])
    model.compile("sgd", "mse")
    y = np.zeros((10, 3), np.float32)
    out = np.asarray(model(X), np.float64)
    expected = np.mean(out**2) + 0.01 * np.sum(out**2) / 10
    np.testing.assert_allclose(model.evaluate(X, y, 10, 0), expected, rtol=1e-5)


def test_what_calls_add_to_the_loss_knows_no_padding():
    class Adding(jn.Layer):
        def __init__(self):
            super().__init__()
            self.inner = jn.Dense(2, activity_regularizer="l2")

        def call(self, x):
            y = self.inner(x)
            self.add_loss([0.1 * jnp.sum(y**2), jnp.mean(jnp.exp(x))])
            self.add_loss(0.3 * y[:, 0])
            return y

    net = jn.serial(jn.repeat(Adding(), 2), name="all")
    trainer = jn.Trainer(jn.serial(net), "mse", "sgd")
    state = trainer.init(jax.random.key(0), (2,))
    mask = np.array([True, True, False, True])
    x = np.where(mask[:, None], X[:4], 7.0).astype(np.float32)

    def written_out(rows):
        y, total = np.asarray(rows, np.float64), 0.0
        kernels = state.params["all"]["repeat"]["dense"]["kernel"]
        for kernel in np.asarray(kernels, np.float64):
            before, y = y, y @ kernel
            total += (0.1 + 0.01 / len(rows)) * np.sum(y**2) + 0.3 * y[:, 0].sum()
            total += np.mean(np.exp(before))
        return total + np.mean(y**2)

    step = jax.jit(trainer.step)
    for batch, rows in (
        ((x, 0.0 * x, None, mask), x[mask]),
        ((x, 0.0 * x, None, None), x),
    ):
        after, logs = step(state, batch)
        np.testing.assert_allclose(logs["loss"], written_out(rows), rtol=1e-5)
        assert after.layer_state == state.layer_state == {"all": {"repeat": {}}}
    with_padding, _ = step(state, (x, 0.0 * x, None, mask))
    without, _ = step(state, (x[mask], 0.0 * x[mask]))
    for one, other in zip(
        *map(jax.tree.leaves, (with_padding.params, without.params)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_a_part_may_be_in_training_in_any_case():
    """Monte-Carlo dropout: a model of such a layer draws anew at each prediction."""

    class MonteCarlo(jn.Layer):
        def __init__(self):
            super().__init__()
            self.drop = jn.Dropout(0.5)

        def call(self, x):
            return self.drop(x, training=True)

    layer, x = MonteCarlo(), np.ones((40, 2), np.float32)
    with raises_text(ArgumentError, "draws random numbers in training: give apply"):
        layer.apply(layer.init(jax.random.key(0), (2,))[1], x)
    model = jn.Sequential([jn.Input((2,)), layer])
    first, second = model.predict(x), model.predict(x)
    assert set(np.unique(first)) == {0.0, 2.0}
    assert (first != second).any()


def test_bad_classes_are_told_what_to_do():
    key = jax.random.key(0)

    def layer(call=lambda self, x: x, build=None, **attributes):
        methods = {"call": call} | ({"build": build} if build else {})
        made = type("Mine", (jn.Layer,), methods)()
        for name, value in attributes.items():
            setattr(made, name, value)
        return made

    def weight(**named):
        return layer(build=lambda self, _: self.add_weight((2,), **named))

    for own, error, words in (
        (jn.Layer(), LayerError, "give it def call(self, x)"),
        (layer(lambda self, x: x.sum()), ShapeError, "one row for each"),
        (weight(initializer="zeroes"), UnknownNameError, "did you mean 'zeros'"),
        (weight(dtype="float8"), ArgumentError, "dtype must be one of float32"),
        (weight(constraint="nonneg"), UnknownNameError, "unknown constraint"),
        (weight(name=3), ArgumentError, "name must be a string"),
        (layer(a=jn.Dense(1, name="d"), b=jn.Dense(1, name="d")), ArgumentError, "'d'"),
        (Linear(3, input_dim=5), ShapeError, "expects inputs of shape (5,)"),
    ):
        with raises_text(error, words):
            own.init(key, (2,))
    with raises_text(ArgumentError, "input_shape or input_dim, not both"):
        Linear(3, input_dim=5, input_shape=(5,))
    with raises_text(ArgumentError, "dtype must be", "not 'float16'"):
        Linear(3, dtype="float16")
    with raises_text(ArgumentError, "Linear sets self.penalty", "self.own_penalty"):
        Linear(3).penalty = 0.1
    with raises_text(LayerError, "outside of a call"):
        Counting().rows + 1
    with raises_text(LayerError, "adds to the loss outside of a call"):
        Linear(3).add_loss(1.0)
    with raises_text(LayerError, "write has_state = True into the class"):
        hidden = layer(lambda self, x: self.inner(x), lambda self, _: grown(self))
        hidden.apply(hidden.init(key, (2,))[1], X)


def grown(layer):
    layer.inner = Counting()


def test_layers_called_by_themselves_begin_differently():
    one, other = Linear(3), Linear(3)
    assert not np.array_equal(one(X), other(X))


def test_weights_are_got_in_the_order_in_which_they_are_set():
    """Also in a model, and with a frozen weight between trained ones."""

    class Between(jn.Layer):
        def build(self, input_shape):
            self.first = self.add_weight((2, 2), "ones", name="first")
            self.still = self.add_weight((2, 2), "ones", trainable=False, name="still")
            self.last = self.add_weight((2, 1), "ones", name="last")

        def call(self, x):
            return x @ self.first @ self.still @ self.last

    layer = Between()
    layer(X)
    for _ in ("alone", "in a model"):
        layer.set_weights([2 * array for array in layer.get_weights()])
        model = jn.Sequential([jn.Input((2,)), layer])
    expected = model.layers[0].get_weights()
    for mine, one in zip(layer.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(mine, one)
    sums = X @ np.ones((2, 1))
    np.testing.assert_allclose(layer(X), 4**3 * 2 * 2 * sums, rtol=1e-5)
