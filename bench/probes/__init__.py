"""What runs in a process of its own and says in a line of JSON what it found."""

import json
import sys
from collections.abc import Callable
from typing import Any

from bench.worker import answers_alone


def answer(measure: Callable[..., Any]) -> None:
    """Call ``measure`` with the arguments of the command line; print its result."""
    answers = answers_alone()
    answers.write(json.dumps(measure(**json.loads(sys.argv[1]))) + "\n")
