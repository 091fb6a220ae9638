"""Holds what came out against what was sent, as any consumer could: an empty list of violations is the proof."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from tests.clients import Body, Received, by_sku, origin_of

Place: TypeAlias = tuple[int, int]
Line: TypeAlias = tuple[str, int]

FIRST_DECISIONS = {"line.allocated", "line.out_of_stock", "line.rejected"}


class Told(NamedTuple):
    """Events and dead letters, with what was sent."""

    sent: Sequence[Received]
    events: Sequence[Received]
    dead_letters: Sequence[Received] = ()


def violations(told: Told) -> list[str]:
    """Return what is wrong, in a line each.

    Every SKU's versions are gapless and in one partition; every line of every order is accounted for once; no batch
    is ever over-allocated; each bad message is one dead letter; and each message did something, or had been applied.
    """
    checks = (envelopes, versions, lines, turns, books, causes, burials)
    return [wrong for check in checks for wrong in check(told)]


def envelopes(told: Told) -> Iterator[str]:
    """Key, id and headers say the same as the value."""
    for event in told.events:
        body, headers = event.body, event.headers
        if event.key != body["sku"].encode():
            yield f"{body['id']}: its key is {event.key!r}"
        if (headers["ce_id"], headers["ce_type"]) != (body["id"].encode(), body["type"].encode()):
            yield f"{body['id']}: its headers are {headers}"


def versions(told: Told) -> Iterator[str]:
    """1, 2, 3, … in the order of one partition."""
    partitions: defaultdict[bytes | None, set[int]] = defaultdict(set)
    for event in told.events:
        partitions[event.key].add(event.partition)
    yield from (f"{sku!r} is in partitions {found}" for sku, found in partitions.items() if len(found) > 1)
    for sku, bodies in by_sku(told.events).items():
        found = [body["version"] for body in bodies if body["type"] != "line.rejected"]
        if found != [*range(1, len(found) + 1)]:
            wrong = next((i for i, version in enumerate(found, 1) if version != i), len(found))
            yield f"{sku}: versions are not gapless: at {wrong} stands {found[wrong - 1 : wrong + 2]}"


def lines(told: Told) -> Iterator[str]:
    """Every line of an order is decided by the order's own message, and an order by one message."""
    placed = {(m.partition, m.offset): m.body for m in told.sent if _is(m, "order.placed")}
    decided: defaultdict[Place, list[tuple[int, str, int]]] = defaultdict(list)
    for body in _first_decisions(told.events):
        decided[_cause(body)].append((body["line"], body["sku"], body["qty"]))
    for place, found in decided.items():
        wanted = [(n, line["sku"], line["qty"]) for n, line in enumerate(placed.get(place, {}).get("lines", ()))]
        if sorted(found) != wanted:
            yield f"{place} placed lines {wanted}, and decided were {sorted(found)}"
    times = Counter(placed[place]["order_id"] for place in decided if place in placed)
    buried = {origin_of(letter) for letter in told.dead_letters}
    ids = {body["order_id"] for place, body in placed.items() if place not in buried}
    yield from (f"{order_id} was decided {times[order_id]} times" for order_id in ids if times[order_id] != 1)


def turns(told: Told) -> Iterator[str]:
    """After its first decision a line is taken off where it stood, and then placed again, in turns, or nothing more."""
    last: dict[Line, Body] = {}
    for body in _line_events(told.events):
        line = body["order_id"], body["line"]
        before = last.get(line)
        if before is None:
            well = body["type"] in FIRST_DECISIONS
        elif body["type"] == "line.deallocated":
            well = before["type"] == "line.allocated" and before["batch_ref"] == body["batch_ref"]
        else:
            well = before.get("reason") == "quantity_changed" and before["cause"] == body["cause"]
        if not well:
            yield f"line {line}: {body['type']} ({body['id']}) after {before}"
        last[line] = body


def books(told: Told) -> Iterator[str]:
    """No batch ever has fewer units than are allocated to it, once a message is through."""
    for bodies in by_sku(told.events).values():
        bought: dict[str, int] = {}
        taken: Counter[str] = Counter()
        for body, following in zip(bodies, [*bodies[1:], None], strict=True):
            match body["type"]:
                case "batch.created" | "batch.quantity_changed":
                    bought[body["batch_ref"]] = body["qty"]
                case "line.allocated":
                    taken[body["batch_ref"]] += body["qty"]
                case "line.deallocated":
                    taken[body["batch_ref"]] -= body["qty"]
            if following is None or following["cause"] != body["cause"]:
                for ref, units in taken.items():
                    if not 0 <= units <= bought.get(ref, -1):
                        yield f"after {body['id']}: {units} of {bought.get(ref)} units of {ref} are allocated"


def causes(told: Told) -> Iterator[str]:
    """Every event was led to by a message that names what the event names."""
    sent = {(m.partition, m.offset): m for m in told.sent}
    for event in told.events:
        body = event.body
        message = sent.get(_cause(body))
        if message is None:
            yield f"{body['id']}: nothing was sent to {_cause(body)}"
            continue
        name = "batch_ref" if body["type"].startswith("batch.") else "order_id"
        if name in message.body and message.body[name] != body[name]:
            yield f"{body['id']} is about {body[name]}, its cause about {message.body[name]}"


def burials(told: Told) -> Iterator[str]:
    """A dead letter is a message that was sent, unchanged, and once; and led to no event."""
    sent = {(m.partition, m.offset): m for m in told.sent}
    for place, times in Counter(map(origin_of, told.dead_letters)).items():
        if times > 1:
            yield f"{place} is a dead letter {times} times"
    for letter in told.dead_letters:
        message = sent.get(origin_of(letter))
        if message is None or (message.key, message.value) != (letter.key, letter.value):
            yield f"dead letter of {origin_of(letter)} is not what was sent"
    both = {origin_of(letter) for letter in told.dead_letters} & {_cause(event.body) for event in told.events}
    yield from (f"{place} led to events and is a dead letter" for place in both)


def _line_events(events: Iterable[Received]) -> Iterator[Body]:
    return (body for bodies in by_sku(events).values() for body in bodies if "line" in body)


def _first_decisions(events: Iterable[Received]) -> Iterator[Body]:
    seen: set[Line] = set()
    for body in _line_events(events):
        if (line := (body["order_id"], body["line"])) not in seen:
            seen.add(line)
            yield body


def _cause(body: Body) -> Place:
    return body["cause"]["partition"], body["cause"]["offset"]


def _is(message: Received, kind: str) -> bool:
    try:
        body: Any = json.loads(message.value or b"")
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("type") == kind
