"""Weights that PyTorch, Flax and Keras wrote, and those written for PyTorch.

Real PyTorch and Flax are asked where they are installed; what NumPy computes of the
same state is asked always.
"""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, FileError, ShapeError
from jaxnet_mini.layers import (
    BatchNormalization,
    Dense,
    Embedding,
    LayerNormalization,
    LeakyReLU,
    PReLU,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def drawn(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def linear(*names, units=4, features=4):
    """A state of such modules, as PyTorch has it."""
    return {
        f"{name}.{word}": drawn(*shape)
        for name in names
        for word, shape in {"weight": (units, features), "bias": (units,)}.items()
    }


# Few networks, since each of another shape or of other names is compiled anew.
def small(*names):
    first, second = names or (None, None)
    return jn.Sequential([Dense(4, input_dim=4, name=first), Dense(4, name=second)])


def three():
    return jn.Sequential([Dense(4, input_dim=4), Dense(4), Dense(4)])


def narrow():
    return jn.Sequential([Dense(3, "relu", input_dim=4), Dense(2)])


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


# The order of modules


def test_modules_come_in_the_order_of_their_numbers(path):
    """Twelve of one shape: sorted as words, 10 would come before 2."""
    state = linear(*range(0, 24, 2))
    safetensors.numpy.save_file(state, path)
    model = jn.Sequential([jn.Input((4,)), jn.repeat(Dense(4, "relu"), 12)])
    model.load_weights(path, source="torch")
    expected = X.astype(np.float64)
    for number in range(0, 24, 2):
        kernel, bias = (state[f"{number}.{word}"] for word in ("weight", "bias"))
        expected = np.maximum(expected @ kernel.astype(np.float64).T + bias, 0.0)
    assert expected.any()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "names",
    [
        ("net.0", "net.2", "net.10"),
        ("layers.0._orig_mod", "layers.2", "layers.10"),  # of one block compiled
        ("_orig_mod.module.fc2", "_orig_mod.module.fc3", "_orig_mod.module.fc10"),
        ("blocks.0.0", "blocks.0.2", "blocks.1"),
        ("block2.fc1", "block2.fc2", "block10.fc1"),
    ],
)
def test_numbers_say_the_order_wherever_they_stand(names, path):
    state = linear(*names)
    safetensors.numpy.save_file(state, path)
    model = three()
    model.load_weights(path, source="torch")
    for kernel, name in zip(model.get_weights()[::2], names, strict=True):
        np.testing.assert_array_equal(kernel, state[f"{name}.weight"].T)


def test_shapes_say_it_where_names_do_not(path):
    state = linear("zeta", units=3) | linear("alpha", units=2, features=3)
    safetensors.numpy.save_file(state, path)
    model = narrow()
    model.load_weights(path, source="torch")
    for kernel, name in zip(model.get_weights()[::2], ("zeta", "alpha"), strict=True):
        np.testing.assert_array_equal(kernel, state[f"{name}.weight"].T)


def test_an_order_that_nothing_says_is_not_guessed(path):
    state = linear("model.encoder", "model.decoder")
    safetensors.numpy.save_file(state, path)
    model = small()
    before = model.get_weights()
    with raises_text(
        ShapeError,
        "has 'model/decoder', 'model/encoder', each of weight (4, 4), bias (4,), and "
        "which is which is not known",
        "Dense(8, name='decoder')",
    ):
        model.load_weights(path, source="torch")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    named = small("encoder", "decoder")  # as the message says
    named.load_weights(path, source="torch")
    kernel = named.get_weights()[0]
    np.testing.assert_array_equal(kernel, state["model.encoder.weight"].T)


AROUND = {
    "decoder": ("{0}.0", "Sequential([Dense(8, name='0')], name='{0}')"),
    "a": (
        "net.{0}.1.fc",
        "Sequential([Sequential([Dense(8, name='fc')], name='1')], name='{0}')",
    ),
}


def written(advice):
    advice = advice.replace("Dense(8", "Dense(4")
    return eval(advice, {"Dense": Dense, "Sequential": jn.Sequential})


def loaded(path, model, state, advice):
    """Load what a model is not known to have the order of, as the message says."""
    safetensors.numpy.save_file(state, path)
    with raises_text(ShapeError, "which is which is not known", advice):
        model([Dense(4), Dense(4)]).load_weights(path, source="torch")


@pytest.mark.parametrize("in_a_row", [True, False])
@pytest.mark.parametrize("first", AROUND)
def test_what_to_call_layers_within_others_is_said(path, first, in_a_row):
    def model(layers):
        if in_a_row:
            return jn.Sequential([jn.Input((4,)), *layers])
        x = jn.Input((4,))
        return jn.Model(x, jn.layers.Add()([layer(x) for layer in layers]))

    name, advice = AROUND[first]
    names = [name.format(own) for own in ("zeta", first)]
    state = linear(*names)
    loaded(path, model, state, advice.format(first))
    named = model([written(advice.format(own)) for own in ("zeta", first)])
    named.load_weights(path, source="torch")
    for kernel, own in zip(named.get_weights()[::2], names, strict=True):
        np.testing.assert_array_equal(kernel, state[f"{own}.weight"].T)


class Pair(jn.Model):
    def __init__(self, layers, names=("p", "q")):
        super().__init__()
        self.names = names
        for name, layer in zip(names, layers, strict=True):
            setattr(self, name, layer)
        self.build((None, 4))

    def call(self, x):
        first, second = self.names
        return getattr(self, second)(getattr(self, first)(x))


@pytest.mark.parametrize("first", AROUND)
def test_what_to_call_attributes_is_said(path, first):
    name, advice = AROUND[first]
    names = [name.format(own) for own in ("zeta", first)]
    state, advice = linear(*names), advice.replace(", name='{0}'", "")
    loaded(path, Pair, state, f"self.{first} = {advice}")
    named = Pair([written(advice), written(advice)], ("zeta", first))
    named.load_weights(path, source="torch")
    for own, whole in zip(("zeta", first), names, strict=True):
        kernel = getattr(named, own).get_weights()[0]
        np.testing.assert_array_equal(kernel, state[f"{whole}.weight"].T)


def branches(first, second, swapped):
    """Two layers of one shape, and which of them the graph has first."""
    ours = jn.Input((4,))
    outputs = [Dense(4, name=first)(ours), Dense(4, name=second)(ours)]
    if swapped:
        outputs.reverse()
    return jn.Model(ours, jn.layers.Subtract()(outputs))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("names", [("0", "2"), ("fc1", "fc2")])
def test_branches_of_a_graph_have_no_order(names, swapped, path):
    state = linear(*names)
    safetensors.numpy.save_file(state, path)
    model = branches(None, None, swapped)
    before = model.get_weights()
    with raises_text(
        ShapeError,
        f"has '{names[0]}', '{names[1]}', each of weight (4, 4), bias (4,), and which",
        f"Dense(8, name='{names[0]}')",
    ):
        model.load_weights(path, source="torch")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    named = branches(*names, swapped)  # as the message says
    named.load_weights(path, source="torch")
    first, second = (X @ state[f"{n}.weight"].T + state[f"{n}.bias"] for n in names)
    expected = second - first if swapped else first - second
    assert_close(named.predict(X, verbose=0), expected)


def test_layers_of_a_graph_that_take_each_other_are_in_order(path):
    """With a way around them; and repetitions, and what is there in another shape."""
    inner = jn.residual(Dense(4), Dense(4))
    repeated = jn.repeat(jn.residual(Dense(4)), 2)
    other = jn.parallel(Dense(4), Dense(3))
    state = linear("0", "2", "4", "6", "8") | linear("9", units=3)
    safetensors.numpy.save_file(state, path)
    model = jn.Sequential([jn.Input((4,)), inner, repeated, other])
    model.load_weights(path, source="torch")
    kernels = [np.asarray(weight) for weight in model.get_weights()[::2]]
    kernels[2:3] = kernels[2]
    for kernel, name in zip(kernels, "024689", strict=True):
        np.testing.assert_array_equal(kernel, state[f"{name}.weight"].T)


class Two(jn.Model):
    """Its layers come in another order than that of the alphabet."""

    def __init__(self):
        super().__init__()
        self.last = Dense(4)
        self.blocks = [Dense(4, "relu"), Dense(4, "relu")]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x)


def test_a_class_has_the_names_of_its_attributes(path):
    model = Two()
    model(X)
    state = linear("last", "blocks.0", "blocks.1")
    safetensors.numpy.save_file(state, path)
    model.load_weights(path, source="torch")
    np.testing.assert_array_equal(model.last.kernel, state["last.weight"].T)
    np.testing.assert_array_equal(model.blocks[1].kernel, state["blocks.1.weight"].T)
    # Its own order is that of its attributes, and not that of the calls.
    safetensors.numpy.save_file(linear(1, 2, 3), path)
    with raises_text(ShapeError, "'1', '2', '3', each of", "the attributes of the"):
        model.load_weights(path, source="torch")
    written = path.with_suffix(".weights.safetensors")
    model.save_weights(written, target="torch")
    assert {*safetensors.numpy.load_file(written)} == {*state}


def test_a_state_of_every_kind_of_layer_computes_what_numpy_does(path):
    """The table is square, as is the kernel without bias, which has its name too."""
    ones = ("2.weight", "2.bias", "2.running_mean", "2.running_var")
    ones += ("3.weight", "3.bias")
    state = {name: np.abs(drawn(4)) for name in ones}
    state |= {"0.weight": drawn(4, 4), "1.weight": drawn(4, 4)}
    safetensors.numpy.save_file(
        state | {"2.num_batches_tracked": np.ones((), "i8")}, path
    )
    model = jn.Sequential(
        [
            Embedding(4, 4, input_shape=(2,)),
            Dense(4, use_bias=False),
            BatchNormalization(epsilon=1e-5),
            LayerNormalization(epsilon=1e-5),
        ]
    )
    model.load_weights(path, source="torch")
    wide = {name: array.astype(np.float64) for name, array in state.items()}
    x = np.array([[0, 3], [2, 1]])
    y = wide["0.weight"][x] @ wide["1.weight"].T
    y = (y - wide["2.running_mean"]) / np.sqrt(wide["2.running_var"] + 1e-5)
    y = y * wide["2.weight"] + wide["2.bias"]
    y = y - y.mean(-1, keepdims=True)
    y = y / np.sqrt((y**2).mean(-1, keepdims=True) + 1e-5)
    expected = y * wide["3.weight"] + wide["3.bias"]
    np.testing.assert_allclose(
        model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5
    )


# Files


def test_what_pytorch_has_tied_computes_the_same(path, torch):
    from safetensors.torch import save_model

    layer = torch.nn.Linear(4, 4)
    theirs = torch.nn.Sequential(layer, torch.nn.Tanh(), layer)
    save_model(theirs, str(path))
    assert len(safetensors.numpy.load_file(path)) == 2
    apart = jn.Sequential([Dense(4, "tanh", input_dim=4), Dense(4)])
    ours = jn.Input((4,))
    again = Dense(4)
    tied = jn.Model(ours, again(jn.layers.Activation("tanh")(again(ours))))
    expected = theirs(torch.tensor(X)).detach().numpy()
    for model in (apart, tied):
        model.load_weights(path, source="torch")
        assert_close(model.predict(X, verbose=0), expected)


def test_names_of_what_is_tied_are_in_the_metadata(path):
    state, tied = linear("0"), {"1.weight": "0.weight", "1.bias": "0.bias"}
    safetensors.numpy.save_file(state, path, metadata=tied | {"format": "pt"})
    model = small()
    model.load_weights(path, source="torch")
    for kernel in model.get_weights()[::2]:
        np.testing.assert_array_equal(kernel, state["0.weight"].T)


def test_a_layer_that_is_called_twice_has_one_set_of_numbers(path):
    shared = Dense(4, name="shared")
    ours = jn.Input((4,))
    model = jn.Model(ours, shared(shared(ours)))
    safetensors.numpy.save_file(linear("0", "1"), path)
    with raises_text(ShapeError, "has two sets of numbers for shared", "two layers"):
        model.load_weights(path, source="torch")
    once = linear("0")
    for state in (once, once | {f"1{k[1:]}": v for k, v in once.items()}):
        safetensors.numpy.save_file(state, path)
        model.load_weights(path, source="torch")
        np.testing.assert_array_equal(model.get_weights()[0], once["0.weight"].T)


def test_several_files_are_read_by_their_index(tmp_path):
    state = linear("0", "1")
    places = {name: f"model-0000{name[0]}-of-2.safetensors" for name in state}
    for file in {*places.values()}:
        own = {name: state[name] for name in state if places[name] == file}
        # The index says which file has what; this one is out of date there.
        stale = {name: 0 * state[name] for name in state.keys() - own.keys()}
        safetensors.numpy.save_file(own | stale, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    model = small()
    model.load_weights(index, source="torch")
    for number, kernel in enumerate(model.get_weights()[::2]):
        np.testing.assert_array_equal(kernel, state[f"{number}.weight"].T)
    for wrong, words in (
        ({"0.weight": "../other.safetensors"}, "only safetensors files beside it"),
        ({"0.weight": 3}, "names the file 3"),
        ({"2.weight": places["0.weight"]}, "says that '2.weight' is in"),
        ({}, "has no weight_map"),
    ):
        index.write_text(json.dumps({"weight_map": wrong}))
        with raises_text(FileError, repr(str(index)), words):
            model.load_weights(index, source="torch")


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16, np.float64])
def test_floats_of_other_widths_are_read(dtype, path):
    state = {name: array.astype(dtype) for name, array in linear("0", "1").items()}
    safetensors.numpy.save_file(state, path)
    model = small()
    model.load_weights(path, source="torch")
    expected = state["1.weight"].astype(np.float32).T
    np.testing.assert_array_equal(model.get_weights()[2], expected)


def test_floats_of_eight_bits_are_refused_with_a_sentence(path):
    entry = {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}
    text = json.dumps({"0.weight": entry}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0")
    for named in ({}, {"source": "torch"}):
        with raises_text(
            FileError,
            f"{str(path)!r}: '0.weight' is of 8-bit floats (F8_E4M3), ",
            "write them in bfloat16 or float32.",
        ):
            small().load_weights(path, **named)


def test_files_and_words_that_are_none_are_answered(tmp_path, path):
    model = small()
    with raises_text(
        FileError, "weights of torch are read", "'model.pt'", "model.state_dict()"
    ):
        model.load_weights("model.pt", source="torch")
    with raises_text(ArgumentError, "source must be one of torch, flax, keras"):
        model.load_weights(path, source="pytorch")
    with raises_text(ArgumentError, "target must be one of torch, not 'flax'"):
        model.save_weights(tmp_path / "a.weights.safetensors", target="flax")
    safetensors.numpy.save_file(linear("0", "1"), path)
    with raises_text(ShapeError, "which by source=, one of 'torch', 'flax', 'keras'"):
        model.load_weights(path)
    twice = linear("0", "1") | linear("module.1")
    safetensors.numpy.save_file(twice, path)
    with raises_text(FileError, "has two arrays that are both", "of '1' where"):
        model.load_weights(path, source="torch")


def test_a_mismatch_shows_both_lists_side_by_side(path):
    state = linear("0") | linear("2", units=3) | linear("4", units=2, features=3)
    safetensors.numpy.save_file(state, path)
    model = three()
    before = model.get_weights()
    with pytest.raises(ShapeError) as error:
        model.load_weights(path, source="torch")
    assert str(error.value).splitlines() == [
        f"{str(path)!r} does not fit the model, and nothing was changed. What both "
        "have, in the words of torch:",
        "  in the model                       in the file",
        "  dense: weight (4, 4), bias (4,)    0: weight (4, 4), bias (4,)",
        "> dense_1: weight (4, 4), bias (4,)  2: weight (3, 4), bias (3,)",
        "> dense_2: weight (4, 4), bias (4,)  4: weight (2, 3), bias (2,)",
        "Build the model of the layers in the file.",
    ]
    for array, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, same)
    # Of a long list what differs first is shown.
    safetensors.numpy.save_file(linear(*range(100)), path)
    deep = jn.Sequential([jn.Input((4,)), jn.repeat(Dense(4), 99)])
    with pytest.raises(ShapeError) as error:
        deep.load_weights(path, source="torch")
    lines = str(error.value).splitlines()
    assert len(lines) < 20
    assert lines[-3].split() == [">", "99:", "weight", "(4,", "4),", "bias", "(4,)"]


# Numbers that would be others


def test_what_computes_other_numbers_by_default_is_warned_about(path):
    layers = [
        Dense(4, "gelu", input_dim=4),
        BatchNormalization(),
        LeakyReLU(),
        Dense(4, "leaky_relu"),
        LayerNormalization(),
    ]
    model = jn.Sequential(layers)
    model.save_weights(path.with_suffix(".weights.safetensors"), target="torch")
    with pytest.warns(UserWarning, match="holds weights, and nothing") as told:
        model.load_weights(path.with_suffix(".weights.safetensors"), source="torch")
    (text,) = [str(warning.message) for warning in told]
    assert "write BatchNormalization(epsilon=1e-05)" in text
    assert "write LayerNormalization(epsilon=1e-05)" in text
    assert "write LeakyReLU(negative_slope=0.01)" in text
    assert "Dense has the activation 'leaky_relu', there another: " in text
    assert "gelu" not in text
    assert told[0].filename == __file__
    flax = {
        f"layers_{n}.{word}": np.ones(shape, np.float32)
        for n, shapes in {
            0: {"kernel": (4, 4), "bias": 4},
            1: {"scale": 4, "bias": 4, "mean": 4, "var": 4},
            3: {"kernel": (4, 4), "bias": 4},
            4: {"scale": 4, "bias": 4},
        }.items()
        for word, shape in shapes.items()
    }
    safetensors.numpy.save_file(flax, path)
    with pytest.warns(UserWarning, match="holds weights, and nothing") as told:
        model.load_weights(path, source="flax")
    (text,) = [str(warning.message) for warning in told]
    assert "write BatchNormalization(epsilon=1e-05)" in text
    assert "write LayerNormalization(epsilon=1e-06)" in text
    assert "Dense has the activation 'gelu', there another: write jax.nn.gelu" in text


def test_what_was_chosen_is_not_warned_about(path):
    model = jn.Sequential(
        [
            Dense(4, input_dim=4),
            LayerNormalization(epsilon=1e-5),
            Dense(4, LeakyReLU(0.01)),
        ]
    )
    path = path.with_suffix(".weights.safetensors")
    model.save_weights(path, target="torch")
    model.load_weights(path, source="torch")


@pytest.mark.parametrize(
    ("source", "name", "shape"),
    [("torch", "weight", (1,)), ("flax", "negative_slope", ())],
)
def test_one_slope_for_all_features_is_given_to_each(source, name, shape, path):
    safetensors.numpy.save_file({f"1.{name}": np.full(shape, 0.3, "f")}, path)
    model = jn.Sequential([PReLU(input_shape=(4,))])
    with pytest.warns(UserWarning, match=r"write PReLU\(shared_axes=\(1,\)\)"):
        model.load_weights(path, source=source)
    expected = np.where(X > 0, X, np.float32(0.3) * X)
    assert_close(model.predict(X, verbose=0), expected)
    shared = jn.Sequential([PReLU(shared_axes=(1,), input_shape=(4,))])
    shared.load_weights(path, source=source)
    assert_close(shared.predict(X, verbose=0), expected)


# The real libraries


def torch_pair(torch):
    """A network of PyTorch, and the same of layers here."""
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Linear(4, 8),
        nn.GELU(),
        nn.BatchNorm1d(8),
        nn.Sequential(nn.Linear(8, 8, bias=False), nn.LayerNorm(8)),
        nn.PReLU(8),
        nn.Dropout(0.5),
        nn.Linear(8, 6),
        nn.LeakyReLU(),
        nn.RMSNorm(6),
        nn.Linear(6, 3),
        nn.Softmax(-1),
    )
    ours = jn.Sequential(
        [
            jn.Input((4,)),
            Dense(8, "gelu"),
            BatchNormalization(epsilon=1e-5),
            jn.Sequential([Dense(8, use_bias=False), LayerNormalization(epsilon=1e-5)]),
            PReLU(),
            jn.layers.Dropout(0.5),
            Dense(6),
            LeakyReLU(0.01),
            jn.layers.RMSNormalization(epsilon=2.0**-23),
            Dense(3, "softmax"),
        ]
    )
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.tensor(drawn(*parameter.shape)))
        for _ in range(3):
            theirs(torch.tensor(drawn(9, 4)))  # what BatchNorm1d remembers
    return theirs.eval(), ours


def test_pytorch_and_this_compute_the_same(torch, path):
    from safetensors.torch import load_file, save_file

    theirs, ours = torch_pair(torch)
    wrapped = {f"module.{name}": array for name, array in theirs.state_dict().items()}
    save_file(wrapped, str(path))
    ours.load_weights(path, source="torch")
    expected = theirs(torch.tensor(X)).detach().numpy()
    assert_close(ours.predict(X, verbose=0), expected)
    # And back, with other numbers.
    other, written = jn.models.clone_model(ours), path.parent / "a.weights.safetensors"
    other.set_weights([np.abs(drawn(*array.shape)) for array in other.get_weights()])
    other.save_weights(written, target="torch")
    theirs.load_state_dict(load_file(str(written)), strict=True)
    expected = other.predict(X, verbose=0)
    assert_close(theirs(torch.tensor(X)).detach().numpy(), expected)


def test_a_table_of_pytorch_is_not_transposed(torch, path):
    """Unlike the kernel of a layer without bias, which has the same name and shape."""
    from safetensors.torch import load_file, save_file

    nn = torch.nn
    theirs = nn.Sequential(
        nn.Embedding(4, 4), nn.Linear(4, 4, bias=False), nn.Flatten(), nn.Linear(8, 2)
    )
    ours = jn.Sequential(
        [
            Embedding(4, 4, input_shape=(2,)),
            Dense(4, use_bias=False),
            jn.Flatten(),
            Dense(2),
        ]
    )
    save_file(theirs.state_dict(), str(path))
    ours.load_weights(path, source="torch")
    x = np.array([[0, 3], [2, 1]])
    expected = theirs(torch.tensor(x)).detach().numpy()
    assert_close(ours.predict(x, verbose=0), expected)
    again = path.parent / "a.weights.safetensors"
    ours.save_weights(again, target="torch")
    theirs.load_state_dict(load_file(str(again)), strict=True)
    assert_close(theirs(torch.tensor(x)).detach().numpy(), expected)


def as_flat(variables, separator):
    import flax

    flat = flax.traverse_util.flatten_dict(variables)
    return {separator.join(map(str, p)): np.asarray(v) for p, v in flat.items()}


def test_flax_linen_and_this_compute_the_same(path):
    linen = pytest.importorskip("flax.linen")

    class Network(linen.Module):
        @linen.compact
        def __call__(self, x, training=False):
            for _ in range(2):
                x = linen.Dense(4)(x)
                x = linen.BatchNorm(use_running_average=not training)(x)
                x = linen.LayerNorm(use_fast_variance=False)(linen.gelu(x))
            x = linen.PReLU()(x)
            return linen.Dense(2, use_bias=False)(x)

    net = Network()
    shapes = jax.eval_shape(net.init, jax.random.key(0), X)
    variables = jax.tree.map(lambda leaf: np.abs(drawn(*leaf.shape)), shapes)
    expected = net.apply(variables, X)
    layers = [jn.Input((4,))]
    for _ in range(2):
        layers += [Dense(4), BatchNormalization(epsilon=1e-5)]
        layers += [jn.layers.Activation(jax.nn.gelu), LayerNormalization(epsilon=1e-6)]
    model = jn.Sequential([*layers, PReLU(shared_axes=(1,)), Dense(2, use_bias=False)])
    for separator in "./":
        safetensors.numpy.save_file(as_flat(variables, separator), path)
        model.load_weights(path, source="flax")
        assert_close(model.predict(X, verbose=0), expected)
        model.set_weights([0 * array for array in model.get_weights()])
    row = linen.Sequential([linen.Dense(4), linen.relu, linen.Dense(2)])
    shapes = jax.eval_shape(row.init, jax.random.key(0), X)["params"]
    variables = jax.tree.map(lambda leaf: drawn(*leaf.shape), shapes)
    safetensors.numpy.save_file(as_flat(variables, "."), path)
    assert "layers_2.kernel" in safetensors.numpy.load_file(path)
    model = jn.Sequential([Dense(4, "relu", input_dim=4), Dense(2)])
    model.load_weights(path, source="flax")
    assert_close(model.predict(X, verbose=0), row.apply({"params": variables}, X))


def test_flax_nnx_and_this_compute_the_same(path):
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    parts = [nnx.Linear(4, 4, rngs=rngs), nnx.BatchNorm(4, rngs=rngs)]
    parts += [nnx.Dropout(0.5, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)]
    net = nnx.Sequential(*parts)
    net.eval()
    expected = net(X)
    state = nnx.state(net, nnx.Not(nnx.RngState))
    model = jn.Sequential(
        [
            Dense(4, input_dim=4),
            BatchNormalization(epsilon=1e-5),
            Dense(2),
        ]
    )
    leaves = jax.tree_util.tree_leaves_with_path(state)
    by_key = {
        jax.tree_util.keystr(key, simple=True, separator="/"): np.asarray(leaf)
        for key, leaf in leaves
    }
    by_word = as_flat(nnx.to_pure_dict(state), "/")
    assert "layers/0/kernel" in by_word
    assert "layers/0/kernel/value" in by_key
    for flat in (
        by_word,
        by_key | {"layers/2/rngs/count/value": np.ones((), np.uint32)},
    ):
        safetensors.numpy.save_file(flat, path)
        model.load_weights(path, source="flax")
        assert_close(model.predict(X, verbose=0), expected)
        model.set_weights([0 * array for array in model.get_weights()])


def test_variables_of_keras_are_read_by_their_paths(path):
    """As `variable.path` gives them, numbered through all models of a process."""
    state = {
        f"sequential_3/dense{n}/{word}": drawn(*shape)
        for n in ("", "_1", "_2", "_10")
        for word, shape in {"kernel": (4, 4), "bias": (4,)}.items()
    }
    state |= {
        f"sequential_3/batch_normalization_7/{word}": drawn(4)
        for word in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    state["sequential_3/dropout/seed_generator_state"] = np.zeros(2, np.uint32)
    safetensors.numpy.save_file(state, path)
    dense = [Dense(4) for _ in range(4)]
    model = jn.Sequential([jn.Input((4,)), *dense, BatchNormalization()])
    model.load_weights(path, source="keras")
    kernels = [f"sequential_3/dense{n}/kernel" for n in ("", "_1", "_2", "_10")]
    for kernel, name in zip(model.get_weights()[::2], kernels, strict=False):
        np.testing.assert_array_equal(kernel, state[name])


def test_files_of_keras_are_read_as_they_are_without_the_word(tmp_path):
    model, other = small(), small()
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5", source="keras")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


# Writing


def test_transposed_kernels_are_written_as_they_are(tmp_path):
    """safetensors itself writes what lies in memory, under the shape of the other."""
    model = narrow()
    path = tmp_path / "a.weights.safetensors"
    model.save_weights(path, target="torch")
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    assert {*header} == {"0.weight", "0.bias", "2.weight", "2.bias"}
    begin, end = header["0.weight"]["data_offsets"]
    stored = np.frombuffer(data[8 + length :][begin:end], "<f4")
    kernel = np.asarray(model.layers[0].kernel)
    assert header["0.weight"]["shape"] == [3, 4]
    np.testing.assert_array_equal(stored.reshape(3, 4), kernel.T)
    other = jn.models.clone_model(model)
    other.load_weights(path, source="torch")
    for array, same in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_repeated_layers_are_modules_of_their_own(tmp_path):
    model = jn.Sequential([jn.Input((4,)), jn.repeat(Dense(4, "relu"), 12)])
    path = tmp_path / "a.weights.safetensors"
    model.save_weights(path, target="torch")
    there = safetensors.numpy.load_file(path)
    kernels = model.get_weights()[0]
    assert kernels.shape == (12, 4, 4)
    np.testing.assert_array_equal(there["0.10.weight"], kernels[10].T)
    again = jn.models.clone_model(model)
    again.set_weights([0 * array for array in again.get_weights()])
    again.load_weights(path, source="torch")
    np.testing.assert_array_equal(again.get_weights()[0], kernels)


def test_branches_within_layers_in_a_row_come_back(tmp_path):
    branches = jn.parallel(Dense(4), Dense(4))
    model = jn.Sequential([jn.Input((4,)), Dense(4, "relu"), branches])
    path = tmp_path / "a.weights.safetensors"
    model.save_weights(path, target="torch")
    names = {"0", "2.dense", "2.dense_1"}
    assert {n.rpartition(".")[0] for n in safetensors.numpy.load_file(path)} == names
    again = jn.models.clone_model(model)
    again.set_weights([0 * array for array in again.get_weights()])
    again.load_weights(path, source="torch")
    for array, same in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_networks_of_other_shapes_are_written_by_the_names_of_layers(tmp_path):
    ours = jn.Input((4,))
    left, right = Dense(3, name="left")(ours), Dense(3, name="right")(ours)
    model = jn.Model(ours, jn.layers.Add()([left, right]))
    path = tmp_path / "a.weights.safetensors"
    model.save_weights(path, target="torch")
    there = safetensors.numpy.load_file(path)
    assert {*there} == {"left.weight", "left.bias", "right.weight", "right.bias"}
    before = model.predict(X, verbose=0)
    model.set_weights([0 * array for array in model.get_weights()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.load_weights(path, source="torch")
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
