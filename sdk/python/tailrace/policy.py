"""What a sampling policy in Python needs: derive from Policy, give the class to `export`, build with `tailrace plugin build`.

A policy has no clock, no files and no network, and `random` repeats one sequence: Batch.now is the tick's time. That is why a recording evaluates
to the same decisions. An exception costs the policy its vote; its text is in the host's log.
"""

import json
from enum import IntEnum

from componentize_py_types import Err
from wit_world.exports import sampling as wit

from tailrace import Problems, _configure, _describe, count, log

__all__ = ["Batch", "Needs", "Policy", "Problems", "Span", "Trace", "Verdict", "Votes", "count", "export", "log"]


class Verdict(IntEnum):
    """A vote on one trace."""

    NO = 0  # no opinion: other policies may keep it
    SAMPLE = 1  # keep it
    DROP = 2  # throw it away, whatever other policies say


class Needs:
    """The columns that a policy looks at; others are empty. Figures of the whole trace need none.

    fields: of "status", "kind", "start", "duration", "name", "parent", "trace_state", "otlp" (costs twenty times the others);
    the rest: keys of attributes, by scope.
    """

    def __init__(self, fields=(), span=(), resource=(), instrumentation=(), event=(), link=()):
        self.fields = wit.Fields(0)
        for field in fields:
            self.fields |= wit.Fields[field.upper()]
        scopes = (("resource", resource), ("instrumentation", instrumentation), ("span", span), ("event", event), ("link", link))
        self.attributes = [(scope, key) for scope, keys in scopes for key in keys]


class Policy:
    """One configured policy, asked about the traces of a tick."""

    KIND = ""  # as in configurations: snake_case
    SUMMARY = ""  # one sentence
    SCHEMA = {}  # JSON Schema (2020-12) of the configuration
    STATE_SCHEMA = ""  # names the form of what save returns; empty: no state
    COUNTERS = ()  # what `count` adds to
    REASONS = ()  # why it votes as it does; what Votes.push_because refers to

    def __init__(self, config):
        """config is a dict. Raise Problems if it is not good."""

    def needs(self):
        return Needs()

    def evaluate(self, trace):
        """A Verdict, or a bool: True is SAMPLE, False is NO."""
        return Verdict.NO

    def evaluate_batch(self, batch, candidates, votes):
        """Instead of evaluate: the arrays, and votes with reasons and thresholds; one for each candidate, a place in the batch."""
        for place in candidates:
            votes.push(self.evaluate(batch.trace(place)))

    def save(self):
        """State that is to survive a swap of the plugin or a trap: bytes; asked after each batch."""
        return None

    def restore(self, state):
        pass


class Votes:
    """The votes on a batch's candidates, in their order."""

    def __init__(self, reason_base=0):
        self._verdicts = bytearray()
        self._thresholds = bytearray()
        self._reasons = []
        self._reason_base = reason_base

    def push(self, verdict):
        """The vote on the next candidate: a Verdict, or a bool."""
        self._verdicts.append(int(verdict))

    def push_because(self, verdict, reason):
        """The same with its reason, a place in REASONS. A policy gives reasons for all votes of a batch or for none."""
        self.push(verdict)
        self._reasons.append(self._reason_base + reason)

    def threshold(self, threshold):
        """The sampling threshold (`th` in a W3C trace state) that the vote just pushed amounts to: the low 56 bits of an int. For all votes of a
        batch or for none."""
        self._thresholds += (threshold & (1 << 56) - 1).to_bytes(7, "big")


def export(*policies):
    """What the module `app` has to have: Sampling, Evaluator = export(MyPolicy)"""
    description = _describe(policies)

    class Sampling:
        def describe(self):
            return description

        def configure(self, kind, config):
            policy = _configure(policies, kind, config)
            before = policies[: policies.index(type(policy))]
            return Evaluator(policy, sum(len(other.REASONS) for other in before))

        def load(self, batch):
            Evaluator.columns = batch

    return Sampling, Evaluator


class Evaluator:
    """The resource of the contract."""

    columns = None  # the batch that all evaluators look at

    def __init__(self, policy, reason_base):
        self._policy = policy
        self._reason_base = reason_base  # the place of the kind's first reason among those of all
        self._needs = policy.needs()
        self._bound = []

    def needs(self):
        attributes = [wit.Attribute(wit.Scope[scope.upper()], key) for scope, key in self._needs.attributes]
        return wit.Requirements(self._needs.fields, attributes)

    def bind(self, attributes):
        self._bound = attributes

    def evaluate(self, candidates):
        batch = Batch(Evaluator.columns, dict(zip(self._needs.attributes, self._bound)))
        votes = Votes(self._reason_base)
        try:
            self._policy.evaluate_batch(batch, candidates, votes)
        except Exception as error:
            raise Err(f"{type(error).__name__}: {error}")
        return wit.Votes(bytes(votes._verdicts), bytes(votes._thresholds), votes._reasons)

    def save(self):
        return self._policy.save()

    def restore(self, state):
        self._policy.restore(state)


class Batch:
    """The traces of one tick, as columns. Nothing is decoded before it is asked for."""

    def __init__(self, columns, places):
        self.columns = columns  # the arrays themselves; see wit/plugin.wit
        self._places = places
        self._values = {0: None}

    @property
    def now(self):
        """Nanoseconds since 1970."""
        return self.columns.now

    def __len__(self):
        return len(self.columns.trace_ids) // 16

    def trace(self, place):
        return Trace(self, place)

    def column(self, scope, key):
        """The codes of an attribute: one per span (or event, or link) of the batch. Equal values have equal codes."""
        place = self._places.get((scope, key))
        return [] if place is None else self.columns.attributes[place].codes

    def value(self, code):
        """What a code stands for: None (absent), str, int, float, bool, bytes, or what JSON made of an array or map."""
        if code not in self._values:
            self._values[code] = self._decode(code >> 28, code & 0x0FFFFFFF)
        return self._values[code]

    def _decode(self, kind, index):
        dictionary = self.columns.dictionary
        match kind:
            case 2:
                return dictionary.ints[index]
            case 3:
                return dictionary.doubles[index]
            case 4:
                return index != 0
        raw = bytes(dictionary.string_pool[dictionary.string_offsets[index] : dictionary.string_offsets[index + 1]])
        match kind:
            case 1:
                return raw.decode("utf-8", "replace")
            case 5:
                return raw
            case 6:
                return json.loads(raw)
        return None


class _View:
    __slots__ = ("batch", "place")

    def __init__(self, batch, place):
        self.batch = batch
        self.place = place

    def _at(self, column):
        return column[self.place] if self.place < len(column) else 0


class Trace(_View):
    """A whole trace."""

    __slots__ = ()

    @property
    def id(self):
        """16 bytes."""
        return bytes(self.batch.columns.trace_ids[self.place * 16 : self.place * 16 + 16])

    @property
    def start(self):
        """Earliest start, nanoseconds relative to Batch.now (negative: before)."""
        return self._at(self.batch.columns.start)

    @property
    def duration(self):
        """Earliest start to latest end, nanoseconds."""
        return self._at(self.batch.columns.duration)

    @property
    def size(self):
        """Bytes on the wire."""
        return self._at(self.batch.columns.size)

    @property
    def span_count(self):
        """Spans received so far, those decided before included."""
        return self._at(self.batch.columns.span_count)

    def _seen(self, bit):
        return self._at(self.batch.columns.seen) & bit != 0

    seen_unset = property(lambda self: self._seen(1))
    seen_ok = property(lambda self: self._seen(2))
    seen_error = property(lambda self: self._seen(4))
    seen_root = property(lambda self: self._seen(8))
    seen_sampled_flag = property(lambda self: self._seen(16))

    @property
    def otlp(self):
        """The TracesData message; empty unless asked for."""
        offsets = self.batch.columns.otlp_offsets
        return bytes(self.batch.columns.otlp[offsets[self.place] : offsets[self.place + 1]]) if offsets else b""

    @property
    def spans(self):
        """In the order of arrival; none unless `needs` asks for a column of spans."""
        offsets = self.batch.columns.span_offsets
        return [Span(self.batch, place) for place in range(offsets[self.place], offsets[self.place + 1])] if offsets else []


class Span(_View):
    """A span. What `needs` did not ask for is 0 or None."""

    __slots__ = ()

    # 0 unset, 1 ok, 2 error
    status = property(lambda self: self._at(self.batch.columns.span_status))
    # 1 internal, 2 server, 3 client, 4 producer, 5 consumer
    kind = property(lambda self: self._at(self.batch.columns.span_kind))
    # nanoseconds; start is relative to Batch.now
    start = property(lambda self: self._at(self.batch.columns.span_start))
    duration = property(lambda self: self._at(self.batch.columns.span_duration))
    name = property(lambda self: self.batch.value(self._at(self.batch.columns.span_name)))
    trace_state = property(lambda self: self.batch.value(self._at(self.batch.columns.span_trace_state)))

    @property
    def parent(self):
        """Its parent, if that is in the batch."""
        parent = self._at(self.batch.columns.span_parent)
        return Span(self.batch, parent - 1) if parent else None

    def attribute(self, key):
        """An attribute of the span."""
        return self.batch.value(self._at(self.batch.column("span", key)))

    def resource(self, key):
        """An attribute of its resource."""
        return self.batch.value(self._at(self.batch.column("resource", key)))

    def instrumentation(self, key):
        """An attribute of its instrumentation scope."""
        return self.batch.value(self._at(self.batch.column("instrumentation", key)))

    def events(self, key):
        """An attribute of each of its events."""
        return self._owned(self.batch.columns.event_offsets, self.batch.column("event", key))

    def links(self, key):
        """An attribute of each of its links."""
        return self._owned(self.batch.columns.link_offsets, self.batch.column("link", key))

    def _owned(self, offsets, codes):
        return [self.batch.value(code) for code in codes[offsets[self.place] : offsets[self.place + 1]]] if codes else []
