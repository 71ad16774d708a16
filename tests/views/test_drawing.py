"""Drawings of models, held against parsers, fonts, Keras and Graphviz."""

import base64
import itertools
import re
import shutil
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import jax.numpy as jnp
import pydot
import pytest
from drawing_cases import ALL, digits_model, nodes_of, rows_in
from IPython.core.formatters import DisplayFormatter
from matplotlib.font_manager import FontProperties
from matplotlib.image import imread
from matplotlib.textpath import TextToPath

import jaxnet_mini as jn
from jaxnet_mini import utils
from jaxnet_mini.errors import ArgumentError, MissingExtraError, UnknownNameError
from jaxnet_mini.views import svg

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a_layer_whose_name_is_longer_than_any_box_is_wide_" * 3
ODD = "<b>&\"'<br>]]>\x07"


def odd_model():
    inner = jn.serial(jn.Dense(4, "relu"), jn.Dense(2), name="inner<&>")
    return jn.Sequential(
        [
            jn.Dense(3, lambda x: x, name=LONG, input_shape=(5, 2)),
            inner,
            jn.Dense(1234567, jnp.tanh, name=ODD),
        ],
        name=ODD + LONG,
    )


MODELS = {
    "digits": digits_model,
    "odd": odd_model,
    "unbuilt": lambda: jn.Sequential([jn.Flatten(), jn.Dense(3)]),
    "empty": jn.Sequential,
    "one": lambda: jn.Sequential([jn.Dense(1, use_bias=False, input_dim=1)]),
    "input alone": lambda: jn.Sequential([jn.Input((3,))]),
    "wide": lambda: jn.Sequential([jn.Dense(2, name="層" * 60, input_dim=1)]),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def texts_of(text):
    return [
        "".join(node.itertext())
        for node in ElementTree.fromstring(text).iter(f"{SVG}text")
    ]


# The library's own SVG


def test_the_drawing_says_what_the_model_is():
    assert texts_of(svg.svg(digits_model())) == [
        "sequential",
        "input: (None, 8, 8)",
        "flatten (Flatten)",
        "output: (None, 64)",
        "0 parameters",
        "dense (Dense)",
        "activation: relu",
        "output: (None, 64)",
        "4,160 parameters",
        "dropout (Dropout)",
        "output: (None, 64)",
        "0 parameters",
        "dense_1 (Dense)",
        "activation: softmax",
        "output: (None, 10)",
        "650 parameters",
        "4,810 parameters in all",
    ]


def test_an_unbuilt_model_is_drawn_without_shapes():
    assert texts_of(svg.svg(MODELS["unbuilt"]())) == [
        "sequential",
        "flatten (Flatten)",
        "dense (Dense)",
        "activation: linear",
        "no shapes yet: not built",
    ]
    assert texts_of(svg.svg(jn.Sequential()))[-1] == "no layers yet"


def test_one_parameter_is_no_plural():
    assert "1 parameter" in texts_of(svg.svg(MODELS["one"]()))


def test_it_is_a_document_that_screen_readers_read(model):
    root = ElementTree.fromstring(svg.svg(model))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root[0].text.startswith("Model ")
    for part in model.outline:
        assert type(part.layer).__name__ in root[1].text
    # A background of its own under everything, whatever the page's is.
    background = root[2]
    assert background.get("fill") == "#FFFFFF"
    assert (background.get("width"), background.get("height")) == ("100%", "100%")


def test_any_text_is_escaped():
    text = svg.svg(odd_model())
    assert "\x07" not in text
    assert "<b>" not in text
    shown = "".join(texts_of(text))
    assert "<b>&\"'<br>]]>\N{REPLACEMENT CHARACTER}" in shown
    assert "activation: <lambda>" in shown


def width_of(text, bold):
    """The width in pixels in DejaVu Sans Mono, as wide as monospaced fonts are."""
    family = "DejaVu Sans Mono"
    font = FontProperties(family=family, size=13, weight="bold" if bold else "normal")
    return TextToPath().get_text_width_height_descent(text, font, False)[0]


def test_no_text_leaves_its_box(model):
    root = ElementTree.fromstring(svg.svg(model))
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    frames = [
        [float(box.get(name)) for name in ("x", "y", "width", "height")]
        for box in root.iter(f"{SVG}rect")
        if box.get("fill") == "none"
    ]
    assert len(frames) == len(model.outline)
    for x, y, wide, high in frames:
        assert 0 < x < x + wide < width
        assert 0 < y < y + high < height
    inside = 0
    for node in root.iter(f"{SVG}text"):
        x, y, text = float(node.get("x")), float(node.get("y")), node.text
        # Fonts for East Asia have two columns a sign.
        narrow = text.replace("層", "MM")
        measured = width_of(narrow, node.get("font-weight") == "bold")
        if node.get("text-anchor") == "middle":
            assert measured / 2 <= x - 4
            assert x + measured / 2 <= width - 4
            continue
        (frame,) = [f for f in frames if f[1] < y - 13 and y + 4 < f[1] + f[3]]
        assert frame[0] + 4 <= x
        assert x + measured <= frame[0] + frame[2] - 4
        inside += 1
    assert inside >= len(frames)


def test_long_names_are_folded_and_nothing_is_lost():
    root = ElementTree.fromstring(svg.svg(odd_model()))
    assert float(root.get("width")) < 450
    assert f"{LONG}(Dense)" in "".join("".join(root.itertext()).split())


def test_boxes_stand_below_each_other_with_arrows_between(model):
    root = ElementTree.fromstring(svg.svg(model))
    frames = [
        (float(box.get("y")), float(box.get("y")) + float(box.get("height")))
        for box in root.iter(f"{SVG}rect")
        if box.get("fill") == "none"
    ]
    heads = [p for p in root.iter(f"{SVG}path") if p.get("fill")]
    tips = [float(re.match(r"M\S+ (\S+)l", head.get("d"))[1]) for head in heads]
    # From the inputs to the first box, where their shape is known.
    assert len(tips) == max(0, len(frames) - 1) + (1 if model.built else 0)
    for tip, (top, _) in zip(tips[::-1], frames[::-1], strict=False):
        assert top - 6 < tip < top
    for (_, end), (top, _) in itertools.pairwise(frames):
        assert end + 20 < top


def test_heads_are_readable():
    def luminance(colour):
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for dark in (svg.BLUE, svg.GREY, svg.INK):
        bright = luminance(svg.PAPER) + 0.05
        assert bright / (luminance(dark) + 0.05) >= 4.5


def test_a_drawing_makes_no_parameters():
    model = jn.Sequential([jn.Dense(100_000, input_shape=(100_000,))])
    assert "10,000,100,000 parameters" in texts_of(svg.svg(model))


def test_activations_have_the_names_of_keras():
    for name in jn.activations.ACTIVATIONS:
        assert svg.activation_name(jn.Dense(1, name)) == name
    assert svg.activation_name(jn.Dense(1, jn.activations.gelu)) == "gelu"
    assert svg.activation_name(jn.Activation(jnp.tanh)) == "tanh"
    assert svg.activation_name(jn.Dense(1)) == "linear"
    assert svg.activation_name(jn.Flatten()) is None


class Shifted:
    """A callable without a name."""

    def __call__(self, x):
        return x + 1


def test_an_activation_without_a_name_goes_by_its_class():
    assert svg.activation_name(jn.Dense(1, Shifted())) == "Shifted"


@pytest.mark.parametrize("draw", [svg.svg, svg.to_html, utils.model_to_dot])
def test_only_models_are_drawn(draw):
    with pytest.raises(ArgumentError) as raised:
        draw(jn.Dense(3))
    assert str(raised.value) == (
        "model must be a Sequential, not Dense: put layers into Sequential([...]) "
        "first."
    )
    draw(jn.Sequential([jn.Dense(3)]))


# In notebooks


class Rows(HTMLParser):
    """Reads the cells of a table; complains about tags that are not closed."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.image = [], [], None

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag == "img"
        self.image = dict(attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def read(text):
    rows = Rows()
    rows.feed(text)
    rows.close()
    assert rows.open == []
    ElementTree.fromstring(text)  # well formed, whoever reads it
    return rows


def test_a_notebook_shows_the_table_and_the_drawing():
    model = digits_model()
    shown, _ = DisplayFormatter().format(model)
    assert shown["text/plain"] == "<Sequential name=sequential, built=True>"
    page = read(shown["text/html"])
    assert page.rows == [
        ["Layer (type)", "Output Shape", "Param #"],
        ["flatten (Flatten)", "(None, 64)", "0"],
        ["dense (Dense)", "(None, 64)", "4,160"],
        ["dropout (Dropout)", "(None, 64)", "0"],
        ["dense_1 (Dense)", "(None, 10)", "650"],
        ["Total params", "4,810"],
    ]
    assert shown["text/html"].count('<td style="text-align: right">') == 5
    assert page.image["alt"] == "Drawing of the model sequential"
    kind, data = page.image["src"].split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == svg.svg(model)


def test_every_model_has_a_page(model):
    page = read(model._repr_html_())
    summary = []
    model.summary(print_fn=summary.append)
    assert len(page.rows) == len(model.outline) + 2
    for (name, shape, number), part in zip(page.rows[1:-1], model.outline, strict=True):
        assert name.startswith(part.name.replace("\x07", "\N{REPLACEMENT CHARACTER}"))
        if len(name) < 20:
            (line,) = [line for line in summary[0].splitlines() if f" {name} " in line]
            assert f" {shape} " in line
            assert f" {number} " in line


# Graphviz's


def parsed(dot):
    """The graph, read back from its own text."""
    with warnings.catch_warnings():
        # pydot's parser is older than the pyparsing that it uses.
        warnings.filterwarnings("ignore", message=".*deprecated")
        (graph,) = pydot.graph_from_dot_data(dot.to_string())
    return graph


def test_the_graph_says_what_was_asked_for():
    graph = parsed(utils.model_to_dot(digits_model(), **ALL))
    assert [rows_in(node) for node in nodes_of(graph)] == [
        [
            ["flatten (Flatten)"],
            ["Input shape", "(None, 8, 8)"],
            ["Output shape", "(None, 64)"],
            ["Parameters", "0"],
            ["Output dtype", "float32"],
        ],
        [
            ["dense (Dense)"],
            ["Activation", "relu"],
            ["Input shape", "(None, 64)"],
            ["Output shape", "(None, 64)"],
            ["Parameters", "4,160"],
            ["Output dtype", "float32"],
            ["Trainable", "yes"],
        ],
        [
            ["dropout (Dropout)"],
            ["Input shape", "(None, 64)"],
            ["Output shape", "(None, 64)"],
            ["Parameters", "0"],
            ["Output dtype", "float32"],
        ],
        [
            ["dense_1 (Dense)"],
            ["Activation", "softmax"],
            ["Input shape", "(None, 64)"],
            ["Output shape", "(None, 10)"],
            ["Parameters", "650"],
            ["Output dtype", "float32"],
            ["Trainable", "yes"],
        ],
    ]
    plain = parsed(utils.model_to_dot(digits_model(), show_layer_names=False))
    assert [rows_in(node) for node in nodes_of(plain)] == [
        [["Flatten"]],
        [["Dense"]],
        [["Dropout"]],
        [["Dense"]],
    ]


def test_edges_run_from_layer_to_layer(model):
    graph = parsed(utils.model_to_dot(model))
    names = [node.get_name() for node in nodes_of(graph)]
    edges = [(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()]
    assert edges == list(itertools.pairwise(names))
    assert len(names) == len(model.outline)


class Branches(jn.Model):
    """One whose ``call`` alone knows what takes what."""

    def __init__(self):
        super().__init__()
        self.left, self.right = jn.Dense(3), jn.Dense(3)

    def call(self, x):
        return self.left(x) + self.right(x)


@pytest.mark.parametrize("built", [False, True])
def test_of_a_call_no_order_is_drawn_that_it_may_not_have(built):
    model = Branches()
    if built:
        model.build((None, 2))
    graph = parsed(utils.model_to_dot(model, expand_nested=True))
    assert len(nodes_of(graph)) == 2
    assert graph.get_edges() == []
    text = svg.svg(model)
    assert "<path" not in text
    assert "takes" not in text


def test_branches_within_a_row_are_drawn_before_there_are_shapes():
    model = jn.Sequential([jn.repeat(jn.residual(jn.Dense(3)), 2), jn.Dense(1)])
    graph = parsed(utils.model_to_dot(model, expand_nested=True))
    edges = [(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()]
    assert edges == [("layer_0_0_0", "layer_0_0_1"), ("layer_0_0_1", "layer_1")]


def test_a_nested_composition_is_a_cluster_where_asked_for():
    graph = parsed(
        utils.model_to_dot(odd_model(), expand_nested=True, show_shapes=True)
    )
    (cluster,) = graph.get_subgraphs()
    assert cluster.get_label() == "<inner&lt;&amp;&gt;>"
    shapes = [[row[1] for row in rows_in(node)[1:]] for node in nodes_of(cluster)]
    assert shapes == [
        ["(None, 5, 3)", "(None, 5, 4)", "16"],
        ["(None, 5, 4)", "(None, 5, 2)", "10"],
    ]
    edges = [(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()]
    assert edges == [
        ("layer_0", "layer_1_0"),
        ("layer_1_0", "layer_1_1"),
        ("layer_1_1", "layer_2"),
    ]


def test_nested_compositions_that_are_not_built_expand_too():
    model = jn.Sequential([jn.serial(jn.Dense(4, "relu"), jn.serial(jn.Dense(2)))])
    graph = parsed(utils.model_to_dot(model, expand_nested=True, **ALL))
    unknown = [["Input shape", "?"], ["Output shape", "?"], ["Parameters", "?"]]
    assert [rows_in(node)[2:-1] for node in nodes_of(graph)] == [unknown, unknown]


def test_odd_names_stay_what_they_are():
    nodes = nodes_of(parsed(utils.model_to_dot(odd_model())))
    shown = [rows_in(node)[0][0] for node in nodes]
    odd = ODD.replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert shown == [f"{LONG} (Dense)", "inner<&> (Serial)", f"{odd} (Dense)"]


def test_directions_and_resolution_are_checked():
    model = digits_model()
    for direction in ("TB", "LR", "BT", "RL"):
        assert utils.model_to_dot(model, rankdir=direction).get_rankdir() == direction
    with pytest.raises(UnknownNameError) as raised:
        utils.model_to_dot(model, rankdir="lr")
    assert str(raised.value) == "unknown rankdir 'lr': Known: BT, LR, RL, TB."
    with pytest.raises(ArgumentError) as raised:
        utils.model_to_dot(model, dpi=0)
    assert str(raised.value) == "dpi must be an integer of at least 1, not 0."


# Files


@pytest.fixture
def nothing_installed(monkeypatch):
    """Neither Graphviz nor pydot."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pydot", None)


@pytest.fixture
def graphviz(tmp_path, monkeypatch):
    """A program ``dot`` that writes what it was asked for and what it was given."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor last; do :; done\necho "$@"\ncat "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def test_without_graphviz_and_pydot_an_svg_is_the_own_drawing(
    nothing_installed, tmp_path
):
    model, path = digits_model(), tmp_path / "model.svg"
    utils.plot_model(model, path, show_shapes=True)
    assert path.read_text("utf-8") == svg.svg(model)


def test_with_graphviz_and_without_pydot_too(graphviz, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pydot", None)
    model, path = digits_model(), tmp_path / "model.svg"
    utils.plot_model(model, str(path))
    assert path.read_text("utf-8") == svg.svg(model)


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_without_graphviz_other_files_say_what_to_do(nothing_installed, tmp_path, kind):
    path = tmp_path / f"model.{kind}"
    with pytest.raises(MissingExtraError) as raised:
        utils.plot_model(digits_model(), path)
    assert str(raised.value) == (
        f"a .{kind} file is drawn by Graphviz, which is not installed: install it "
        "(https://graphviz.org/download/), or give to_file='model.svg', which needs "
        "neither Graphviz nor pydot."
    )
    assert not path.exists()


def test_without_pydot_one_sentence_says_what_to_install(
    graphviz, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "pydot", None)
    for draw in (
        lambda: utils.model_to_dot(digits_model()),
        lambda: utils.plot_model(digits_model(), tmp_path / "model.png"),
        lambda: utils.plot_model(digits_model(), tmp_path / "model.dot"),
    ):
        with pytest.raises(MissingExtraError) as raised:
            draw()
        assert str(raised.value) == (
            'pydot is not installed: run python -m pip install "jaxnet-mini[draw]".'
        )


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_graphviz_is_given_the_graph(graphviz, monkeypatch, tmp_path, kind):
    monkeypatch.delitem(sys.modules, "IPython.display", raising=False)
    model, path = digits_model(), tmp_path / f"model.{kind.upper()}"
    utils.plot_model(model, path, rankdir="LR", dpi=77, expand_nested=True, **ALL)
    command, _, text = path.read_text("utf-8").partition("\n")
    assert command.startswith(f"-T{kind} ")
    expected = utils.model_to_dot(model, rankdir="LR", dpi=77, **ALL)
    assert text == expected.to_string()


def test_a_dot_file_needs_no_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    model, path = digits_model(), tmp_path / "model.dot"
    assert utils.plot_model(model, path, show_layer_names=True) is None
    assert path.read_text("utf-8") == utils.model_to_dot(model).to_string()


@pytest.mark.parametrize("name", ["model", "model.jpg", "model.svg.gz"])
def test_other_endings_are_named(tmp_path, name):
    with pytest.raises(ArgumentError) as raised:
        utils.plot_model(digits_model(), tmp_path / name)
    assert str(raised.value) == (
        f"to_file must end in .png, .svg, .pdf or .dot, not {name!r}."
    )


def test_a_notebook_shows_what_was_plotted(nothing_installed, tmp_path, monkeypatch):
    path = tmp_path / "model.svg"
    monkeypatch.delitem(sys.modules, "IPython.display", raising=False)
    assert utils.plot_model(digits_model(), path) is None
    import IPython.display

    monkeypatch.setitem(sys.modules, "IPython.display", IPython.display)
    shown, _ = DisplayFormatter().format(utils.plot_model(digits_model(), path))
    assert texts_of(shown["image/svg+xml"])[0] == "sequential"


@pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz is not installed: no program dot."
)
def test_graphviz_draws_every_model(model, tmp_path):
    options = ALL | {"expand_nested": True, "dpi": 50}
    utils.plot_model(model, tmp_path / "model.png", **options)
    assert imread(tmp_path / "model.png").ndim == 3
    utils.plot_model(model, tmp_path / "model.svg", **options)
    shown = "".join(texts_of((tmp_path / "model.svg").read_bytes()))
    for layer in model.layers:
        assert type(layer).__name__ in shown or isinstance(layer, type(jn.serial()))
    utils.plot_model(model, tmp_path / "model.pdf", **options)
    assert (tmp_path / "model.pdf").read_bytes().startswith(b"%PDF")
    drawn = utils.model_to_dot(model, **options).create(prog="dot", format="svg")
    assert drawn.startswith(b"<?xml")


def test_a_graph_says_in_each_box_what_its_layer_takes():
    wide, deep = jn.Input((5,), name="wide"), jn.Input((6,), name="deep")
    shared = jn.Dense(6, "relu", name="shared")
    hidden = shared(shared(deep))
    joined = jn.layers.Concatenate(name="joined")([wide, hidden])
    text = svg.svg(jn.Model([wide, deep], jn.Dense(1, name="last")(joined)))
    for line in (
        "input: wide (None, 5), deep (None, 6)",
        "takes: deep",
        "takes: shared",
        "takes: wide, shared_call_1",
        "takes: joined",
    ):
        assert f">{line}<" in text
    assert "<path" not in text  # no arrow from each box to the next
    row = jn.Sequential([jn.Dense(2, input_dim=3), jn.Dense(1)])
    assert "takes" not in svg.svg(row)
