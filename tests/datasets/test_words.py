"""Data sets that Keras publishes as one file: read without running what is in it."""

import functools
import http.server
import io
import pickle
import threading
import zipfile

import numpy as np
import pytest
from word_sets import CONTENTS, ROOMS, in_place

from jaxnet_mini.datasets import (
    boston_housing,
    california_housing,
    imdb,
    npz,
    reuters,
    splits,
)
from jaxnet_mini.errors import ArgumentError, DataError, DownloadError

ROWS = [[1, 2, 3], [], [70000, 2**40]]


def ragged(rows):
    values = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        values[number] = row
    return values


def archive(pickled, version=(1, 0), shape=(3,)):
    """An npz archive of one array of objects, of which the pickle is given."""
    member, file = io.BytesIO(), io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": shape}
    write = {
        (1, 0): np.lib.format.write_array_header_1_0,
        (2, 0): np.lib.format.write_array_header_2_0,
    }
    write[version](member, header)
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("x.npy", member.getvalue() + pickled)
    return file.getvalue()


def test_rows_of_all_ages_are_read():
    """By old and new NumPy, of headers of both kinds, and as NumPy itself writes."""
    values = ragged(ROWS)
    for protocol in (3, 4, 5):
        for version in ((1, 0), (2, 0)):
            content = archive(pickle.dumps(values, protocol), version)
            assert npz.read(content, "x") == [ROWS]
    plain = pickle.dumps(values, 3)
    old, new = b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n"
    assert (old in plain) != (new in plain)
    for its in (old, new):
        content = archive(plain.replace(old, its).replace(new, its))
        assert npz.read(content, "x") == [ROWS]
    file = io.BytesIO()
    np.savez(file, x=values, y=np.arange(3))
    rows, labels = npz.read(file.getvalue(), "x", "y")
    assert rows == ROWS
    np.testing.assert_array_equal(labels, np.arange(3))


class Called:
    """Asks whoever reads it to call a function."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


def test_nothing_in_a_file_is_run(capsys):
    """Neither a function of Python's nor one of NumPy's, wherever it stands."""
    for function, name in ((print, "print"), (np.zeros, "zeros"), (Called, "Called")):
        asking = Called(function, 3)
        for value in (asking, ragged([asking, [1], [2]]), [asking]):
            with pytest.raises(DataError, match=rf"asks for .*\.{name}, which was not"):
                npz.read(archive(pickle.dumps(value)), "x")
    assert capsys.readouterr().out == ""
    # The names that are known make stand-ins: an array of a petabyte costs nothing.
    with pytest.raises(DataError, match="came other objects"):
        npz.read(archive(pickle.dumps(Called(np.ndarray, (2**50,)))), "x")


OTHERS = [
    ragged([[1], [2.0], [3]]),
    ragged([[1], [True], [3]]),
    ragged([[1], ["2"], [3]]),
    ragged([[1], np.arange(2), [3]]),
    ragged([[1], (2,), [3]]),
    ragged([[1], 2, [3]]),
    ragged([[1], [2]]),
    ROWS,
    {"state": (ROWS,)},
    None,
]


def test_other_objects_are_refused():
    for value in OTHERS:
        with pytest.raises(DataError, match="came other objects"):
            npz.read(archive(pickle.dumps(value)), "x")


class Files(http.server.SimpleHTTPRequestHandler):
    """Gives files of a folder to who asks on this machine."""

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The small sets, to be fetched from this machine; returns what was asked for."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("JAXNET_MINI_DATA", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    handler = functools.partial(Files, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        in_place(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def test_all_are_fetched_once_and_kept(served, tmp_path):
    first = [room.load_data() for room in ROOMS]
    words = imdb.get_word_index(), reuters.get_word_index("reuters_word_index.json")
    assert words == ({"the": 1, "film": 2}, {"mdbl": 3})
    for path in served.iterdir():
        path.unlink()
    cache = tmp_path / "home/.cache/jaxnet_mini"
    kept = {path.name: path.read_bytes() for path in cache.glob("*/*")}
    assert kept == CONTENTS
    again = [room.load_data() for room in ROOMS]
    for one, other in zip(first, again, strict=True):
        for its, others in zip(one, other, strict=True):
            assert list(map(list, its)) != []
            for values, same in zip(its, others, strict=True):
                assert values is not same
                np.testing.assert_array_equal(values, same)
    # By the file itself, or its folder; and never when it is another one.
    for path in (cache / "imdb/imdb.npz", cache / "imdb", cache):
        assert imdb.load_data(path)
    (cache / "imdb/imdb.npz").write_bytes(CONTENTS["imdb.npz"][:-1] + b"!")
    with pytest.raises(DataError, match="not the published file: expected SHA-256"):
        imdb.load_data(cache)
    with pytest.raises(DownloadError, match=r"imdb\.npz was found nowhere"):
        imdb.load_data()
    index = cache / "imdb-word-index/imdb_word_index.json"
    index.write_bytes(CONTENTS[index.name][:-1] + b"!")
    with pytest.raises(DataError, match="not the published file: expected MD5"):
        imdb.get_word_index(index)


def test_what_comes_is_of_the_shapes_that_are_promised(served):
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data(test_split=0)
    assert (x_train.shape, y_train.shape) == ((21, 13), (21,))
    assert len(x_test) == len(y_test) == 0
    (x_train, _), (x_test, _) = california_housing.load_data("small")
    assert (len(x_train), len(x_test)) == (480, 120)
    (x_train, y_train), _ = imdb.load_data(maxlen=3)
    # Texts of one length are an array of lists all the same.
    assert (x_train.shape, x_train.dtype, y_train.dtype) == ((3,), object, np.int64)
    assert reuters.get_label_names()[3] == "earn"
    assert len(set(reuters.get_label_names())) == 46


BAD = [
    (imdb, {"num_words": 0}, "num_words must be an integer of at least 1, not 0"),
    (imdb, {"maxlen": 2.5}, "maxlen must be an integer of at least 1, not 2.5"),
    (imdb, {"skip_top": None}, "skip_top must be an integer of at least 0, not None"),
    (imdb, {"start_char": "1"}, "start_char must be an integer of at least 0"),
    (imdb, {"oov_char": -1}, "oov_char must be an integer of at least 0, not -1"),
    (imdb, {"index_from": None}, "index_from must be an integer of at least 0"),
    (imdb, {"seed": -1}, r"seed must be an integer in \[0, 2\*\*32\) or None, not -1"),
    (reuters, {"test_split": 1}, r"test_split must be a number in \[0, 1\), not 1"),
    (reuters, {"maxlen": 1}, "maxlen=1 leaves no text, .* the shortest has 2 words"),
    (boston_housing, {"test_split": "0.2"}, r"test_split must be .*, not '0\.2'"),
    (boston_housing, {"seed": 2**32}, "seed must be an integer in"),
    (california_housing, {"version": "medium"}, "version must be 'small' or 'large'"),
]


def test_bad_arguments_get_one_sentence(served):
    for room, arguments, says in BAD:
        with pytest.raises(ArgumentError, match=f"^{says}"):
            room.load_data(**arguments)


def test_another_order_each_time_where_there_is_no_seed():
    drawn = {tuple(splits.order(splits.orders(None), 20)) for _ in range(3)}
    assert len(drawn) == 3
