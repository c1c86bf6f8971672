"""What a transform in Python needs: derive from Transform, give the class to `export`, build with `tailrace plugin build` (plugin.yaml says
`kind: transform`). tailrace.wire finds and edits fields of requests.

A transform has no clock, no files and no network, and `random` repeats one sequence. What it makes of a request may depend on its configuration
and the request alone: a host runs several instances side by side, and makes a new one whenever it sees fit; also when its memory has grown, since
componentize-py 0.25.1 never frees what `apply` gives back.
"""

from componentize_py_types import Err
from wit_world.exports import transform as wit

from tailrace import Problems, _configure, _describe, count, log

__all__ = ["Problems", "Transform", "count", "export", "log"]


class Transform:
    """One configured transform, shown one OTLP request after the other."""

    KIND = ""  # as in configurations: snake_case
    SUMMARY = ""  # one sentence
    SCHEMA = {}  # JSON Schema (2020-12) of the configuration
    COUNTERS = ()  # what `count` adds to

    def __init__(self, config):
        """config is a dict. Raise Problems if it is not good."""

    def apply(self, signal, request):
        """What becomes of an OTLP export request, in protobuf; signal is "traces", "metrics" or "logs". The very bytes that it was given go on
        unchanged, other bytes go on in their place, and of b"" nothing goes on. An exception tells the host that there is no answer to this request,
        and never will be."""
        raise NotImplementedError


def export(*transforms):
    """What the module `app` has to have: Transform, Transformer = export(MyTransform)"""
    description = _describe(transforms)

    class Exported:
        def describe(self):
            return description

        def configure(self, kind, config):
            return Transformer(_configure(transforms, kind, config))

    return Exported, Transformer


class Transformer:
    """The resource of the contract."""

    def __init__(self, transform):
        self._transform = transform

    def apply(self, signal, request):
        try:
            made = self._transform.apply(signal.name.lower(), request)
        except Exception as error:
            raise Err(f"{type(error).__name__}: {error}")
        if made is None:
            raise Err("apply gave nothing: return the request, another, or b\"\"")
        if made is request:
            return wit.Outcome_Unchanged()
        return wit.Outcome_Replaced(made) if made else wit.Outcome_Discarded()
