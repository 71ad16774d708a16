"""Texts as lists of numbers, one a word, the more frequent a word the smaller.

Which words are kept and how texts are marked is as in Keras, number for number.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.datasets import files
from jaxnet_mini.datasets.catalogue import DataSet
from jaxnet_mini.datasets.npz import Rows
from jaxnet_mini.datasets.splits import Pair
from jaxnet_mini.errors import ArgumentError

Labelled = tuple[Rows, NDArray[Any]]
"""Texts and what they are about."""


@dataclass(frozen=True)
class Encoding:
    """Which words are kept, and how texts are marked; see `imdb.load_data`."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int

    def checked(self) -> "Encoding":
        """Return it with integers of Python.

        Raises:
            ArgumentError: one of its values is none.
        """
        least = {"num_words": 1, "maxlen": 1}
        optional = {"num_words", "maxlen", "start_char", "oov_char"}
        values = {
            name: None
            if value is None and name in optional
            else check_count(name, value, least.get(name, 0))
            for name, value in vars(self).items()
        }
        return Encoding(**values)  # type: ignore[arg-type]

    def encoded(self, parts: Sequence[Labelled]) -> list[Pair]:
        """Return texts as they are given to users, an array of lists, and their labels.

        Args:
            parts: one or more, over all of which the largest number is looked for.

        Raises:
            ArgumentError: all texts of a part are too long.
        """
        marked = [self._short(self._marked(rows), labels) for rows, labels in parts]
        limit = self.num_words
        if limit is None:  # as in Keras, where this leaves the rarest word out
            rows = itertools.chain.from_iterable(rows for rows, _ in marked)
            limit = max(max(row, default=0) for row in rows)
        return [(_array(self._kept(rows, limit)), labels) for rows, labels in marked]

    def _marked(self, rows: Rows) -> Rows:
        start = [] if self.start_char is None else [self.start_char]
        shift = self.index_from
        return [[*start, *(word + shift for word in row)] for row in rows]

    def _short(self, rows: Rows, labels: NDArray[Any]) -> Labelled:
        """Leave out the texts of ``maxlen`` words and more, as Keras does."""
        if self.maxlen is None:
            return rows, labels
        short = [number for number, row in enumerate(rows) if len(row) < self.maxlen]
        if not short:
            raise ArgumentError(
                f"maxlen={self.maxlen} leaves no text, since only shorter ones are "
                f"kept, and the shortest has {min(map(len, rows))} words: give more "
                "than that."
            )
        return [rows[number] for number in short], labels[short]

    def _kept(self, rows: Rows, limit: int) -> Rows:
        least, other = self.skip_top, self.oov_char
        if other is None:
            return [[word for word in row if least <= word < limit] for row in rows]
        return [
            [word if least <= word < limit else other for word in row] for row in rows
        ]


def _array(rows: Rows) -> NDArray[Any]:
    values = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        values[number] = row
    return values


def index(data_set: DataSet, path: Any) -> dict[str, int]:
    """Return the numbers of words; see `imdb.get_word_index`."""
    import json

    ((content, _),) = files.contents(data_set, path)
    numbers: dict[str, int] = json.loads(content)
    return numbers
