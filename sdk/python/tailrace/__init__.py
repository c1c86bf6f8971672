"""What policies (tailrace.policy) and transforms (tailrace.transform) have in common: the host's log, counters, and what is wrong with a
configuration. tailrace.wire finds and edits fields of requests.
"""

import json

from componentize_py_types import Err
from wit_world.imports import host, types


class Problems(Exception):
    """What is wrong with a configuration: Problems({"/tier": "must be a string"}); keys are JSON pointers."""

    def __init__(self, by_path):
        super().__init__("; ".join(by_path.values()))
        self.by_path = by_path


def log(level, message):
    """Writes to the host's log; level is "debug", "info", "warn" or "error"."""
    host.log(host.Level[level.upper()], str(message))


_counters = []


def count(counter, delta=1):
    """Adds to a counter that a kind names in COUNTERS; others are ignored."""
    if counter in _counters:
        host.counter_add(_counters.index(counter), delta)


# The rest is for the modules of this package.


def _describe(kinds):
    """The description that the contract asks for; from now on `count` knows the kinds' counters."""
    for kind in kinds:
        _counters.extend(name for name in kind.COUNTERS if name not in _counters)
    described = [types.Kind(k.KIND, k.SUMMARY, json.dumps(k.SCHEMA), getattr(k, "STATE_SCHEMA", "")) for k in kinds]
    reasons = [reason for kind in kinds for reason in getattr(kind, "REASONS", ())]
    return types.Description(described, list(_counters), reasons)


def _configure(kinds, name, config):
    """The kind of this name with its configuration, or the error of WIT's result."""
    try:
        kind = next((kind for kind in kinds if kind.KIND == name), None)
        if kind is None:
            raise Problems({"": f"no kind {name} here"})
        return kind(json.loads(config or "{}"))
    except Problems as problems:
        raise Err([types.Diagnostic(path, message) for path, message in problems.by_path.items()])
    except Exception as error:
        raise Err([types.Diagnostic("", f"{type(error).__name__}: {error}")])
