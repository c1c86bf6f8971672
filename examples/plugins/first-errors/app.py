"""Keeps the first failed traces of a service, and a share of those after them."""

from tailrace.policy import Needs, Policy, Problems, count, export, log

# Places in REASONS.
NOT_OURS, FIRST, IN_SHARE, PAST_LIMIT = range(4)

MAX_THRESHOLD = (1 << 56) - 1


class FirstErrors(Policy):
    KIND = "first_errors"
    SUMMARY = "Keeps the first failed traces of a service, and a share of those after them."
    STATE_SCHEMA = "kept:u32le"
    COUNTERS = ["first_errors_kept"]
    REASONS = ["no failed span of the service", "among the first", "in the share of the rest", "past the limit"]

    def __init__(self, config):
        self.service = config["service"]
        self.limit = config["limit"]
        self.kept = 0
        share = config.get("share", 0)
        problems = {}
        if self.limit < 1:
            problems["/limit"] = "must be at least 1"
        if not 0 <= share <= 1:
            problems["/share"] = "must be from 0 to 1"
        if problems:
            raise Problems(problems)
        # Past the limit, traces are kept whose randomness is not below it.
        self.threshold = min(int((1 - share) * (1 << 56)), MAX_THRESHOLD)

    def needs(self):
        return Needs(fields=["status", "name"], resource=["service.name"])

    def evaluate_batch(self, batch, candidates, votes):
        for place in candidates:
            reason, threshold = self.vote(batch.trace(place))
            votes.push_because(reason in (FIRST, IN_SHARE), reason)
            votes.threshold(threshold)

    # Why it is kept or not, and the share that this amounts to.
    def vote(self, trace):
        ours = (span for span in trace.spans if span.status == 2 and span.resource("service.name") == self.service)
        failed = next(ours, None)
        if failed is None:
            return NOT_OURS, MAX_THRESHOLD
        if self.kept < self.limit:
            self.kept += 1
            count("first_errors_kept")
            if self.kept == self.limit:
                log("info", f"the last one is in {failed.name}")
            return FIRST, 0
        # The id's last 56 bits are random.
        randomness = int.from_bytes(trace.id[9:], "big")
        return IN_SHARE if randomness >= self.threshold else PAST_LIMIT, self.threshold

    def save(self):
        return self.kept.to_bytes(4, "little")

    def restore(self, state):
        self.kept = int.from_bytes(state, "little")


Sampling, Evaluator = export(FirstErrors)
