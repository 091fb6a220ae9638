"""A million orders a second on paper: measured costs take the place of indicated ones, and carry through."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.benchmark.reporting import million, scaling
from tests.benchmark.reporting.measurements import Measurements
from tests.benchmark.reporting.million import Hosts, Row
from tests.benchmark.reporting.unit_costs import INDICATED, Cost, unit_costs
from tests.benchmark.scale import Scaling
from tests.benchmark.summary import summaries
from tests.unit.benchmark.trials import trial

RATE = 1_000_000


def row(rows: "list[Row] | tuple[Row, ...]", what: str) -> Row:
    return next(one for one in rows if one.what == what)


def write(directory: Path, name: str, figures: object) -> None:
    (directory / f"{name}.json").write_text(json.dumps({"measurement": name, "figures": figures}))


def test_cores_are_seconds_for_a_million_over_what_is_planned_with() -> None:
    costs = msgspec.structs.replace(INDICATED, worker_cpu=Cost(30.0, "here"))
    found = row([*million.processors(costs, Hosts(busy=0.5), RATE)], "workers, today's form")
    assert found == ("workers, today's form", "1,000,000/s · 30 s / 10⁶ = 30 busy; / 0.5", "60 cores")


def test_shards_follow_the_wal_where_processors_suffice() -> None:
    costs = msgspec.structs.replace(INDICATED, wal_bytes=Cost(516.0, "here"), postgres_cpu=Cost(20.0, "here"))
    one = row([*million.postgres(costs, Hosts(wal_bytes=1e9, busy=1.0), RATE)], "shards, with a standby each")
    four = row([*million.postgres(costs, Hosts(wal_bytes=250e6, busy=1.0), RATE)], "shards, with a standby each")
    assert (one.result, four.result) == ("1", "4")  # 0.516 and 0.484 GB/s


def test_one_sku_is_never_faster_than_one_worker() -> None:
    rows = million.limits(INDICATED, Hosts(worker_lines=100_000, busy=1.0), RATE)
    assert [one.result for one in rows] == ["does not fit", "fits", "fits"]


def test_what_was_measured_is_taken_instead_of_what_was_indicated(tmp_path: Path) -> None:
    assert unit_costs(Measurements(tmp_path)).broker_cpu == INDICATED.broker_cpu
    run = trial("service", 1000.0)
    write(tmp_path, "throughput", {"sunny": {"noise": 0.0, "trials": msgspec.to_builtins([run])}})
    write(tmp_path, "growth", {"lines": 2 * 2**20, "orders_megabytes": 100.0, "order_lines_megabytes": 300.0})
    found = unit_costs(Measurements(tmp_path))
    assert found.broker_cpu == Cost(summaries([run])[0].cpu_seconds["broker"], "`throughput.json`")
    assert found.database_bytes.value == 400
    assert f"{found.broker_cpu.value:,.4g}" in million.page(found)


def test_bytes_are_those_that_the_guard_holds(tmp_path: Path) -> None:
    found = unit_costs(Measurements(tmp_path))
    assert found.wal_bytes.value == pytest.approx(2048, rel=0.5)
    assert found.sent_bytes.source == "`tests/benchmark/baseline.json`"


def test_the_table_of_scale_holds_each_case_to_the_first_of_its_axis(tmp_path: Path) -> None:
    one = Scaling(
        case="1 line", axis="lines per order", workers=1, orders_per_second=10, lines_per_second=10, cpu_side=1,
        cpu_postgres=1, cpu_broker=2, cores_busy=2, lock_share=0.25, waits={}, said={}, peak_megabytes=100,
        stolen_share=0, checkpoints=0, steady=True, dry=False, violations=[],
    )  # fmt: skip
    other = msgspec.structs.replace(one, case="100 lines", cpu_side=5.0, steady=False)
    write(tmp_path, "scale", {"cases": msgspec.to_builtins([one, other])})
    text = scaling.text(Measurements(tmp_path))
    assert "### Lines per order" in text
    assert "| 1 line | 10 | 10 | 1.0 | 1.0 | 2.0 | 1.00x | 2.00 | 25% |  |" in text
    assert "| 100 lines | 10 | 10 | 5.0 | 1.0 | 2.0 | 2.00x | 2.00 | 25% | not steady |" in text
