"""Keeps the first failed traces of a service."""

from tailrace import Needs, Policy, Problems, Verdict, count, export, log


class FirstErrors(Policy):
    KIND = "first_errors"
    SUMMARY = "Keeps the first failed traces of a service."
    STATE_SCHEMA = "kept:u32le"
    COUNTERS = ["first_errors_kept"]

    def __init__(self, config):
        self.service = config["service"]
        self.limit = config["limit"]
        self.kept = 0
        if self.limit < 1:
            raise Problems({"/limit": "must be at least 1"})

    def needs(self):
        return Needs(fields=["status", "name"], resource=["service.name"])

    def evaluate(self, trace):
        if self.kept >= self.limit or not trace.seen_error:
            return Verdict.NO
        ours = (span for span in trace.spans if span.status == 2 and span.resource("service.name") == self.service)
        failed = next(ours, None)
        if failed is None:
            return Verdict.NO
        self.kept += 1
        count("first_errors_kept")
        if self.kept == self.limit:
            log("info", f"the last one is in {failed.name}")
        return Verdict.SAMPLE

    def save(self):
        return self.kept.to_bytes(4, "little")

    def restore(self, state):
        self.kept = int.from_bytes(state, "little")


Sampling, Evaluator = export(FirstErrors)
