"""Tallies are written, read and added up."""

from collections import Counter
from pathlib import Path

from tests.chaos.tally import Recovery, Struck, Tally, read


def tally(seed: int, *seconds: float) -> Tally:
    return Tally(
        [seed],
        rounds=1,
        seconds=60,
        messages=1000,
        events=2000,
        faults=Counter({"process.sigkill": 3}),
        recoveries={"process.sigkill": [Recovery(one, alone=one < 2) for one in seconds]},
        ends=Counter(killed=3),
    )


def test_what_several_runs_wrote_adds_up(tmp_path: Path) -> None:
    tally(1, 0.5, 1.0).append_to(tmp_path / "tally")
    tally(2, 9.0).append_to(tmp_path / "tally")
    total = read((tmp_path / "tally").read_text().splitlines())
    assert (total.seeds, total.rounds, total.faults, total.ends) == ([1, 2], 2, {"process.sigkill": 6}, {"killed": 6})
    assert total.recoveries == {"process.sigkill": [(0.5, True), (1.0, True), (9.0, False)]}


def test_the_table_has_a_row_for_each_kind_and_what_was_wrong() -> None:
    told = tally(1, 0.5, 1.0, 9.0)
    told.violations = ["order: wrong"]
    lines = list(told.table())
    assert "| process.sigkill | 3 | 1.00 s | 9.0 s | 0.75 s | 1.0 s |" in lines
    assert "**1 violations**" in lines[-1]


def test_what_was_asked_and_mailed_is_told_of() -> None:
    told = tally(1)
    told.answers, told.mails = Counter(applied=3, pending=1), Counter({"arrived": 2})
    assert list(told.table())[-2:] == ["Writes over HTTP: 3 applied, 1 pending.", "Mails: 2 arrived."]


def test_faults_overlap_when_both_are_there_at_a_moment() -> None:
    whole = Struck("a", 1.0, 3.0)
    assert whole.overlaps(Struck("b", 2.0, 2.0))
    assert whole.overlaps(Struck("b", 0.0, 1.0))
    assert not whole.overlaps(Struck("b", 3.1, 4.0))
