"""Values: equal only where they are equal, whatever class a user makes of them."""

import copy
import dataclasses
import functools
import inspect
import pickle

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import initializers, losses, metrics, optimizers, regularizers
from jaxnet_mini.core import values
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.layers import Base, Dense, Dropout, LeakyReLU, Rescaling

pytestmark = pytest.mark.usefixtures("quick_compilation")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(64, 3)).astype(np.float32)
Y = GENERATOR.normal(size=(64, 1)).astype(np.float32)


class Pinball(losses.Loss):
    def __init__(self, q):
        super().__init__()
        self.q = q

    def per_example(self, y_true, y_pred):
        error = y_true - y_pred
        return jnp.mean(jnp.maximum(self.q * error, (self.q - 1.0) * error), -1)


class Weighted(losses.MeanSquaredError):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def per_example(self, y_true, y_pred):
        return self.weight * super().per_example(y_true, y_pred)


@dataclasses.dataclass(frozen=True)
class Power(losses.Loss):
    """A dataclass, whose plain subclass inherits what @dataclass wrote."""

    power: float = 2.0

    def per_example(self, y_true, y_pred):
        return jnp.mean(jnp.abs(y_true - y_pred) ** self.power, -1)


class Multiplied(Power):
    def __init__(self, times):
        super().__init__(2.0)
        self.times = times

    def per_example(self, y_true, y_pred):
        return self.times * super().per_example(y_true, y_pred)


class Ridge(regularizers.Regularizer):
    def __init__(self, strength):
        self.strength = strength

    def __call__(self, x):
        return self.strength * jnp.sum(x * x)


class Stronger(regularizers.L2):
    def __init__(self, times):
        super().__init__(1.0)
        self.times = times

    def __call__(self, x):
        return self.times * super().__call__(x)


class Times(Base):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, params, x):
        return self.factor * x


class Slower(optimizers.SGD):
    def __init__(self, share):
        super().__init__(0.1)
        self.share = share

    def transformation(self):
        return optax.chain(super().transformation(), optax.scale(self.share))

    def init(self, params):
        return super().init(params), optax.scale(1.0).init(params)


class Within(metrics.Metric):
    def __init__(self, limit):
        self.name, self.limit = "within", limit

    def zeros(self):
        return metrics.Mean().zeros()

    def totals(self, y_true, y_pred, weight):
        near = jnp.abs(y_true - y_pred)[:, 0] < self.limit
        return metrics.Mean().totals(near, weight)

    def result(self, totals):
        return metrics.Mean().result(totals)


OWN = [Pinball, Weighted, Multiplied, Ridge, Stronger, Times, Slower, Within]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_what_a_plain_class_holds_tells_its_values_apart(kind):
    one, same, other = kind(0.1), kind(0.1), kind(0.9)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "a word"
    for copied in (copy.copy(other), pickle.loads(pickle.dumps(other))):
        assert copied == other != one
    # What is set after a look is seen too.
    name = next(n for n, value in vars(other).items() if value == 0.9)
    setattr(other, name, 0.1)
    assert other == one
    assert hash(other) == hash(one)


def test_each_type_and_sign_of_a_number_is_a_value_of_its_own():
    """Each may be another program; two of them never share one by mistake."""
    numbers = [0, 0.0, -0.0, False, np.float32(0.0), 1, 1.0, True, float("nan"), None]
    for index, number in enumerate(numbers):
        for other_index, other in enumerate(numbers):
            equal = Pinball(number) == Pinball(other)
            assert equal is (index == other_index), (number, other)
    assert Dropout(0.0) != Dropout(-0.0)
    with unchecked_types():
        assert LeakyReLU(1) != LeakyReLU(1.0)
        # Where a class makes one number of them, it is one value.
        assert regularizers.L2(1) == regularizers.L2(1.0)
        assert Dense(3, use_bias=1) == Dense(3, use_bias=True)


def test_a_sign_of_zero_and_a_type_are_computed_with():
    """The case behind the test above: values that Python calls equal."""
    ones = np.ones((1, 1), np.float32)

    def predicted(layer):
        model = jn.Sequential([layer])
        model.build((None, 1))
        return model.predict(ones)[0, 0]

    assert [np.signbit(predicted(Times(zero))) for zero in (0.0, -0.0)] == [0, 1]
    assert [np.signbit(predicted(Rescaling(zero))) for zero in (0.0, -0.0)] == [0, 1]

    @dataclasses.dataclass(frozen=True)
    class Foreign:
        """A layer by its methods alone, with the equality of a dataclass."""

        factor: float

        def init(self, key, input_shape):
            return input_shape, {}

        def apply(self, params, x, **_):
            return x * self.factor

    assert [np.signbit(predicted(Foreign(zero))) for zero in (0.0, -0.0)] == [0, 1]


@pytest.mark.parametrize(
    ("held", "same", "other"),
    [
        ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0]),
        ({"a": [1]}, {"a": [1]}, {"a": [2]}),
        ({1, 2}, {2, 1}, {1, 3}),
        (np.ones(3), np.ones(3), np.zeros(3)),
        (np.ones(3), np.ones(3), np.ones(3, np.float32)),
        (np.array([0.0]), np.array([0.0]), np.array([-0.0])),
        (jnp.ones(3), jnp.ones(3), jnp.zeros(3)),
        (np.array(["a", None], object), np.array(["a", None], object), np.ones(2)),
        ((np.ones(1), [2]), (np.ones(1), [2]), (np.ones(1), [3])),
    ],
    ids=["list", "dict", "set", "array", "dtype", "sign", "jax", "objects", "nested"],
)
def test_what_cannot_be_hashed_is_told_apart_by_what_is_in_it(held, same, other):
    with unchecked_types():
        assert Pinball(held) == Pinball(same)
        assert hash(Pinball(held)) == hash(Pinball(same))
        assert Pinball(held) != Pinball(other)


def test_what_python_cannot_hash_is_itself_alone():
    class Unhashable:
        __hash__ = None

    one = Unhashable()
    assert Pinball(one) == Pinball(one) != Pinball(Unhashable())


def test_what_is_kept_for_speed_and_where_a_value_is_held_changes_nothing():
    class Kept(Times):
        @functools.cached_property
        def twice(self):
            return 2.0 * self.factor

    one, same = Kept(3.0), Kept(3.0)
    assert one.twice == 6.0
    assert one == same

    @dataclasses.dataclass(frozen=True, slots=True)
    class Slotted(losses.Loss):
        power: float = 2.0

        def per_example(self, y_true, y_pred):
            return y_pred[:, 0]

    assert Slotted(1.0) == Slotted(1.0) != Slotted(2.0)
    assert copy.copy(Slotted(1.0)) == Slotted(1.0)


def test_a_users_own_equality_is_the_users():
    class Rough(losses.MeanSquaredError):
        def __init__(self, q):
            super().__init__()
            self.q = q

        def __eq__(self, other):
            return type(self) is type(other) and round(self.q) == round(other.q)

        def __hash__(self):
            return hash(round(self.q))

    assert Rough(1.0) == Rough(1.1) != Rough(2.0)

    text = "Half defines __eq__ and no __hash__, and no program could be found by it"
    with raises_text(ArgumentError, text, "leave __eq__ out", "define __hash__ too"):

        class Half(losses.MeanSquaredError):
            def __eq__(self, other):
                return True


def test_equality_that_another_object_inherits_is_not_taken_for_its_own():
    class Schedule:
        """Its equality knows its own numbers, and none of a subclass."""

        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate

        def __eq__(self, other):
            return type(self) is type(other) and self.rate == other.rate

        def __hash__(self):
            return hash(self.rate)

    class Shared(Schedule):
        def __init__(self, share):
            super().__init__(0.1)
            self.share = share

        def __call__(self, step):
            return self.rate * self.share

    assert values.key(Schedule(0.1)) == values.key(Schedule(0.1))
    slow, fast = (optimizers.SGD(Shared(share)) for share in (0.0, 1.0))
    assert slow != fast
    gradient = {"a": jnp.float32(1.0)}
    for chosen, right in ((slow, 0.0), (fast, -0.1)):
        state = chosen.init(gradient)
        updates, _ = chosen.transformation().update(gradient, state, gradient)
        np.testing.assert_allclose(updates["a"], right, rtol=1e-6)


def test_a_value_that_leads_back_to_itself_is_equal_to_itself_alone():
    def family():
        parent, child = Times(2.0), Times(3.0)
        parent.children, child.parent = [child], parent
        return parent

    first, second = family(), family()
    assert first == first != second
    assert hash(first) == hash(first)
    assert copy.deepcopy(first).factor == 2.0


def test_all_values_of_the_library_share_one_equality():
    """None of them has that of a dataclass, which looks at the fields alone."""
    seen = [Value]
    for kind in seen:
        seen += kind.__subclasses__()
    ours = [kind for kind in seen if kind.__module__.startswith("jaxnet_mini.")]
    assert {Trainer, initializers.Constant, Dense, metrics.AUC} < set(ours)
    assert {jn.Sequential([]).net.__class__, metrics.Mean} < set(ours)
    for kind in ours:
        assert kind.__eq__ is Value.__eq__, kind
        assert kind.__hash__ is Value.__hash__, kind


# And so they train


def trained(loss="mse", layers=(), optimizer="sgd", **options):
    """A model after one step, and the loss before it."""
    net = [Dense(1, kernel_initializer="ones", **options), *layers]
    model = jn.Sequential(net, seed=0)
    model.compile(optimizer, loss)
    return model, model.fit(X, Y, 64, verbose=0).history["loss"][0]


def test_quantiles_are_those_of_numpy():
    values = GENERATOR.normal(size=(2000, 1)).astype(np.float32)
    x = np.zeros((2000, 1), np.float32)
    for q in (0.1, 0.5, 0.9):
        model = jn.Sequential([Dense(1)])
        model.compile(optimizers.SGD(0.05), Pinball(q))
        model.fit(x, values, epochs=20, verbose=0)
        expected = np.quantile(values.astype(np.float64), q)
        assert model.predict(x[:1])[0, 0] == pytest.approx(expected, abs=0.06)


@pytest.mark.slow
def test_own_losses_regularizers_and_optimizers_are_all_computed_with():
    """One step at a rate of 0 or 0.1 with two settings each, against NumPy."""
    x, y = X.astype(np.float64), Y.astype(np.float64)
    error = x.sum(1, keepdims=True) - y
    still = optimizers.SGD(0.0)
    for setting in (2.0, 3.0):
        mean = np.mean(error**2)
        for own in (Weighted, Multiplied):
            _, loss = trained(own(setting), optimizer=still)
            assert loss == pytest.approx(setting * mean, rel=1e-5)
        for regularizer in (Ridge, Stronger):
            own = regularizer(setting)
            _, loss = trained(optimizer=still, kernel_regularizer=own)
            assert loss == pytest.approx(mean + setting * 3.0, rel=1e-5)
        _, loss = trained(layers=[Times(setting)], optimizer=still)
        larger = np.mean((setting * x.sum(1, keepdims=True) - y) ** 2)
        assert loss == pytest.approx(larger, rel=1e-5)
        model, _ = trained(optimizer=Slower(setting / 10.0))
        kernel = 1.0 - 0.1 * setting / 10.0 * x.T @ error * 2.0 / 64
        np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-5)


def test_own_metrics_with_arrays_and_settings_are_told_apart():
    model, _ = trained()
    error = np.abs(model.predict(X) - Y)
    for limit in (0.5, np.array(1.5)):
        model.compile("sgd", "mse", [Within(limit)])
        within = model.evaluate(X, Y, verbose=0)[1]
        assert within == pytest.approx(np.mean(error < limit))


def test_signatures_show_types_without_their_checks():
    rooms = (jn.layers, jn.losses, jn.metrics, jn.optimizers, jn.initializers)
    kinds = [kind for room in rooms for kind in vars(room).values()]
    shown = [str(inspect.signature(kind)) for kind in kinds if isinstance(kind, type)]
    assert len(shown) > 100
    assert not [text for text in shown if "Annotated" in text]
    units = inspect.signature(Dense).parameters["units"]
    assert (units.annotation, units.default) == (int, inspect.Parameter.empty)
    # Of an object it is that of its call.
    own = jn.losses.Huber()
    assert inspect.signature(own) == inspect.signature(own.__call__)
