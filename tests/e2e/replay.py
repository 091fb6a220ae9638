"""The slow model against the running service: in an order that the events allow, the same has to come out."""

from collections import defaultdict
from collections.abc import Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

from tests.clients import Body, Received, by_sku, origin_of, reason_of
from tests.e2e.accounting import Place
from tests.property import model

Seen = dict[str, Any]


def in_applied_order(sent: Sequence[Received], events: Sequence[Received]) -> list[model.Received]:
    """Return the messages in an order that could have led to these events.

    Each partition's order is kept; of a SKU, its versions say who came first; who had a line rejected came before the
    SKU was known. (So messages with one id have to be sent to one partition.)
    """
    graph: TopologicalSorter[Place] = TopologicalSorter()
    values = {(m.partition, m.offset): m.value for m in sent}
    last: dict[int, Place] = {}
    for place in sorted(values):
        graph.add(place, *([last[place[0]]] if place[0] in last else []))
        last[place[0]] = place
    for bodies in by_sku(events).values():
        known = [_cause(body) for body in bodies if body["version"]]
        for before, after in pairwise(known):
            if before != after:
                graph.add(after, before)
        rejected = {_cause(body) for body in bodies if not body["version"]}
        if known:
            for place in rejected:
                graph.add(known[0], place)
    return [model.Received(*place, values[place]) for place in graph.static_order()]


def told(events: Sequence[Received], dead_letters: Sequence[Received]) -> Seen:
    """What the service made known."""
    return _summary(
        [body for bodies in by_sku(events).values() for body in bodies],
        {origin_of(letter): reason_of(letter) for letter in dead_letters},
    )


def expected(topic: str, sent: Sequence[Received], events: Sequence[Received]) -> Seen:
    """What the contract says about it."""
    received = in_applied_order(sent, events)
    outcomes = model.Model(topic).run(received)
    reasons = {(r.partition, r.offset): o.reason for r, o in zip(received, outcomes, strict=True) if o.reason}
    return _summary([event for outcome in outcomes for event in outcome.events], reasons)


def _summary(events: Sequence[Body], reasons: dict[Place, str]) -> Seen:
    skus: defaultdict[str, list[Body]] = defaultdict(list)
    rejected = []
    for event in events:
        event.pop("occurred_at", None)
        if event["version"]:
            skus[event["sku"]].append(event)
        else:
            rejected.append(event)
    return {"skus": dict(skus), "rejected": sorted(rejected, key=lambda e: e["id"]), "reasons": reasons}


def _cause(body: Body) -> Place:
    return body["cause"]["partition"], body["cause"]["offset"]
