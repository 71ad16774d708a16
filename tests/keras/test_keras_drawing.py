"""Drawing against Keras's own."""

import inspect
import itertools
import re

from conftest import keras_on_jax
from drawing_cases import ALL, digits_model, nodes_of, rows_in

import jaxnet_mini as jn
from jaxnet_mini import utils


def test_the_graph_has_the_nodes_and_words_of_keras():
    """Keras's labels are of the same kind; each word of them stands in ours."""
    with keras_on_jax() as keras:
        keras.backend.clear_session()
        layers = keras.layers
        theirs = keras.utils.model_to_dot(
            keras.Sequential(
                [
                    layers.Input((8, 8)),
                    layers.Flatten(),
                    layers.Dense(64, activation="relu"),
                    layers.Dropout(0.5),
                    layers.Dense(10, activation="softmax"),
                ]
            ),
            rankdir="LR",
            dpi=96,
            **ALL,
        )
    ours = utils.model_to_dot(digits_model(), rankdir="LR", dpi=96, **ALL)
    assert len(nodes_of(ours)) == len(nodes_of(theirs)) == 4
    assert len(ours.get_edges()) == len(theirs.get_edges()) == 3
    for attribute in ("rankdir", "dpi"):
        assert str(ours.get(attribute)) == str(theirs.get(attribute))
    for own, other in zip(nodes_of(ours), nodes_of(theirs), strict=True):
        own_words = set(re.findall(r"\w+", " ".join(itertools.chain(*rows_in(own)))))
        words = " ".join(itertools.chain(*rows_in(other)))
        # Ours has a row for what is trainable, theirs a coloured cell.
        missing = set(re.findall(r"\w+", words)) - own_words
        assert missing == set()


def test_arguments_are_those_of_keras():
    with keras_on_jax() as keras:
        for name in ("model_to_dot", "plot_model"):
            theirs = inspect.signature(getattr(keras.utils, name)).parameters
            ours = inspect.signature(getattr(utils, name)).parameters
            # Of Keras's only what a chain of layers has no use for is absent.
            absent = {"subgraph", "splines", "kwargs"} & set(theirs)
            assert list(ours) == [key for key in theirs if key not in absent]
            for key, parameter in ours.items():
                assert parameter.default == theirs[key].default, key


def edges_in(graph):
    """Which layer leads to which, by name; what leads through inner inputs at once."""
    names = {node.get_name(): rows_in(node)[0][0] for node in nodes_of(graph)}
    graphs, edges = [graph], set()
    while graphs:
        own = graphs.pop()
        graphs += own.get_subgraphs()
        for edge in own.get_edges():
            edges.add(
                (names[str(edge.get_source())], names[str(edge.get_destination())])
            )
    for inner in [name for name in names.values() if name == "inner (InputLayer)"]:
        before = [source for source, target in edges if target == inner]
        after = [target for source, target in edges if source == inner]
        edges = {edge for edge in edges if inner not in edge}
        edges |= set(itertools.product(before, after))
    return edges


def branching(library):
    """A graph with a shared layer, and another model within it."""
    layers = library.layers
    inner = layers.Input((4,), name="inner")
    halves = [layers.Dense(3, name=name)(inner) for name in ("left", "right")]
    block = library.Model(inner, layers.Add(name="sum")(halves), name="block")
    a, b = (layers.Input((4,), name=name) for name in "ab")
    shared = layers.Dense(4, name="shared")
    taken = layers.Concatenate(name="both")([shared(a), shared(b)])
    again = shared(layers.Dense(4, name="more")(taken))
    return library.Model([a, b], [block(again), again])


def test_edges_of_a_graph_are_those_of_keras():
    with keras_on_jax() as keras:
        for nested in (False, True):
            theirs, ours = (
                edges_in(own.utils.model_to_dot(branching(own), expand_nested=nested))
                for own in (keras, jn)
            )
            ours = {
                tuple(name.replace("(Graph)", "(Functional)") for name in edge)
                for edge in ours
            }
            assert ours == theirs
            assert len(ours) == (9 if nested else 6)
