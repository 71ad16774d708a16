"""What is taken for an array, and that following each message leads to one."""

import datetime
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import jaxnet_mini as jn
from jaxnet_mini.data import arrays, iterables
from jaxnet_mini.errors import DataError
from jaxnet_mini.layers import Dense

ROWS = 6
X = np.arange(4 * ROWS, dtype=np.float32).reshape(ROWS, 4) / 24 - 0.5
Y = np.arange(ROWS) % 3
DAYS = [datetime.date(2020, 1, 1 + day) for day in range(ROWS)]
FRAME = pd.DataFrame(X, columns=list("abcd"))
WHOLE = pd.DataFrame({"a": range(ROWS), "b": range(1, ROWS + 1)})
WORDS = ["u", "v", "w", "u", "v", "w"]


class Lazy:
    """An array in a file, as zarr's: it is read by asking for a part."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, part):
        return self.array[part]


class Column(list):
    """A column of a data set of Hugging Face's, which has no shape."""

    column_name = "x"


# What is taken


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (FRAME, X),
        (FRAME.assign(e=[True, False] * 3), np.c_[X, [1, 0] * 3]),
        (FRAME.assign(e=WHOLE["a"].astype("Int8")), np.c_[X, range(ROWS)]),
        (FRAME.assign(e=pd.array([True, False] * 3, "boolean")), np.c_[X, [1, 0] * 3]),
        (FRAME.astype("Float32"), X),
        (WHOLE.astype("Int64"), WHOLE.to_numpy()),
        (FRAME.iloc[:, [0, 0]], X[:, [0, 0]]),
        (pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_array(X)), X),
        (WHOLE["a"].astype("Int64"), WHOLE["a"].to_numpy()),
        (pd.Series([True, False], dtype="boolean"), np.array([True, False])),
        (pd.Index([3, 1]), np.array([3, 1])),
        (Lazy(X), X),
        (Column(X.tolist()), X.astype(np.float64)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tables_and_lazy_arrays_are_read_whole(given, expected):
    array = arrays.as_array(given, "x")
    np.testing.assert_array_equal(array, expected)
    assert array.dtype.kind in "biuf"
    assert arrays.is_array(given)


def test_tables_keep_their_dtype_where_all_columns_have_one():
    for frame in (FRAME, FRAME.astype("Float32"), FRAME.assign(e=[True, False] * 3)):
        assert arrays.as_array(frame, "x").dtype == np.float32
    whole = arrays.as_array((WHOLE > 2).astype("boolean"), "x")
    assert whole.dtype == np.bool_


def test_what_is_kept_elsewhere_trains_as_an_array_does(tmp_path):
    """Lists of one input, as Keras takes them, and what is read when asked for."""
    model = jn.Sequential([Dense(3, "softmax", kernel_initializer="ones")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    kinds = {
        "list": ([X], [Y]),
        "tuple": ((X,), Y),
        "frame": (FRAME.astype("Float32"), pd.Series(Y).astype("Int64")),
        "lazy": (Lazy(X), Lazy(Y)),
        "column": (Column(X), Column(Y)),
    }
    with h5py.File(tmp_path / "x.h5", "w") as file:
        kinds["h5py"] = (
            file.create_dataset("x", data=X),
            file.create_dataset("y", data=Y),
        )
        trained = {}
        for name, (x, y) in {"array": (X, Y), **kinds}.items():
            fresh = jn.models.clone_model(model)
            fresh.compile("sgd", "sparse_categorical_crossentropy")
            fresh.fit(x, y, verbose=0, validation_data=(x, y))
            loss = fresh.evaluate(x, y, verbose=0)
            trained[name] = [*fresh.get_weights(), fresh.predict(x), fresh(x), loss]
            trained[name] += [fresh.history.history["val_loss"]]
            trained[name] += [fresh.predict_on_batch(x), fresh.test_on_batch(x, y)]
    for name, found in trained.items():
        for ours, plain in zip(found, trained["array"], strict=True):
            np.testing.assert_array_equal(ours, plain, err_msg=name)
    assert fresh.predict([X[0]]).shape == (1, 3)  # a list of one row stays one row


def test_nothing_that_is_one_array_is_taken_for_batches():
    one = [X, FRAME, FRAME["a"], scipy.sparse.csr_matrix(X), Lazy(X), Column(X), [X]]
    assert not any(map(iterables.gives_batches, one))
    assert iterables.gives_batches(iter([(X, Y)]))


def test_a_file_that_is_closed_is_said_to_be_so(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        x = file.create_dataset("x", data=X)

    class Closed(Lazy):
        def __getitem__(self, part):
            raise ValueError("the file is closed")

    with pytest.raises(DataError, match=r"^x cannot be read .*keep its file open"):
        arrays.as_array(Closed(X), "x")
    with pytest.raises(DataError, match=r"^x cannot be read"):
        arrays.as_array(x, "x")


# What is refused, and the way on


def follow(x, most=4):
    """Do what each message says until none comes; return the array and the messages."""
    messages = []
    while len(messages) <= most:
        try:
            return arrays.as_array(x, "x"), messages
        except DataError as error:
            messages.append(str(error))
        code = re.search(
            r"(?:with|write|take|give|such as) (\(?(?:np|pd|x)\b.+?)"
            r"(?:, or |, which | or np|\.$)",
            messages[-1],
        )[1]
        own = {"np": np, "pd": pd, "x": x}
        if re.match(r"x\[[^\]]+\] = ", code):
            own["x"] = x.copy()
            exec(code, own)
            x = own["x"]
        else:
            x = eval(code, own)
    raise AssertionError(messages)


def frame_with(values, **settings):
    return FRAME.assign(s=pd.Series(values, **settings))


CASES = {
    "words in a column": (frame_with(WORDS), "column 's' of dtype str", (ROWS, 7)),
    "categories": (
        frame_with(WORDS, dtype="category"),
        "column 's' of dtype category",
        (ROWS, 7),
    ),
    "two columns of words": (
        frame_with(WORDS).assign(t=WORDS),
        "columns=['s', 't']",
        (ROWS, 10),
    ),
    "words with a gap": (frame_with(["u", None, "w"] * 2), "column 's'", (ROWS, 6)),
    "numbers as words": (frame_with(["1.5"] * ROWS), "column 's'", (ROWS, 5)),
    "numbers as objects": (
        frame_with([1, 2.5] * 3, dtype=object),
        "x.astype({'s': 'float32'})",
        (ROWS, 5),
    ),
    "dates": (frame_with(pd.to_datetime(DAYS)), "'s' of dtype datetime64", (ROWS, 5)),
    "dates of a zone": (
        frame_with(pd.to_datetime(DAYS).tz_localize("UTC")),
        "count days with x['s'] = ",
        (ROWS, 5),
    ),
    "dates as objects": (frame_with(DAYS), "pd.to_datetime(x['s'])", (ROWS, 5)),
    "durations": (
        frame_with(pd.to_timedelta(range(ROWS), "h")),
        "np.timedelta64(1, 'D')",
        (ROWS, 5),
    ),
    "complex": (frame_with([1j] * ROWS), "np.abs(x['s'])", (ROWS, 5)),
    "periods": (
        frame_with(pd.period_range("2020", periods=ROWS)),
        "x.drop(columns=['s'])",
        (ROWS, 4),
    ),
    "NaN": (FRAME.mask(X[3, 2] == FRAME), "at row 3, column 'c'", (ROWS, 4)),
    "NA": (
        FRAME.assign(s=pd.array([1, 2, None] * 2, "Int64")),
        "at row 2, column 's'",
        (ROWS, 5),
    ),
    "NA among bools": (
        FRAME.assign(s=pd.array([True, None] * 3, "boolean")),
        "at row 1, column 's'",
        (ROWS, 5),
    ),
    "a series of words": (
        pd.Series(WORDS),
        "number classes with np.unique(x, return_inverse=True)[1]",
        (ROWS,),
    ),
    "a series of categories": (
        pd.Series(WORDS, dtype="category"),
        "np.unique(x, return_inverse=True)[1]",
        (ROWS,),
    ),
    "categories alone": (pd.Categorical(WORDS), "np.unique(np.array(x), ", (ROWS,)),
    "a series of dates": (pd.Series(pd.to_datetime(DAYS)), "x.min()", (ROWS,)),
    "a series of dates as objects": (pd.Series(DAYS), "pd.to_datetime(x)", (ROWS,)),
    "a series with NA": (pd.Series([1, None], dtype="Int64"), "at row 1", (2,)),
    "a series of objects": (pd.Series([1, 2.5], dtype=object), "x.astype", (2,)),
    "a series of words with a gap": (pd.Series(["u", None]), "x.dropna()", (1,)),
    "a list of words": (WORDS, "np.unique(np.array(x), return_inverse=True)", (ROWS,)),
    "a table of words": (np.array([WORDS]), ".reshape((1, 6))", (1, ROWS)),
    "words as objects": (np.array(WORDS, object), "np.unique(x, ", (ROWS,)),
    "words and numbers": (np.array(["u", 1], object), "x.astype(str)", (2,)),
    "numbers in words": (["1.5", "2"], "np.array(x).astype('float32')", (2,)),
    "bytes": (np.array([b"u", b"v"]), "np.unique", (2,)),
    "None": ([[1, None], [2, 3]], "no value stands at row 0", (2, 2)),
    "None in words": (["u", None], "no value stands at row 1", (2,)),
    "NA in objects": (np.array([1, pd.NA], object), "pd.isna(x)", (2,)),
    "dates in an array": (np.array(DAYS, "M8[D]"), "count days", (ROWS,)),
    "dates in a list": (DAYS, "np.array(x).astype('datetime64[us]')", (ROWS,)),
    "durations in an array": (np.array([1, 2], "m8[h]"), "count days", (2,)),
    "durations in a list": ([datetime.timedelta(1)], "timedelta64[us]", (1,)),
    "complex array": (np.ones((2, 2)) * 1j, "take x.real", (2, 2)),
    "complex list": ([1j, 2j], "take np.array(x).real", (2,)),
    "arrays in cells": (pd.Series([*X]), "np.stack(x)", (ROWS, 4)),
    "masked": (np.ma.masked_less(X, 0), "x.filled(value)", None),
    "a dictionary": ({"x": X}, "give x['x']", (ROWS, 4)),
    "columns": ({"a": X[:, 0], "b": X[:, 1]}, "np.stack([*x.values()]", (ROWS, 2)),
    "sparse": (scipy.sparse.csr_matrix(X), "x.toarray(), which takes 96 b", (ROWS, 4)),
    "a number": (3.0, "np.array([x])", (1,)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_advice_leads_to_an_array(name):
    x, words, shape = CASES[name]
    if shape is None:  # what to fill in is for the user to know
        with pytest.raises(DataError, match=re.escape(words)):
            arrays.as_array(x, "x")
        return
    array, messages = follow(x)
    assert words in " ".join(messages)
    assert array.shape == shape
    assert np.isfinite(array.astype(np.float64)).all()


def test_what_the_advice_makes_of_a_table():
    days, _ = follow(CASES["dates"][0])
    np.testing.assert_array_equal(days, np.c_[X, range(ROWS)])
    words, _ = follow(CASES["words in a column"][0])
    one_hot = np.array([[w == "u", w == "v", w == "w"] for w in WORDS])
    np.testing.assert_array_equal(words, np.c_[X, one_hot])
    classes, _ = follow(pd.Series(WORDS))
    np.testing.assert_array_equal(classes, [0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([np.zeros(2), np.zeros(3)], object), "several shapes"),
        (np.array([object()]), "take the numbers out of it"),
        ({1, 2}, "values have no order"),
    ],
)
def test_where_only_the_user_knows_the_way(x, words):
    with pytest.raises(DataError, match=words):
        arrays.as_array(x, "x")
