"""Sends traces with the OpenTelemetry SDK, as an application would, and prints what it sent.

usage: send_traces.py grpc|http ENDPOINT none|gzip COUNT

A third of the traces has a span with an error, a third takes two seconds, the rest is neither. Output: JSON, trace id ->
{"kind": "error" | "slow" | "plain", "spans": [span ids]}.
"""

import json
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

KINDS = ["error", "slow", "plain"]
CHILDREN = 4


def make_exporter(protocol, endpoint, compression):
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        kind = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        return OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=kind)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    kind = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    return OTLPSpanExporter(endpoint=f"http://{endpoint}/v1/traces", compression=kind)


def send_trace(tracer, kind):
    """A root span, its children, and a grandchild that may fail."""
    end = time.time_ns()
    start = end - (2_000_000_000 if kind == "slow" else 5_000_000)
    root = tracer.start_span("POST /checkout", kind=SpanKind.SERVER, start_time=start)
    context = trace.set_span_in_context(root)
    spans = [root]
    for number in range(CHILDREN):
        child = tracer.start_span(f"step {number}", context=context, start_time=start + 1000)
        child.set_attribute("step", number)
        child.set_attribute("tags", ["a", "b"])
        child.add_event("cache miss", {"key": f"k{number}"}, timestamp=start + 1500)
        child.end(end_time=start + 2000)
        spans.append(child)
    link = trace.Link(spans[1].get_span_context(), {"why": "caused"})
    leaf = tracer.start_span(
        "SELECT", context=trace.set_span_in_context(spans[-1]), kind=SpanKind.CLIENT, links=[link], start_time=start + 1200
    )
    if kind == "error":
        leaf.record_exception(ValueError("no such row"))
        leaf.set_status(Status(StatusCode.ERROR, "no such row"))
    leaf.end(end_time=start + 1800)
    spans.append(leaf)
    root.end(end_time=end)
    ids = [format(span.get_span_context().span_id, "016x") for span in spans]
    return format(root.get_span_context().trace_id, "032x"), {"kind": kind, "spans": sorted(ids)}


def main():
    protocol, endpoint, compression, count = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": f"python-{protocol}"}))
    # Small batches, so that the spans of one trace arrive in several requests.
    processor = BatchSpanProcessor(make_exporter(protocol, endpoint, compression), max_export_batch_size=7)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("end-to-end", "1.2.3")
    sent = dict(send_trace(tracer, KINDS[number % len(KINDS)]) for number in range(int(count)))
    provider.shutdown()
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
