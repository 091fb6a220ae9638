"""What all sides are given."""

from collections import Counter
from itertools import islice

import msgspec

from tests.benchmark.load import LOADS, Backlog

COUNT = 20_000


def test_the_mixed_load_has_its_shares() -> None:
    kinds, seen, empty, lines = Counter[str](), set[bytes](), 0, 0
    for key, value in islice(LOADS["mixed"](7), COUNT):
        try:
            message = msgspec.json.decode(value)
        except msgspec.DecodeError:
            kinds["malformed"] += 1
            continue
        kinds["repeated" if value in seen else message["type"]] += 1
        if message["type"] == "order.placed" and value not in seen:
            seen.add(value)
            lines += len(message["lines"])
            empty += sum(line["sku"].startswith("SKU-E") for line in message["lines"])
        assert key
    shares = {kind: count / COUNT for kind, count in kinds.items()}
    wanted = {"order.cancelled": 0.05, "batch.quantity_changed": 0.01, "repeated": 0.02, "malformed": 0.001}
    for kind, share in wanted.items():
        assert share / 1.6 < shares[kind] < share * 1.6, f"{kind}: {shares[kind]}"
    assert 0.09 < empty / lines < 0.11


def test_every_side_is_given_the_same_messages() -> None:
    backlog = Backlog("sunny")
    few, many = [*backlog.first(10)], [*backlog.first(20)]
    assert many[:10] == few
    assert [*Backlog("sunny").first(20)] == many
