"""Finding the files of a data set, and reading them only if they are the published.

They are looked for in these places, there in the folders that usually hold the data
set (``fashion-mnist``) and then directly:

1. the argument ``path``; where it is given, nothing else is searched or downloaded;
2. ``$JAXNET_MINI_DATA``;
3. the library's cache: ``$XDG_CACHE_HOME/jaxnet_mini``, by default
   ``~/.cache/jaxnet_mini``;
4. Keras's cache: ``$KERAS_HOME/datasets``, by default ``~/.keras/datasets``;
5. the folder of the system's package, on Debian ``/usr/share/dataset-fashion-mnist``.

What is found nowhere is downloaded into the library's cache. A file whose size or sum
(SHA-256, or MD5 where no other was published) is not the published one is never used:
in a folder that the user named (1, 2) it is an error, elsewhere it is passed over.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxnet_mini.base import cache_folder
from jaxnet_mini.datasets import idx
from jaxnet_mini.datasets.catalogue import Alternatives, DataArray, DataFile, DataSet
from jaxnet_mini.errors import DataError, DownloadError

VARIABLE = "JAXNET_MINI_DATA"
PATIENCE = 30.0


@dataclass(frozen=True)
class SearchFolder:
    """A folder to search.

    Attributes:
        folder: where it is.
        origin: how the library came to search there, for messages.
        named: the user named it, so a wrong file there is an error.
    """

    folder: Path
    origin: str
    named: bool = False


Found = tuple[bytes, DataFile]
"""The content of a file, and which it is."""


@dataclass(frozen=True)
class Search:
    """What a search for one part came to: a file that has it, or why there is none."""

    found: Found | None
    notes: tuple[str, ...]


def load(
    data_set: DataSet,
    path: str | os.PathLike[str] | None = None,
    patience: float = PATIENCE,
) -> tuple[NDArray[np.uint8], ...]:
    """Load the arrays of a data set, from disk or else from its mirrors.

    Args:
        data_set: what to load; its parts are arrays.
        path: the only folder to search, see `contents`.
        patience: seconds that a server may be silent before the next mirror is tried.

    Raises:
        DataError, DownloadError: see `contents`.
    """
    found = contents(data_set, path, patience)
    return tuple(
        _decode(part, *its)
        for part, its in zip(data_set.parts, found, strict=True)
        if isinstance(part, DataArray)
    )


def contents(
    data_set: DataSet,
    path: str | os.PathLike[str] | None = None,
    patience: float = PATIENCE,
) -> tuple[Found, ...]:
    """Return for each part of a data set a file that has it, as it was published.

    Args:
        data_set: what to load.
        path: the only folder to search, or a file of the data set in it; by default,
            and for the name of a file alone, which in Keras is one in its cache, all
            the places named above.
        patience: seconds that a server may be silent before the next mirror is tried.

    Raises:
        DataError: a file in a folder that the user named is not the published one.
        DownloadError: a file is missing in ``path``, or found nowhere and not to be
            downloaded.
    """
    folder = _folder(data_set, path)
    if folder is not None:
        return _load_from(folder, data_set)
    return tuple(_find_or_download(data_set, part, patience) for part in data_set.parts)


def _folder(data_set: DataSet, path: str | os.PathLike[str] | None) -> Path | None:
    """Return the only folder to search; None for all places."""
    if path is None:
        return None
    folder = Path(path).expanduser()
    if folder.name in {file.name for part in data_set.parts for file in part.files}:
        return None if folder == Path(folder.name) else folder.parent
    return folder


def _load_from(folder: Path, data_set: DataSet) -> tuple[Found, ...]:
    place = SearchFolder(folder, "path", named=True)
    searches = [_search(data_set, part, (place,)) for part in data_set.parts]
    found = tuple(search.found for search in searches if search.found is not None)
    if len(found) == len(searches):
        return found
    missing = ", ".join(
        part.published.name
        for part, search in zip(data_set.parts, searches, strict=True)
        if search.found is None
    )
    raise DownloadError(
        f"path: expected a folder with the files of {data_set.title}, but "
        f"{folder} {'has' if folder.is_dir() else 'is no folder and has'} "
        f"no {missing}. Put them there, or leave path out: then the usual folders are "
        "searched, and what is missing is downloaded."
    )


def _find_or_download(data_set: DataSet, part: Alternatives, patience: float) -> Found:
    search = _search(data_set, part, _places(data_set))
    if search.found is not None:
        return search.found
    # Imported here, because HTTP, TLS and the progress bar take long to import.
    from jaxnet_mini.datasets import download

    cache = _cache()
    try:
        download.fetch(
            part.published,
            data_set.mirrors,
            cache.folder / data_set.folders[0],
            patience,
        )
    except DownloadError as error:
        raise DownloadError(
            _explain(data_set, part, search.notes, str(error))
        ) from error
    again = _search(data_set, part, (cache,))
    if again.found is None:
        reason = "downloaded whole, but no longer in the cache"
        raise DownloadError(_explain(data_set, part, again.notes, reason))
    return again.found


def _places(data_set: DataSet) -> Iterator[SearchFolder]:
    if variable := os.environ.get(VARIABLE):
        yield SearchFolder(Path(variable).expanduser(), f"${VARIABLE}", named=True)
    yield _cache()
    keras = os.environ.get("KERAS_HOME") or "~/.keras"
    yield SearchFolder(Path(keras).expanduser() / "datasets", "Keras's cache")
    for folder in data_set.installed:
        yield SearchFolder(Path(folder), "the system's package")


def _cache() -> SearchFolder:
    return SearchFolder(cache_folder.cache().expanduser(), "the library's cache")


def _search(
    data_set: DataSet, part: Alternatives, places: Iterable[SearchFolder]
) -> Search:
    notes: list[str] = []
    for place in places:
        faults: list[str] = []
        for folder in (*map(place.folder.joinpath, data_set.folders), place.folder):
            for file in part.files:
                try:
                    content = read_verified(folder / file.name, file)
                except DataError as error:
                    if place.named:
                        raise DataError(
                            f"{data_set.title}: {error}. Remove or replace it; if it "
                            "belongs to another data set, give each its own folder: "
                            f"{place.folder / data_set.folders[0]} for this one."
                        ) from error
                    faults.append(str(error))
                    continue
                if content is not None:
                    return Search((content, file), ())
        notes.extend(
            f"{place.folder} ({place.origin}): {fault}"
            for fault in faults or [f"no {part.published.name}"]
        )
    return Search(None, tuple(notes))


def read_verified(path: Path, file: DataFile) -> bytes | None:
    """Read a file into memory, at most the size it must have, and prove it whole.

    The proof is of the very bytes returned, so nothing can change in between.

    Returns:
        The content, or ``None`` where there is no such file.

    Raises:
        DataError: the file is not the published one or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(file.size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) != file.size:
        raise DataError(
            f"{path} is not the published file: expected {file.size:,} bytes, came "
            f"{size:,}; expected {file.algorithm} {file.digest}"
        )
    digest = file.hasher()
    digest.update(content)
    if digest.hexdigest() != file.digest:
        raise DataError(
            f"{path} is not the published file: expected {file.algorithm} "
            f"{file.digest}, came {digest.hexdigest()}"
        )
    return content


def _decode(array: DataArray, content: bytes, file: DataFile) -> NDArray[np.uint8]:
    if file.key is None:
        return idx.decode(content, array.shape, file.name)
    with np.load(io.BytesIO(content)) as archive:
        values: NDArray[np.uint8] = archive[file.key]
    return values


def _explain(
    data_set: DataSet, part: Alternatives, notes: tuple[str, ...], failure: str
) -> str:
    files = [part.published for part in data_set.parts]
    lines = [
        f"{data_set.title}: {part.published.name} was found nowhere and could not "
        "be downloaded.",
        "Looked in:",
        *(f"  {note}" for note in notes),
        "Tried to download:",
        *(f"  {line}" for line in failure.splitlines()),
        "To provide the files by hand, put these into a folder and give it as "
        f"path=, or in ${VARIABLE}:",
        *(
            f"  {file.name} ({file.size:,} bytes, {file.algorithm} {file.digest})"
            for file in files
        ),
        "jaxnet_mini.datasets.digits needs no files and no network.",
    ]
    return "\n".join(lines)
