"""Reuters: 11,228 newswires of 1987 on 46 topics, as numbers of words.

Source: D. D. Lewis, "Reuters-21578 Text Categorization Collection", UCI Machine
Learning Repository, 1987, https://doi.org/10.24432/C52G6M; the files are Keras's.
"""

import os

from jaxnet_mini.datasets import files, npz, splits, words
from jaxnet_mini.datasets.catalogue import of_keras
from jaxnet_mini.datasets.splits import Pair

LABEL_NAMES = (
    *("cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing"),
    *("money-supply", "coffee", "sugar", "trade", "reserves", "ship", "cotton"),
    *("carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp"),
    *("meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock"),
    *("retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei", "bop", "zinc"),
    *("orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead"),
)
"""What the labels 0 to 45 stand for, in this order."""

DATA_SET = of_keras(
    "Reuters",
    "reuters.npz",
    2110848,
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
WORD_INDEX = of_keras(
    "the words of Reuters",
    "reuters_word_index.json",
    550378,
    "4d44cc38712099c9e383dc6e5f11a921",
)


def load_data(
    path: str | os.PathLike[str] | None = None,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Load Reuters from disk or, where it is not yet, from the network.

    Args:
        path: the folder that holds ``reuters.npz``, or that file. Nothing else is
            searched then and nothing downloaded. By default, or given the bare name as
            in Keras, the folders that ``jaxnet_mini.datasets.files`` names are
            searched, and what is missing is downloaded.
        num_words: this and the following but ``test_split`` as for `imdb.load_data`.
        skip_top: keep numbers from this on.
        maxlen: leave out newswires of so many words or more.
        test_split: the share of newswires that are for testing, in [0, 1).
        seed: of their order; None draws another one each time.
        start_char: the number that each begins with; None for none.
        oov_char: what stands in place of a word that is left out; None for nothing.
        index_from: added to all numbers of words.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, the same as
        in Keras. The inputs are arrays of objects, by default (8982,) and (2246,), of
        lists of integers; the targets are the topics 0 to 45, named by
        ``get_label_names()``, int64.

    Raises:
        ArgumentError: an argument is out of range, or ``maxlen`` leaves no newswire.
        DataError: the file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published
            one.
        DownloadError: the file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    encoding = words.Encoding(
        num_words, skip_top, maxlen, start_char, oov_char, index_from
    ).checked()
    share, random = splits.check_share(test_split), splits.orders(seed)
    ((content, _),) = files.contents(DATA_SET, path)
    rows, labels = npz.read(content, "x", "y")
    drawn = splits.order(random, len(rows))
    ((x, y),) = encoding.encoded([([rows[number] for number in drawn], labels[drawn])])
    cut = splits.border(len(x), share)
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def get_word_index(path: str | os.PathLike[str] | None = None) -> dict[str, int]:
    """Return the number of each word, 1 for the most frequent one.

    In what `load_data` returns ``index_from`` is added to it.

    Args:
        path: the folder that holds ``reuters_word_index.json``, or that file; see
            `load_data`.

    Raises:
        DataError, DownloadError: as `load_data`.
    """
    return words.index(WORD_INDEX, path)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the topics 0 to 45, in this order."""
    return LABEL_NAMES
