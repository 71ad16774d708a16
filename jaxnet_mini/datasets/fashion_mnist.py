"""Fashion-MNIST: 70,000 grey images of clothes in ten classes, 28 x 28 pixels.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for
Benchmarking Machine Learning Algorithms", 2017, https://arxiv.org/abs/1708.07747;
copyright Zalando SE, MIT licence, https://github.com/zalandoresearch/fashion-mnist.
"""

import os

from jaxnet_mini.datasets import files
from jaxnet_mini.datasets.catalogue import KERAS_MIRROR, DataSet, Split, like_mnist

CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
"""What the labels 0 to 9 stand for, in this order."""

DATA_SET = DataSet(
    title="Fashion-MNIST",
    folders=("fashion-mnist", "fashion_mnist"),
    mirrors=(
        KERAS_MIRROR,
        # The authors' own: plain HTTP, which the SHA-256 sums make safe.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    parts=like_mnist(
        (26421880, 29515, 4422102, 5148),
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    installed=("/usr/share/dataset-fashion-mnist",),
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """Load Fashion-MNIST from disk or, where it is not yet, from the network.

    Args:
        path: the folder that holds the four files, gzipped or unpacked, or a folder
            ``fashion-mnist`` with them. Nothing else is searched then and nothing
            downloaded. By default the folders that ``jaxnet_mini.datasets.files``
            names are searched, and what is missing is downloaded.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, all uint8;
        ``x_train`` of shape (60000, 28, 28) and ``x_test`` of shape (10000, 28, 28)
        with values 0 (background) to 255; ``y_train`` of shape (60000,) and ``y_test``
        of shape (10000,) with the labels 0 to 9, named by ``CLASS_NAMES``.

    Raises:
        DataError: a file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published one.
        DownloadError: a file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    x_train, y_train, x_test, y_test = files.load(DATA_SET, path)
    return (x_train, y_train), (x_test, y_test)
