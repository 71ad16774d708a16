"""Gradients: what JAX derives against central differences, in float64.

Every parameter of every layer, and the inputs, under every activation and every loss.
The error is taken over each array: |gradient - difference| / |gradient|.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_trees_close,
    central_differences,
    crossentropy,
    float64,
    mlp_gradients,
    named,
    x64,
)

from jaxnet_mini import activations, layers
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.graph import graph, parallel, residual
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.state import Batch
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Variables
from jaxnet_mini.layers import (
    ELU,
    Activation,
    ActivityRegularization,
    Add,
    AlphaDropout,
    Average,
    BatchNormalization,
    CategoryEncoding,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    Lambda,
    LayerNormalization,
    LeakyReLU,
    Maximum,
    Minimum,
    Multiply,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    RMSNormalization,
    Softmax,
    Subtract,
    UnitNormalization,
)
from jaxnet_mini.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    FunctionLoss,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from jaxnet_mini.optimizers import SGD

pytestmark = pytest.mark.usefixtures("quick_compilation")

TOLERANCE = 1e-6
ROWS, CLASSES = 5, 4
KEY_DATA = np.array([1, 2], np.uint32)
RNG = np.random.default_rng(7)
X = RNG.normal(size=(ROWS, 2, 3))
WEIGHT = RNG.uniform(0.5, 2.0, ROWS)

LOSSES = [
    SparseCategoricalCrossentropy(),
    SparseCategoricalCrossentropy(from_logits=True),
    CategoricalCrossentropy(),
    CategoricalCrossentropy(from_logits=True),
    BinaryCrossentropy(),
    BinaryCrossentropy(from_logits=True),
    MeanSquaredError(),
    MeanAbsoluteError(),
    Huber(),
    Huber(delta=0.2),
]


def head_for(loss):
    if getattr(loss, "from_logits", True):
        return None
    return "sigmoid" if isinstance(loss, BinaryCrossentropy) else "softmax"


def targets_for(loss, shape=(ROWS, CLASSES)):
    rng = np.random.default_rng(3)
    if loss.targets == "classes":
        return rng.integers(0, CLASSES, shape[:-1])
    if loss.targets == "probabilities":
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return rng.normal(0.0, 2.0, shape)


def several_layers(activation, *head):
    """The first layers once: on two axes of features, on one, and in each other."""
    return serial(
        Rescaling(0.7, offset=0.1),
        Dense(4, activation),
        LayerNormalization(),
        Flatten(),
        Dropout(0.25),
        serial(Dense(5, activation, use_bias=False), Activation(activation)),
        *head,
    )


def random_params(net, input_shape):
    """Parameters of the net's structure, none of them 0."""
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), input_shape)[1])
    rng = np.random.default_rng(5)
    return jax.tree.map(lambda leaf: rng.normal(0.1, 0.4, leaf.shape), shapes)


def relative_error(gradient, difference):
    size = np.linalg.norm(gradient)
    assert size > 1e-4, "too small a gradient tests nothing"
    return np.linalg.norm(gradient - difference) / size


def flattened(tree):
    """All numbers of a tree in one vector, and how to put such a vector back."""
    leaves, structure = jax.tree.flatten(tree)
    ends = np.cumsum([leaf.size for leaf in leaves])

    def restored(flat):
        parts = zip(leaves, ends, strict=True)
        return structure.unflatten(
            [flat[end - leaf.size : end].reshape(leaf.shape) for leaf, end in parts]
        )

    return np.concatenate([np.ravel(leaf) for leaf in leaves]), restored


def assert_gradients_agree(function, tree):
    """Check each array of ``tree`` for each of the values that ``function`` returns."""
    _, restored = flattened(tree)

    def values(flat):
        return function(restored(flat))

    derivatives, several = jax.jit(jax.jacrev(values)), jax.jit(jax.vmap(values))
    assert_derivatives_agree(derivatives, several, tree)


def assert_derivatives_agree(derivatives, several, tree):
    """The same, of the Jacobian and of the values at several points at once."""
    point, restored = flattened(tree)
    gradients = np.asarray(derivatives(jnp.asarray(point)))
    differences = central_differences(
        lambda points: several(jnp.asarray(points)), point
    ).T
    for gradient, difference in zip(gradients, differences, strict=True):
        found = jax.tree.map(relative_error, restored(gradient), restored(difference))
        assert max(jax.tree.leaves(found)) <= TOLERANCE, found


@jax.jit
def every_loss(head, h):
    outputs = {
        name: Dense(CLASSES, name).apply(head, h)
        for name in (None, "softmax", "sigmoid")
    }
    return jnp.stack(
        [loss(targets_for(loss), outputs[head_for(loss)]) for loss in LOSSES]
    )


# Three of these in a row leave nothing of what is near 0.
SHRINKING = {"hard_shrink", "soft_shrink", "tanh_shrink"}


@pytest.mark.parametrize("activation", sorted(SHRINKING))
def test_activations_that_shrink(activation):
    with x64():
        x = jnp.asarray(np.random.default_rng(3).normal(0.0, 3.0, (5, 4)))
        layer = Activation(activation)
        assert_gradients_agree(
            lambda arguments: jnp.sum(layer.apply({}, arguments[0]) ** 2)[None], (x,)
        )


NAMES = sorted({*activations.ACTIVATIONS} - SHRINKING)


@pytest.fixture(scope="module")
def objectives(request):
    """Every loss under the activation of a number: one program for all that are run.

    The numbers are those of the first that is returned, a list of names.
    """
    tried = {
        item.callspec.params["activation"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_every_layer_activation_and_loss"
    }
    names = [name for name in NAMES if name in tried]
    branches = [activations.ACTIVATIONS[name] for name in names]

    def at_point(number, arguments):
        params, head, x = arguments
        key = jax.random.wrap_key_data(KEY_DATA)

        def activation(h):
            return jax.lax.switch(number, branches, h)

        trunk = several_layers(activation)
        return every_loss(head, trunk.apply(params, x, key=key, training=True))

    trunk = several_layers("tanh")
    params = random_params(trunk, (2, 3)), random_params(Dense(CLASSES), (5,))
    arguments = (*params, X)
    _, restored = flattened(arguments)

    def values(flat, number):
        return at_point(number, restored(flat))

    return (
        names,
        arguments,
        jax.jit(jax.jacrev(values)),
        jax.jit(jax.vmap(values, in_axes=(0, None))),
    )


@pytest.mark.parametrize("activation", NAMES)
@pytest.mark.one_in(4)
def test_every_layer_activation_and_loss(objectives, activation):
    names, arguments, derivatives, several = objectives
    number = np.int32(names.index(activation))
    with x64():
        assert_derivatives_agree(
            lambda flat: derivatives(flat, number),
            lambda points: several(points, number),
            arguments,
        )
    assert jnp.ones(1).dtype == jnp.float32, "float64 must end with the block"


class Gate(layers.Layer):
    """One in Keras's form."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[1:], initializer="ones")

    def call(self, x):
        return x * jnp.tanh(x * jnp.expand_dims(self.scale, 0))


MERGES = [Add, Subtract, Multiply, Average, Maximum, Minimum]
LAYERS = [
    (Dense(3), (4,)),
    (Dense(3, use_bias=False), (4,)),
    (Dense(3), (2, 4)),
    (Dense(3, LeakyReLU(0.2)), (4,)),
    (AlphaDropout(0.5), (2, 3)),
    (Permute((2, 1)), (2, 3)),
    (RepeatVector(2), (3,)),
    (Lambda(lambda x: x * jnp.tanh(x)), (3,)),
    (Flatten(), (2, 3)),
    (Rescaling(0.3, offset=2.0), (2, 3)),
    (LayerNormalization(), (6,)),
    (LayerNormalization(epsilon=1e-6), (2, 6)),
    (LayerNormalization(axis=(1, 2), center=False), (2, 3)),
    (RMSNormalization(), (2, 3)),
    (serial(UnitNormalization(), Dense(2)), (3,)),
    (Dropout(0.5), (2, 3)),
    (GaussianDropout(0.5), (2, 3)),
    (GaussianNoise(0.5), (2, 3)),
    (Activation("softmax"), (2, 3)),
    (Softmax(), (2, 3)),
    (ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3), (2, 3)),
    (LeakyReLU(), (2, 3)),
    (ELU(0.7), (2, 3)),
    (PReLU(), (2, 3)),
    (PReLU(shared_axes=1), (2, 3)),
    (Identity(), (2, 3)),
    (Reshape((3, -1)), (2, 3)),
    (serial(Dense(3, "tanh"), serial(Dense(2))), (4,)),
    (BatchNormalization(), (3,)),
    (BatchNormalization(axis=1, epsilon=0.1, scale=False), (2, 3)),
    (BatchNormalization(trainable=False), (3,)),
    (Normalization(), (3,)),
    (Normalization(mean=0.1, variance=2.0, axis=None, invert=True), (3,)),
    (ActivityRegularization(0.1), (3,)),
    (Gate(), (3,)),
    *((merge(), ((2, 3), (2, 3))) for merge in MERGES),
    (Concatenate(axis=1), ((2, 3), (1, 3))),
    (Dot(axes=(1, 2)), ((3, 2), (2, 3))),
    (Dot(axes=-1, normalize=True), ((2, 3), (2, 3))),
]
"""With the shape of an example, or with those of several inputs."""

OF_CATEGORIES = [
    Embedding(4, 3),
    *(serial(CategoryEncoding(4, mode), Dense(3)) for mode in ("multi_hot", "count")),
]
"""Of indices, by which nothing is derived: one comes twice, and one never."""


def test_no_exported_layer_is_left_out():
    exported = {getattr(layers, name) for name in layers.__all__}
    exported = {kind for kind in exported if isinstance(kind, type)} - {layers.Input}
    tried = [layer for layer, _ in LAYERS] + OF_CATEGORIES
    inner = [own for layer in tried for own in getattr(layer, "layers", ())]
    assert exported <= {kind for own in tried + inner for kind in type(own).__mro__}


def remembered(layer, input_shape):
    """What a layer may have come to remember."""
    rng, state = np.random.default_rng(9), protocol.init_state(layer, input_shape)
    return jax.tree.map(lambda leaf: jnp.full_like(leaf, rng.uniform(1, 2)), state)


def examples(input_shape, rng):
    """A batch of one input, or of a tuple of them."""
    if isinstance(input_shape[0], tuple):
        return tuple(examples(shape, rng) for shape in input_shape)
    return rng.normal(size=(ROWS, *input_shape))


def two_sums(y):
    mixture = jnp.asarray(np.random.default_rng(12).normal(size=y.shape))
    return jnp.array([jnp.sum(mixture * y), jnp.sum(y**3)])


@pytest.mark.parametrize(("layer", "input_shape"), LAYERS, ids=named)
@pytest.mark.one_in(4)
def test_each_layer_alone(layer, input_shape):
    x = examples(input_shape, np.random.default_rng(11))
    with x64():
        key = jax.random.wrap_key_data(KEY_DATA)
        params, state = (
            random_params(layer, input_shape),
            remembered(layer, input_shape),
        )

        def objective(arguments):
            params, x = arguments
            y, _ = protocol.run(layer, params, state, x, key=key, training=True)
            return two_sums(y)

        assert_gradients_agree(objective, (params, x))


@pytest.mark.parametrize("layer", OF_CATEGORIES, ids=named)
def test_layers_of_categories(layer):
    x = jnp.array([[0, 2], [2, 3]])
    with x64():
        params = random_params(layer, (2,))
        assert_gradients_agree(lambda own: two_sums(layer.apply(own, x)), params)


def a_graph():
    """Two inputs and outputs, merges, shared and frozen layers, a residual."""
    pair, still = ("shared", "again"), BatchNormalization(trainable=False)
    merges = {merge.__name__: (merge(), pair) for merge in MERGES}
    shared = Dense(3, "tanh", kernel_regularizer="l2")
    nodes = {
        "normal": (BatchNormalization(), "left"),
        "shared": (shared, "normal"),
        "again": ("shared", "right"),
        **merges,
        "dot": (Dot(axes=1), pair),
        "frozen": (serial(Dense(3, "tanh", trainable=False), still), "Multiply"),
        "all": (Concatenate(), (*merges, "dot", "frozen")),
        "sides": (parallel(Dense(2, "tanh"), Dense(1)), "all"),
        "around": (residual(Dense(4, "tanh"), Dense(3)), "sides"),
        "active": (ActivityRegularization(l2=0.1), "around"),
        "classes": (Dense(CLASSES, "softmax"), "active"),
        "value": (Dense(1), "around"),
    }
    return graph(nodes, inputs=("left", "right"), outputs=("classes", "value"))


SHAPES = ((3,), (3,))
MASK = np.array([1, 0, 1, 1, 0])
"""Padding in the middle, of rows which are not 0, must leave no trace."""


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.one_in(4)
def test_a_graph_by_every_weight_and_input(training):
    net, rows = a_graph(), np.flatnonzero(MASK)
    with x64():
        params, state = random_params(net, SHAPES), remembered(net, SHAPES)
        x = tuple(own[rows] for own in examples(SHAPES, np.random.default_rng(11)))

        def objective(arguments):
            params, x = arguments
            x = tuple(jnp.full((ROWS, 3), 9.0).at[rows].set(own) for own in x)
            y, _ = net.update(params, state, x, training=training, mask=MASK)
            return two_sums(jnp.concatenate(y, axis=1)[rows])

        assert_gradients_agree(objective, (params, x))


def test_the_moments_of_a_batch():
    """Of which a row is padding."""
    layer, rng = BatchNormalization(), np.random.default_rng(11)
    x, mixture = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    with x64():
        params = random_params(layer, (3,))
        state = layer.init_state((3,))
        mask = jnp.array([1, 1, 1, 0])

        def objective(arguments):
            params, x = arguments
            x = jnp.concatenate([x, jnp.full((1, 3), jnp.nan)])
            y, _ = layer.update(params, state, x, training=True, mask=mask)
            return jnp.array([jnp.sum(mixture * y[:3]), jnp.sum(y[:3] ** 3)])

        assert_gradients_agree(objective, (params, x[:3]))


# The trainer's own objective: its gradient is what plain descent at rate 1 subtracts


@functools.partial(jax.jit, static_argnums=0)
def step_of(trainer, params, batch):
    key = jax.random.wrap_key_data(KEY_DATA)
    state = trainer.init(key, X.shape[1:])._replace(params=params)
    return trainer.step(state, batch)


FUSED = [
    ("softmax", SparseCategoricalCrossentropy()),
    ("softmax", CategoricalCrossentropy()),
    ("sigmoid", BinaryCrossentropy()),
]
NOT_FUSED = [
    ("softmax", MeanSquaredError()),
    ("sigmoid", SparseCategoricalCrossentropy()),
    ("softmax", BinaryCrossentropy()),
    (None, SparseCategoricalCrossentropy(from_logits=True)),
    (None, Huber()),
    ("tanh", FunctionLoss(lambda y_true, y_pred: jnp.sum((y_true - y_pred) ** 4, -1))),
]


def batch_for(loss):
    """With weights, and with rows that are masked."""
    mask = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    arrays = X, targets_for(loss), WEIGHT, mask
    return Batch(*map(jnp.asarray, arrays))


@pytest.mark.slow
@pytest.mark.parametrize(("head", "loss"), [*FUSED, *NOT_FUSED], ids=named)
@pytest.mark.one_in(4)
def test_the_step_subtracts_the_gradient_of_its_loss(head, loss):
    trainer = Trainer(several_layers("tanh", Dense(CLASSES, head)), loss, SGD(1.0))
    with x64():
        params = random_params(trainer.net, (2, 3))
        batch = batch_for(loss)
        after, _ = step_of(trainer, params, batch)
        point, restored = flattened(params)

        @jax.jit
        @jax.vmap
        def losses(flat):
            return step_of(trainer, restored(flat), batch)[1]["loss"]

        differences = restored(central_differences(losses, point))
        gradients = jax.tree.map(np.subtract, params, float64(after.params))
        found = jax.tree.map(relative_error, gradients, differences)
        assert max(jax.tree.leaves(found)) <= TOLERANCE, found


@pytest.mark.long
def test_the_step_of_a_graph():
    """With penalties, two losses and a frozen layer, of which nothing is changed."""
    net = a_graph()
    losses = "sparse_categorical_crossentropy", "mse"
    trainer = Trainer(net, losses, SGD(1.0), loss_weights=(1.0, 0.3))
    rng = np.random.default_rng(3)
    y = rng.integers(0, CLASSES, ROWS), rng.normal(size=(ROWS, 1))
    with x64():
        params, state = random_params(net, SHAPES), remembered(net, SHAPES)
        batch = Batch(examples(SHAPES, rng), y, (WEIGHT, WEIGHT), MASK)

        @jax.jit
        def step(params):
            start = trainer.init(jax.random.wrap_key_data(KEY_DATA), SHAPES)
            start = start.with_variables(Variables(params, state))
            after, logs = trainer.step(start, batch)
            return after.params, logs["loss"]

        point, restored = flattened(params)
        several = jax.vmap(lambda flat: step(restored(flat))[1])
        differences = restored(central_differences(several, point))
        gradients = jax.tree.map(np.subtract, params, float64(step(params)[0]))
        assert_trees_close(
            gradients.pop("frozen"),
            jax.tree.map(np.zeros_like, differences.pop("frozen")),
        )
        found = jax.tree.map(relative_error, gradients, differences)
        assert max(jax.tree.leaves(found)) <= TOLERANCE, found


@pytest.mark.parametrize(("head", "loss"), FUSED, ids=named)
@pytest.mark.one_in(6)
def test_fused_and_unfused_gradients_agree(head, loss):
    """In float64 and off the clipping they are one function."""
    net = several_layers("tanh", Dense(CLASSES, head))
    fused = Trainer(net, loss, SGD(1.0))
    unfused = Trainer(net, loss.per_example, SGD(1.0))
    with x64():
        params = random_params(net, (2, 3))
        batch = batch_for(loss)
        (one, logs), (other, other_logs) = (
            step_of(trainer, params, batch) for trainer in (fused, unfused)
        )
        np.testing.assert_allclose(logs["loss"], other_logs["loss"], rtol=1e-13)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-13),
            one.params,
            other.params,
        )


def test_backpropagation_written_out_agrees():
    """The reference that other tests train by, against the trainer in float64."""
    net = serial(Dense(6, "relu"), Dense(CLASSES, "softmax"))
    trainer = Trainer(net, "sparse_categorical_crossentropy", SGD(1.0))
    classes = targets_for(SparseCategoricalCrossentropy())
    x = X.reshape(ROWS, -1)
    with x64():
        params = random_params(net, (6,))
        key = jax.random.wrap_key_data(KEY_DATA)
        state = trainer.init(key, (6,))
        state = state._replace(params=jax.tree.map(jnp.asarray, params))
        batch = Batch(jnp.asarray(x), jnp.asarray(classes), jnp.asarray(WEIGHT))
        after, logs = jax.jit(trainer.step)(state, batch)
        expected = mlp_gradients(float64(params), x, classes, WEIGHT)
        jax.tree.map(
            lambda p, q, g: np.testing.assert_allclose(p - q, g, rtol=0, atol=1e-13),
            params,
            float64(after.params),
            expected,
        )
        hidden = np.maximum(x @ params["dense"]["kernel"] + params["dense"]["bias"], 0)
        logits = hidden @ params["dense_1"]["kernel"] + params["dense_1"]["bias"]
        value = np.sum(crossentropy(classes, logits) * WEIGHT) / ROWS
        np.testing.assert_allclose(logs["loss"], value, rtol=1e-13)


@pytest.mark.slow
def test_metrics_add_nothing_to_the_gradient():
    loss = CategoricalCrossentropy()
    bare = Trainer(several_layers("tanh", Dense(CLASSES, "softmax")), loss, SGD(1.0))
    full = dataclasses.replace(bare, metrics=("accuracy", "mse"))
    with x64():
        params, batch = random_params(bare.net, (2, 3)), batch_for(loss)
        one, other = (step_of(t, params, batch)[0].params for t in (bare, full))
        assert_trees_close(one, other, 1e-13)
