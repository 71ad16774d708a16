"""Compiled programs kept on disk, so that the next process need not compile them.

The cache is JAX's own; what stands here chooses its settings and sees to it that a
broken entry, or a folder that cannot be used, costs time and nothing else.

Source: https://docs.jax.dev/en/latest/persistent_compilation_cache.html
"""

import contextlib
import importlib
import math
import os
import sys
import warnings
import zlib
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from jaxnet_mini.base import cache_folder
from jaxnet_mini.base.arguments import as_path
from jaxnet_mini.errors import ArgumentError

ENTRY = "-cache"
"""How JAX ends the names of its files."""

STAMP = "checked"
"""The file whose time tells up to when entries have been checked."""

ROOM = 1 << 20
"""Bytes to be had on the disk, or nothing is written: a few models' programs."""

ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""How a file compressed by Zstandard starts, which JAX takes where it is installed."""


def enable_compilation_cache(folder: str | os.PathLike[str] | None = None) -> Path:
    """Keep compiled programs in ``folder``, and take from there what is kept already.

    Call it before the first model is made: what is compiled before is not kept. It is
    for all of JAX in this process. Another process that trains the same layers on data
    of the same rounded size then compiles nothing; other versions of JAX, other devices
    and other programs have entries of their own. The numbers are the same to the bit.
    Steps of more than 512 rows on an x86 processor are not kept, see
    `jaxnet_mini.devices.onednn`.

    A broken entry is removed and compiled again. Where the folder cannot be used, a
    warning says so, and training goes on without.

    JAX runs what it finds in the folder: let nobody write there whom you do not trust.
    Nothing is ever removed because of its age; delete the folder whenever you like.

    Args:
        folder: where to; it is made if need be. By default
            ``$XDG_CACHE_HOME/jaxnet_mini/programs``, or where that is not set
            ``~/.cache/jaxnet_mini/programs``.

    Returns:
        The folder.

    Raises:
        ArgumentError: ``folder`` is no path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     enable_compilation_cache(f"{parent}/programs").name
    'programs'

    To switch it off again:

    >>> jax.config.update("jax_compilation_cache_dir", None)
    """
    path = cache_folder.cache() / "programs" if folder is None else _path(folder)
    try:
        path = path.expanduser().absolute()
        # For the user alone, since it holds code.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = [entry for entry in os.scandir(path) if entry.name.endswith(ENTRY)]
    except (OSError, RuntimeError) as error:  # no home folder is a RuntimeError
        _use(None)
        _warn(
            f"{path} cannot be used as a folder for compiled programs "
            f"({_reason(error)}): every process compiles them anew. Give "
            "enable_compilation_cache another folder."
        )
        return path
    try:
        _remove_broken(path, entries)
        _use(path)
    except OSError as error:
        _use(path, keep=False)
        _warn(
            f"the folder for compiled programs {path} cannot be written "
            f"({_reason(error)}): programs that are there are used, and every process "
            "compiles all others anew. Make room or give enable_compilation_cache "
            "another folder."
        )
    return path


def _path(folder: str | os.PathLike[str]) -> Path:
    path = as_path(folder)
    if path is None:
        raise ArgumentError(
            f"folder must be the path of a folder, or None for the usual one, not "
            f"{folder!r}."
        )
    return Path(path)


def _use(path: Path | None, keep: bool = True) -> None:
    """Tell JAX what to take from where, and whether to write there."""
    settings = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": None if path is None else str(path),
        # Of a small network most programs compile in less than JAX's limit of a second.
        "jax_persistent_cache_min_compile_time_secs": 0.0 if keep else math.inf,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        # XLA's own caches for GPUs hold parts of programs, which are kept whole here;
        # with them the folder's name would be a part of every key.
        "jax_persistent_cache_enable_xla_caches": "none",
    }
    for name, value in settings.items():
        jax.config.update(name, value)
    # JAX looks at the settings once, when it first compiles.
    compilation_cache.reset_cache()
    # What breaks from now on, under another process that writes or on a disk that
    # fills, JAX would report program by program; the next call removes it.
    warnings.filterwarnings(
        "ignore", "Error (reading|writing) persistent compilation cache entry"
    )


def _remove_broken(path: Path, entries: list[os.DirEntry[str]]) -> None:
    """Remove entries that were not written whole; JAX never writes over any.

    Raises:
        OSError: the folder cannot be written.
    """
    stamp = path / STAMP
    checked = stamp.stat().st_mtime_ns if stamp.exists() else 0
    for entry in entries:
        # Another process may do the same at the same time.
        with contextlib.suppress(FileNotFoundError):
            if entry.stat().st_mtime_ns >= checked and not _whole(Path(entry)):
                Path(entry).unlink()
    with stamp.open("wb") as file:
        file.write(bytes(ROOM))
        file.truncate(0)


def _whole(entry: Path) -> bool:
    content = entry.read_bytes()
    try:
        if content.startswith(ZSTANDARD):
            newer = sys.version_info >= (3, 14)
            module = "compression.zstd" if newer else "zstandard"
            importlib.import_module(module).decompress(content)
        else:
            zlib.decompress(content)
    except ImportError:
        return True  # written by a process that has it; this one never reads it
    except MemoryError:
        return True  # for all that is known
    except Exception:  # each way of compressing has errors of its own
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is in its place"
    return getattr(error, "strerror", None) or str(error)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)
