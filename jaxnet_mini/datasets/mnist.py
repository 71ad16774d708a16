"""MNIST: 70,000 grey images of handwritten digits, 28 x 28 pixels.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86, 1998; the data by Y. LeCun,
C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/, licence CC BY-SA 3.0.
"""

import os

from jaxnet_mini.datasets import files
from jaxnet_mini.datasets.catalogue import DataFile, DataSet, Split, like_mnist

KERAS_ARCHIVE = DataFile(
    "mnist.npz",
    11490434,
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
"""All four arrays in one file, as ``keras.datasets.mnist`` leaves it in its cache."""


DATA_SET = DataSet(
    title="MNIST",
    folders=("mnist",),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    parts=like_mnist(
        (9912422, 28881, 1648877, 4542),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        KERAS_ARCHIVE,
    ),
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """Load MNIST from disk or, where it is not yet, from the network.

    Args:
        path: the folder that holds the four files, gzipped or unpacked, or Keras's
            ``mnist.npz``, or a folder ``mnist`` with them. Nothing else is searched
            then and nothing downloaded. By default the folders that
            ``jaxnet_mini.datasets.files`` names are searched, and what is missing is
            downloaded.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, all uint8;
        ``x_train`` of shape (60000, 28, 28) and ``x_test`` of shape (10000, 28, 28)
        with values 0 (background) to 255; ``y_train`` of shape (60000,) and ``y_test``
        of shape (10000,) with the digits 0 to 9.

    Raises:
        DataError: a file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published one.
        DownloadError: a file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    x_train, y_train, x_test, y_test = files.load(DATA_SET, path)
    return (x_train, y_train), (x_test, y_test)
