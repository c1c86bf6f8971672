"""Takes out spans by their name."""

from tailrace import transform, wire

NAME = 5  # the number of its name among the fields of a Span


class DropSpans(transform.Transform):
    KIND = "drop_spans"
    SUMMARY = "Takes out spans by their name."

    def __init__(self, config):
        self.names = config["names"]

    def apply(self, signal, request):
        if signal != "traces":
            return request
        return wire.retain(request, lambda span: wire.text(span, NAME) not in self.names)


Transform, Transformer = transform.export(DropSpans)
