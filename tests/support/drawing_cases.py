"""What tests of drawing share, and those that ask Keras."""

import itertools
import xml.etree.ElementTree as ElementTree

import jaxnet_mini as jn


def digits_model():
    return jn.Sequential(
        [
            jn.Flatten(input_shape=(8, 8)),
            jn.Dense(64, "relu"),
            jn.Dropout(0.5),
            jn.Dense(10, activation="softmax"),
        ]
    )


ALL = dict.fromkeys(
    ("show_shapes", "show_dtype", "show_layer_names", "show_layer_activations",
     "show_trainable"),
    True,
)  # fmt: skip


def rows_in(node):
    """The cells of a node's table, as any reader of XML reads them."""
    label = node.get_label()
    assert (label[0], label[-1]) == ("<", ">")
    table = ElementTree.fromstring(label[1:-1])
    return [["".join(cell.itertext()) for cell in row] for row in table]


def nodes_of(graph):
    nodes = [node for node in graph.get_nodes() if node.get_name() != "node"]
    inner = [nodes_of(cluster) for cluster in graph.get_subgraphs()]
    return [*nodes, *itertools.chain.from_iterable(inner)]
