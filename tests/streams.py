"""Random mixed streams of messages: few names and small numbers, so that they meet each other; and garbage."""

import json
import random
from collections.abc import Iterator
from typing import TypeAlias

from tests.clients import Body, Headers, batch, cancelled, key_of, order, quantity

Unsent: TypeAlias = tuple[bytes | None, bytes | None, Headers]
"""Value, key, headers."""

GARBAGE: list[bytes | None] = [
    None,
    b"",
    b"{",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b'{"type":"\\ud800"}',
    b'{"type":"order.cancelled","order_id":NaN}',
    b"[" * 300 + b"]" * 300,
    b"[]",
    b"{}",
    b'{"type":7}',
    b'{"type":"nonsense"}',
    b'{"type":"order.placed","order_id":"o1","lines":[]}',
    b'{"type":"order.placed","order_id":"o1","lines":[{"sku":"CHAIR","qty":2.0}]}',
    b'{"type":"order.placed","order_id":"o1","lines":[{"sku":"CHAIR","qty":0}]}',
    b'{"type":"order.placed","order_id":"o1","lines":[{"sku":"","qty":1}]}',
    b'{"type":"order.placed","order_id":"o\\u0000","lines":[{"sku":"CHAIR","qty":1}]}',
    b'{"type":"order.placed","order_id":"o1","placed_at":"2026-11-20T20:00:00","lines":[{"sku":"CHAIR","qty":1}]}',
    b'{"type":"order.cancelled"}',
    b'{"type":"order.cancelled","order_id":"o1","order_id":9}',
    b'{"type":"batch.created","batch_ref":"b1","sku":"CHAIR","qty":-1,"eta":null}',
    b'{"type":"batch.created","batch_ref":"b1","sku":"CHAIR","qty":1,"eta":"soon"}',
    b'{"type":"batch.quantity_changed","batch_ref":"b1","qty":true}',
]
"""Malformed in every way that the contract names."""


def stream(chance: random.Random, count: int, orders: int = 600, batches: int = 40) -> Iterator[Unsent]:
    """Draw so many messages, some of them twice. All messages with one id have one key."""
    sent: list[Body] = []
    for _ in range(count):
        if chance.random() < 0.03:
            yield chance.choice(GARBAGE), chance.choice([None, b"o1", b"b1"]), ()
            continue
        body = chance.choice(sent[-300:]) if sent and chance.random() < 0.1 else body_by(chance, orders, batches)
        sent.append(body)
        yield json.dumps(body).encode(), key_of(body), ()


def body_by(chance: random.Random, orders: int = 600, batches: int = 40) -> Body:
    """Draw one message about one of so many orders or batches."""
    sku = chance.choice(["CHAIR", "CHAIR", "LAMP", "TABLE", "RUG", "NEVER"])
    ref, order_id = f"b{chance.randrange(batches)}", f"o{chance.randrange(orders)}"
    match chance.randrange(10):
        case 0:
            eta = chance.choice([None, "2030-01-01", "2030-01-02", "0001-01-01"])
            return batch(ref, sku if sku != "NEVER" else "RUG", chance.randrange(40), eta)
        case 1 | 2:
            return quantity(ref, chance.randrange(40))
        case 3:
            return cancelled(order_id)
    skus = [chance.choice([sku, "CHAIR", "LAMP", "NEVER"]) for _ in range(chance.randint(1, 4))]
    return order(order_id, *[(sku, chance.choice([1, 1, 2, 5])) for sku in skus])
