"""The logs of each epoch as a row of a CSV file."""

import csv
import os
import warnings
from pathlib import Path
from typing import IO, Any

from jaxnet_mini.base.arguments import check_flag, check_path
from jaxnet_mini.callbacks.base import Callback, Logs
from jaxnet_mini.errors import ArgumentError


class CSVLogger(Callback):
    """Write the logs of each epoch as a row of a CSV file.

    The columns are ``epoch``, from 0, and the names of the first epoch's logs in
    alphabetical order; where it has no validation, columns for that follow. What is
    missing in an epoch is ``NA``, which pandas reads as NaN; a metric of several
    numbers is a list in one cell. Each row is written at once, so that an interrupted
    training leaves a whole file.

    Args:
        filename: the path of the file; its folder must exist.
        separator: what stands between the columns, one character.
        append: whether to go on in a file that exists, under its header.

    Raises:
        ArgumentError: ``filename`` is no path, ``separator`` not one character; or,
            after the first epoch, the logs have names that the header of an appended
            file lacks.
        OSError: when training begins, where the file cannot be written.

    Source: https://keras.io/api/callbacks/csv_logger/
    """

    writes_files = True

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
    ) -> None:
        self.filename = check_path("CSVLogger: filename", filename)
        if not isinstance(separator, str) or len(separator) != 1:
            raise ArgumentError(
                f"CSVLogger: separator must be one character, not {separator!r}."
            )
        self.separator = separator
        self.append = check_flag("CSVLogger: append", append)
        self._columns: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        size = Path(self.filename).stat().st_size if self._columns else 0
        return {"columns": list(self._columns), "size": size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Drop the rows that were written after the run was last kept."""
        self._columns = list(state["columns"])
        if not self._columns:
            return
        with Path(self.filename).open("r+b") as file:
            missing = state["size"] - file.seek(0, os.SEEK_END)
            if missing <= 0:
                file.truncate(state["size"])
                return
        warnings.warn(
            f"CSVLogger: {self.filename!r} lacks {missing} bytes of the epochs before: "
            "the run goes on, and only epochs from now on are written.",
            stacklevel=2,
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._columns = []
        # Opened now, so that a path that cannot be written costs no epoch. What is
        # there is not replaced yet: a run that is resumed goes on in it.
        with self._open("a+") as file:
            file.seek(0)
            rows = csv.reader(file, delimiter=self.separator)
            self._header = next(rows, []) if self.append else []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if not self._columns:
            self._columns = self._header or _columns_for(logs)
            if unknown := [name for name in logs if name not in self._columns]:
                raise ArgumentError(
                    f"CSVLogger: {self.filename!r} has the columns "
                    f"{', '.join(self._header)} and none for {', '.join(unknown)}: "
                    "give another filename, or append=False to begin it anew."
                )
            if not self._header:
                self._write(self._columns, "a" if self.append else "w")
        row = {"epoch": epoch} | logs
        self._write([row.get(name, "NA") for name in self._columns])

    def _open(self, mode: str) -> IO[str]:
        return Path(self.filename).open(mode, newline="", encoding="utf-8")

    def _write(self, row: list[Any], mode: str = "a") -> None:
        with self._open(mode) as file:
            csv.writer(file, delimiter=self.separator).writerow(row)


def _columns_for(logs: Logs) -> list[str]:
    names = sorted(logs)
    if not any(name.startswith("val_") for name in names):
        names += [f"val_{name}" for name in names]
    return ["epoch", *names]
