"""What a million orders a second take: on paper, from what one costs, with all of the arithmetic."""

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from tests.benchmark.reporting.tables import table
from tests.benchmark.reporting.unit_costs import LINES, UnitCosts

RATE: Final = 1_000_000
LINE_BYTES: Final = 220
"""Of a line on the intermediate topic: SKU, order, line, quantity, and the cause with its trace. An estimate."""


READERS: Final = 2
"""Of each topic: who consumes it, and one more."""

HOP: Final = 1.6
"""How many times today's work two hops are: a line is decoded and written twice, decided once. An estimate."""


class Hosts(NamedTuple):
    """What is bought. Assumptions, to be replaced by those of whoever buys."""

    busy: float = 0.6
    """Of a core, a network or a disk that is planned with: the rest is for peaks, rebalancing and a lost host."""
    replicas: int = 3
    partition_bytes: float = 10e6
    """That one partition takes in a second, with replicas in step."""
    broker_cores: int = 16
    broker_network: float = 25e9 / 8
    postgres_cores: int = 32
    wal_bytes: float = 500e6
    """That one server writes, flushes and sends to its standby in a second: one stream, however many cores."""
    worker_lines: float = 50_000
    """That one worker decides in a second."""


ASSORTMENTS: Final = (1000, 100_000, 1_000_000)


def hottest(skus: int) -> float:
    """Of all lines, the share of the most wanted of so many SKUs."""
    return 1 / sum(math.pow(rank, -0.8) for rank in range(1, skus + 1))


class Row(NamedTuple):
    """What is needed, how that comes, and how much it is."""

    what: str
    arithmetic: str
    result: str


def page(costs: UnitCosts, hosts: Hosts = Hosts(), rate: int = RATE) -> str:  # noqa: B008 - immutable
    """Return the whole page."""
    return "\n\n".join([HEAD.format(rate=rate), *sections(costs, hosts, rate), FOOT]) + "\n"


def sections(costs: UnitCosts, hosts: Hosts, rate: int) -> Iterator[str]:
    """What goes in, what comes out, and what limits it."""
    yield "## What an order costs"
    named = msgspec.structs.asdict(costs)
    units = {name: "CPU seconds for a million" if name.endswith("cpu") else "bytes" for name in named}
    yield table(
        ("", "", "", "from"),
        [(name.replace("_", " "), f"{cost.value:,.4g}", units[name], cost.source) for name, cost in named.items()],
    )
    yield "## What is assumed of the hosts"
    yield table(("", ""), bought(hosts))
    for title, made in (("Processors", processors), ("Kafka", kafka), ("PostgreSQL", postgres), ("Limits", limits)):
        yield f"## {title}"
        yield table(("", "arithmetic", ""), made(costs, hosts, rate))


def bought(hosts: Hosts) -> Iterator[tuple[str, str]]:
    """What is assumed, in words."""
    yield "that much of a core, a network, a disk is planned with", f"{hosts.busy:.0%}"
    yield "copies of each record", f"{hosts.replicas}"
    yield "a partition takes", f"{hosts.partition_bytes / 1e6:g} MB/s"
    yield "a broker has", f"{hosts.broker_cores} cores, {hosts.broker_network * 8 / 1e9:g} Gbit/s"
    yield "a PostgreSQL server has", f"{hosts.postgres_cores} cores, writes {hosts.wal_bytes / 1e6:g} MB/s of WAL"
    yield "a worker decides", f"{hosts.worker_lines:,.0f} lines/s"


def processors(costs: UnitCosts, hosts: Hosts, rate: int) -> Sequence[Row]:
    """Cores by who needs them."""

    def cores(what: str, seconds: float, times: float = 1.0, note: str = "") -> Row:
        busy = rate / 1e6 * seconds * times
        factor = f" · {times:g}{note}" if times != 1.0 else ""
        text = f"{rate:,}/s · {seconds:.3g} s / 10⁶{factor} = {busy:,.0f} busy; / {hosts.busy:g}"
        return Row(what, text, f"{math.ceil(busy / hosts.busy):,} cores")

    return [
        cores("workers, today's form", costs.worker_cpu.value),
        cores("workers, orders split and lines decided", costs.worker_cpu.value, HOP, " for two hops"),
        cores("relays, likewise", costs.relay_cpu.value, 2, " hops"),
        cores("PostgreSQL, likewise", costs.postgres_cpu.value, HOP, " for two hops"),
        cores("brokers, with replicas", costs.broker_cpu.value, 2 * hosts.replicas, " for hops and replicas"),
    ]


def kafka(costs: UnitCosts, hosts: Hosts, rate: int) -> Sequence[Row]:
    """Bytes in and out, brokers, partitions."""
    of_an_order = {
        "orders": costs.message_bytes.value,
        "lines between": LINES * LINE_BYTES,
        "events": costs.published_bytes.value,
    }
    into = {what: rate * size for what, size in of_an_order.items()}
    total = sum(into.values())
    written = total * hosts.replicas
    sent = total * (hosts.replicas - 1 + READERS)
    by_network = sent / (hosts.broker_network * hosts.busy)
    by_cpu = rate / 1e6 * costs.broker_cpu.value * 2 * hosts.replicas / hosts.busy / hosts.broker_cores
    deciding = rate * LINES / hosts.worker_lines / hosts.busy
    return [
        *(
            Row(f"bytes in: {what}", f"{rate:,}/s · {size:,.0f} B", f"{rate * size / 1e6:,.0f} MB/s")
            for what, size in of_an_order.items()
        ),
        Row("written to disk", f"{total / 1e6:,.0f} MB/s · {hosts.replicas} replicas", f"{written / 1e9:.1f} GB/s"),
        Row("kept for a day", f"{written / 1e9:.2f} GB/s · 86,400 s", f"{written * 86_400 / 1e12:,.0f} TB"),
        Row(
            "sent by all brokers",
            f"{total / 1e6:,.0f} MB/s · ({hosts.replicas - 1} to replicas + {READERS} to readers)",
            f"{sent * 8 / 1e9:,.0f} Gbit/s",
        ),
        Row(
            "brokers",
            f"network {by_network:.1f}, processors {by_cpu:.1f}; and one to lose",
            f"{math.ceil(max(by_network, by_cpu, hosts.replicas)) + 1}",
        ),
        *(
            Row(f"partitions: {what}", f"{size / 1e6:,.0f} MB/s / {hosts.partition_bytes / 1e6:g} MB/s", partitions)
            for what, size in into.items()
            for partitions in [f"≥ {math.ceil(size / hosts.partition_bytes)}"]
        ),
        Row(
            "partitions of the lines, for their workers",
            f"{rate * LINES:,.0f} lines/s / {hosts.worker_lines:,.0f} / {hosts.busy:g}",
            f"≥ {math.ceil(deciding)}",
        ),
    ]


def postgres(costs: UnitCosts, hosts: Hosts, rate: int) -> Sequence[Row]:
    """Servers, each with the SKUs of its shard; the orders' own facts are sharded likewise."""
    handed_over = rate * LINES * LINE_BYTES * 1.1
    wal = rate * costs.wal_bytes.value + handed_over
    by_wal = wal / (hosts.wal_bytes * hosts.busy)
    by_cpu = rate / 1e6 * costs.postgres_cpu.value * HOP / hosts.busy / hosts.postgres_cores
    sent, day = rate * costs.sent_bytes.value, rate * costs.database_bytes.value * 86_400
    return [
        Row(
            "WAL of today's form",
            f"{rate:,}/s · {costs.wal_bytes.value:,.0f} B",
            f"{(wal - handed_over) / 1e9:.2f} GB/s",
        ),
        Row(
            "WAL of the lines' own outbox",
            f"{rate * LINES:,.0f} lines/s · {LINE_BYTES} B · 1.1",
            f"{handed_over / 1e9:.2f} GB/s",
        ),
        Row(
            "shards, with a standby each",
            f"WAL {wal / 1e9:.2f} GB/s / ({hosts.wal_bytes / 1e6:g} MB/s · {hosts.busy:g}) = {by_wal:.1f}; "
            f"processors {by_cpu:.1f}",
            f"{math.ceil(max(by_wal, by_cpu))}",
        ),
        Row(
            "network from the workers", f"{rate:,}/s · {costs.sent_bytes.value:,.0f} B", f"{sent * 8 / 1e9:,.1f} Gbit/s"
        ),
        Row(
            "tables and indexes, a day",
            f"{rate:,}/s · {costs.database_bytes.value:,.0f} B · 86,400 s",
            f"{day / 1e12:,.0f} TB",
        ),
    ]


def limits(_costs: UnitCosts, hosts: Hosts, rate: int) -> Sequence[Row]:
    """What no number of hosts lifts: a SKU is in one partition, so one worker decides all of its lines."""
    rows = []
    for skus in ASSORTMENTS:
        share = hottest(skus)
        wanted = rate * LINES * share
        text = f"{rate * LINES:,.0f} lines/s · {share:.2%} = {wanted:,.0f}; a worker: {hosts.worker_lines:,.0f}"
        fits = wanted <= hosts.worker_lines * hosts.busy
        rows.append(Row(f"the most wanted of {skus:,} SKUs, zipf 0.8", text, "fits" if fits else "does not fit"))
    return rows


HEAD: Final = """# What {rate:,} orders a second take

On paper: nothing of it was run. Made by `python -m tests.benchmark report` from what an order costs on one machine; the
arithmetic is `tests/benchmark/reporting/million.py`. It supposes that orders are split into lines by SKU
([ADR 0016](../adr/0016-repartitioning-by-sku.md)), as a transaction can't span shards of PostgreSQL. The second hop's
share (a factor of 1.6, or 2) is an estimate."""

FOOT: Final = """## What this leaves out

- Latency: a second hop adds a Kafka transaction, a fetch and a commit; see the ADR.
- Full-page images: with a checkpoint every few minutes they are a fraction of the WAL at this rate, as every page that
  is written to is written to very often; with few orders a second they are most of it.
- The API's own processes: see its cost of a write in [performance.md](../performance.md).
- A copy of stock for reading, and the projection of orders by their id, which such a split needs besides."""
