"""IMDB: 50,000 reviews of films, half of them positive, as numbers of words.

Source: A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011,
https://ai.stanford.edu/~amaas/data/sentiment/; the files are Keras's.
"""

import os

from jaxnet_mini.datasets import files, npz, splits, words
from jaxnet_mini.datasets.catalogue import of_keras
from jaxnet_mini.datasets.splits import Pair

DATA_SET = of_keras(
    "IMDB",
    "imdb.npz",
    17464789,
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)
WORD_INDEX = of_keras(
    "the words of IMDB",
    "imdb_word_index.json",
    1641221,
    "bfafd718b763782e994055a2d397834f",
)


def load_data(
    path: str | os.PathLike[str] | None = None,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Pair, Pair]:
    """Load IMDB from disk or, where it is not yet, from the network.

    Args:
        path: the folder that holds ``imdb.npz``, or that file. Nothing else is
            searched then and nothing downloaded. By default, or given the bare name as
            in Keras, the folders that ``jaxnet_mini.datasets.files`` names are
            searched, and what is missing is downloaded.
        num_words: keep numbers below this; by default below the largest that there is,
            so that, as in Keras, the rarest word is left out.
        skip_top: keep numbers from this on, which leaves out the most frequent words.
        maxlen: leave out the reviews that, with their mark, have so many words or
            more; by default none.
        seed: of the order of the reviews; None draws another one each time.
        start_char: the number that each review begins with; None for none.
        oov_char: what stands in place of a word that is left out; None for nothing.
        index_from: added to all numbers of words, so that smaller ones can be marks.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: new arrays at every call, the same as
        in Keras. The inputs are arrays of objects, (25000,) each, of lists of integers;
        the targets are 1 for a positive and 0 for a negative review, int64. A dense
        network takes rows of one length, such as one column a word::

            x = np.zeros((len(x_train), 10000), "float32")
            for row, review in zip(x, x_train):
                row[review] = 1

    Raises:
        ArgumentError: an argument is out of range, or ``maxlen`` leaves no review.
        DataError: the file in ``path`` or ``$JAXNET_MINI_DATA`` is not the published
            one.
        DownloadError: the file is not in ``path``, or found nowhere and not to be
            downloaded.
    """
    encoding = words.Encoding(
        num_words, skip_top, maxlen, start_char, oov_char, index_from
    ).checked()
    random = splits.orders(seed)
    ((content, _),) = files.contents(DATA_SET, path)
    x_train, y_train, x_test, y_test = npz.read(
        content, "x_train", "y_train", "x_test", "y_test"
    )
    parts = []
    for rows, labels in ((x_train, y_train), (x_test, y_test)):
        drawn = splits.order(random, len(rows))
        parts.append(([rows[number] for number in drawn], labels[drawn]))
    train, test = encoding.encoded(parts)
    return train, test


def get_word_index(path: str | os.PathLike[str] | None = None) -> dict[str, int]:
    """Return the number of each word, 1 for the most frequent one.

    In what `load_data` returns ``index_from`` is added to it.

    Args:
        path: the folder that holds ``imdb_word_index.json``, or that file; see
            `load_data`.

    Raises:
        DataError, DownloadError: as `load_data`.
    """
    return words.index(WORD_INDEX, path)
