"""Where the library keeps what it can make or fetch again."""

import os
from pathlib import Path


def cache() -> Path:
    """Return the folder of the library's caches, which need not exist yet.

    It is ``$XDG_CACHE_HOME/jaxnet_mini``, by default ``~/.cache/jaxnet_mini``, with
    ``~`` as it stands.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jaxnet_mini"
