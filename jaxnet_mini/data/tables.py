"""DataFrames and Series, column by column, as NumPy arrays of numbers.

Those of pandas, polars and pyarrow are known by what they have; none is imported.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.core.types import is_numeric
from jaxnet_mini.data.contents import advice, contents, missing
from jaxnet_mini.errors import DataError

DAYS = "np.timedelta64(1, 'D')"


def is_table(value: Any) -> bool:
    """Tell whether ``value`` is a DataFrame, or a column or an index of one."""
    if isinstance(value, type):
        return False
    is_column = hasattr(value, "isna") or hasattr(value, "is_null")
    return is_column or _is_frame(value)


def as_numbers(value: Any, argument: str) -> NDArray[Any]:
    """Return a table as a NumPy array, a DataFrame as ``(rows, columns)``.

    Raises:
        DataError: a column is not of numbers, or a value is missing.
    """
    if not _is_frame(value):
        return _of_series(value, argument)
    columns = _columns(value)
    names = [name for name, _ in columns]
    dtypes = [_dtype(column) for _, column in columns]
    table: NDArray[Any]
    if all(isinstance(d, np.dtype) and d == dtypes[0] for d in dtypes):
        table = np.asarray(value)  # without a copy
    else:
        table = _joined([_column(column) for _, column in columns])
    if not is_numeric(table.dtype):
        own = argument.removeprefix("validation ")
        arrays = [_column(column) for _, column in columns]
        place = next(i for i, a in enumerate(arrays) if not is_numeric(a.dtype))
        raise DataError(
            f"{argument} has the column {names[place]!r} of dtype {dtypes[place]}, and "
            f"real numbers are expected: {_about_column(value, names, arrays, own)}"
        )
    _check_gaps(table, value, argument, names)
    return table


def _of_series(value: Any, argument: str) -> NDArray[Any]:
    own, array = argument.removeprefix("validation "), _column(value)
    if not is_numeric(array.dtype):
        gaps = _gaps(array)
        if gaps.any():
            drop = "dropna()" if hasattr(value, "isna") else "drop_nulls()"
            raise DataError(
                f"{argument} has no value (NA or NaN) at row {int(np.argmax(gaps))}: "
                f"drop such rows of x and y, for example with {own}.{drop}."
            )
        dates = contents(array) == "dates" and hasattr(value, "isna")
        if dates and getattr(value.dtype, "kind", "") == "M":
            words = f"count days with ({own} - {own}.min()) / {DAYS}."
        elif dates:
            words = f"make dates of it with pd.to_datetime({own})."
        else:
            words = advice(array, own if hasattr(value, "iloc") else f"np.array({own})")
        raise DataError(
            f"{argument} has dtype {_dtype(value)}, and real numbers are expected: "
            + words
        )
    _check_gaps(array, value, argument)
    return array


def _is_frame(value: Any) -> bool:
    pandas = hasattr(value, "iloc") and hasattr(value, "columns")
    return pandas or hasattr(value, "get_columns") or hasattr(value, "itercolumns")


def _columns(frame: Any) -> list[tuple[Any, Any]]:
    """Return the columns of a DataFrame with their names, which may be repeated."""
    if hasattr(frame, "iloc"):  # pandas
        return [(name, frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    if hasattr(frame, "get_columns"):  # polars
        return [(column.name, column) for column in frame.get_columns()]
    return list(zip(frame.column_names, frame.itercolumns(), strict=True))  # pyarrow


def _dtype(column: Any) -> Any:
    return column.dtype if hasattr(column, "dtype") else column.type


def _column(column: Any) -> NDArray[Any]:
    """Return a column as it is, with NaN where a number or a bool is missing."""
    native = getattr(_dtype(column), "numpy_dtype", None)  # that of a nullable one
    if native is not None and np.dtype(native).kind in "biuf":
        if np.any(column.isna()):
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(column.to_numpy(dtype=native))
    array = np.asarray(column)
    if array.dtype.kind == "O":
        gaps = missing(array)
        if gaps.any() and all(isinstance(value, bool) for value in array[~gaps]):
            return np.where(gaps, np.nan, array).astype(np.float64)
    return array


def _gaps(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where an array of objects holds nothing; NaN stands for it in a table."""
    if array.dtype.kind != "O":
        return np.zeros(array.shape, bool)
    gaps = missing(array)
    gaps |= np.array([isinstance(v, float) and v != v for v in array.flat], bool)
    return gaps


def _joined(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Return columns as one array; of objects where one is not of numbers."""
    numeric = all(is_numeric(array.dtype) for array in arrays)
    dtype = np.result_type(*arrays) if numeric else np.dtype(object)
    table = np.empty((len(arrays[0]), len(arrays)), dtype)
    for place, array in enumerate(arrays if numeric else []):
        table[:, place] = array
    return table


def _check_gaps(
    array: NDArray[Any], value: Any, argument: str, names: list[Any] | None = None
) -> None:
    """Raise a DataError that names the first row without a value, and its column."""
    if array.dtype.kind != "f" or array.ndim not in (1, 2):
        return
    gaps = np.isnan(array)
    if not gaps.any():
        return
    row = int(np.argmax(gaps if gaps.ndim == 1 else gaps.any(1)))
    where = f"row {row}"
    if names is not None:
        where += f", column {names[int(np.argmax(gaps[row]))]!r}"
    own = argument.removeprefix("validation ")
    fill = "fill_null(0)" if hasattr(value, "fill_null") else "to_pandas().fillna(0)"
    if hasattr(value, "isna"):  # fillna alone puts no number among bools
        fill = "astype('float32').fillna(0)"
    raise DataError(
        f"{argument} has no value (NA or NaN) at {where}: drop such rows of x and y, "
        f"or put something there, for example with {own}.{fill}."
    )


def _about_column(
    frame: Any, names: list[Any], arrays: list[NDArray[Any]], own: str
) -> str:
    """Return what to do about the first column that is not of numbers."""
    held = {
        name: contents(array[~_gaps(array)])
        for name, array in zip(names, arrays, strict=True)
        if not is_numeric(array.dtype)
    }
    name, holds = next(iter(held.items()))
    if not hasattr(frame, "iloc"):
        return f"make numbers of it, or leave it out with {own}.drop([{name!r}])."
    column = f"{own}[{name!r}]"
    if holds == "words":
        words = [name for name, word in held.items() if word == "words"]
        return (
            f"number its words with pd.get_dummies({own}, columns={words!r}), or leave "
            f"it out with {own}.drop(columns={words!r})."
        )
    if holds == "dates" and getattr(frame.dtypes[name], "kind", "") != "M":
        return f"make dates of it with {column} = pd.to_datetime({column})."
    days = {
        "dates": f"count days with {column} = ({column} - {column}.min()) / {DAYS}.",
        "durations": f"count days with {column} = {column} / {DAYS}.",
        "complex": f"take its length with {column} = np.abs({column}).",
        "numbers": f"read them with {own}.astype({{{name!r}: 'float32'}}).",
    }
    return days.get(holds, f"leave it out with {own}.drop(columns={[name]!r}).")
