"""The page on performance, from whatever was measured."""

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmark.__main__ import MEASUREMENTS
from tests.benchmark.report import SECTIONS, parts
from tests.benchmark.reporting import tables
from tests.benchmark.reporting.measurements import Measurements
from tests.benchmark.reporting.targets import TARGETS
from tests.unit.benchmark.trials import trial

TAKEN = {"taken_at": "2026-11-21 10:00 UTC", "commit": "abc1234", "machine": {"cores": 2}, "servers": {}}
EACH = "worker and relay, a process each; batches of"


def drawn(found: Measurements, directory: Path) -> set[str]:
    """The names of the plots; what draws them is slow to import, and these tests' alone."""
    from tests.benchmark.reporting import plots  # noqa: PLC0415 - see above

    return plots.drawn(found, directory)


def write(directory: Path, name: str, figures: Any) -> None:
    (directory / f"{name}.json").write_text(json.dumps({"measurement": name, **TAKEN, "figures": figures}))


def contest(rate: float, noise: float = 0.02) -> dict[str, Any]:
    trials = [
        trial("service", rate, setup=f"{EACH} 5,000"),
        trial("service, small", rate / 4, kind="service", form=1, setup=f"{EACH} 100"),
        trial(
            "service, two",
            rate,
            kind="service",
            form=2,
            setup="2 workers and a relay, a process each; batches of 5,000",
        ),
        trial("ORM", 100, kind="faststream_orm"),
    ]
    return {"sunny": {"noise": noise, "trials": msgspec.to_builtins(trials), "failures": []}}


def row(directory: Path, key: str) -> str:
    what = next(target.what for target in TARGETS if target.key == key)
    lines = tables.targets(Measurements(directory)).splitlines()
    return next(line for line in lines if line.startswith(f"| {what} |"))


def test_without_a_file_every_target_is_not_measured(tmp_path: Path) -> None:
    assert tables.targets(Measurements(tmp_path)).count("| not measured |") == len(TARGETS)
    assert "![" not in "\n".join(parts(Measurements(tmp_path), drawn(Measurements(tmp_path), tmp_path), tmp_path))


def test_a_ratio_is_met_only_beyond_the_noise(tmp_path: Path) -> None:
    write(tmp_path, "throughput", contest(20_300))
    assert "203.0; by CPU 203.0 | ±2.0% | **not met** |" in row(tmp_path, "orm")
    write(tmp_path, "throughput", contest(20_500))
    assert "| met |" in row(tmp_path, "orm")


def test_the_noise_of_a_long_history_is_its_own(tmp_path: Path) -> None:
    write(tmp_path, "throughput", contest(20_000, noise=0.5))
    for tenths, said in ([1000, 980, 1010, 990], "±1.5% | met"), ([1000, 800, 1200, 990], "±20.1% | **not met**"):
        growth = {"lines": 10**7, "lines_per_second": tenths, "ratio": tenths[-1] / tenths[0]}
        write(tmp_path, "growth", growth)
        assert f"99% after 10,000,000 lines | {said} |" in row(tmp_path, "history")


def test_what_somebody_wrote_stands_beside_its_target(tmp_path: Path) -> None:
    (tmp_path / "explanations.txt").write_text("# for you\norm: because\n  of that\nbatch: no\n")
    assert row(tmp_path, "orm").endswith("| because of that |")


def test_memory_counts_with_the_upper_end_of_its_interval(tmp_path: Path) -> None:
    def process(high: float) -> dict[str, Any]:
        slope = {"megabytes_a_minute": 0.1, "megabytes_a_minute_low": -0.2, "megabytes_a_minute_high": high}
        return slope | {"peak_megabytes": 200, "seconds": [0, 60], "megabytes": [100, 110]}

    write(tmp_path, "endurance", {"steady": {"worker": process(0.5), "relay": process(0.9)}})
    assert "| met |" in row(tmp_path, "slope")
    write(tmp_path, "endurance", {"steady": {"worker": process(0.5), "relay": process(1.1)}})
    assert "**not met**" in row(tmp_path, "slope")
    assert drawn(Measurements(tmp_path), tmp_path) == {"memory-by-time"}


def test_the_api_has_to_be_quick_and_not_only_to_keep_up(tmp_path: Path) -> None:
    alone = {"api_per_second": 2050, "api_p50_ms": 9, "api_p99_ms": 49, "api_max_ms": 80, "api_cpu_us_per_write": 300}
    for other, said in ({}, "met"), ({"api_p99_ms": 51}, "**not met**"), ({"api_per_second": 1990}, "**not met**"):
        write(tmp_path, "api", alone | other)
        assert f"| {said} |" in row(tmp_path, "api")
    write(tmp_path, "api", alone | {"peer_per_second": 250, "peer_p99_ms": 20, "peer_cpu_us_per_write": 2000})
    assert "FastAPI + ORM at 250/s: p99 20.0 ms, 2,000 µs" in row(tmp_path, "api")


def test_the_same_figures_give_the_same_plots(tmp_path: Path) -> None:
    write(tmp_path, "throughput", contest(20_000))
    names = drawn(Measurements(tmp_path), tmp_path)
    assert names == {"throughput-by-batch-size", "where-time-goes"}
    before = {name: (tmp_path / f"{name}.svg").read_bytes() for name in names}
    drawn(Measurements(tmp_path), tmp_path)
    assert {name: (tmp_path / f"{name}.svg").read_bytes() for name in names} == before


def test_every_section_names_a_measurement_that_there_is() -> None:
    assert {section.measurement for section in SECTIONS} - {"scale"} <= MEASUREMENTS.keys()


def test_latency_after_a_warm_up_that_never_agreed_says_so(tmp_path: Path) -> None:
    times = {"p50": 1.0, "p99": 2.0, "p99_9": 3.0, "max": 4.0}
    point = {"share": 0.5, "orders_per_second_due": 100, "samples": 7, "milliseconds": times}
    cores = {"sender_cores": 0.1, "reader_cores": 0.1}
    for windows, said in (([50, 20, 21, 20], "| 50, 20, 21, 20 |"), ([20, 50, 20], "| 20, 50, 20: not steady |")):
        points = [point | cores | {"warm_up_p50_milliseconds": windows}]
        write(tmp_path, "latency", {"service": {"points": points}})
        assert said in tables.latencies(Measurements(tmp_path))
