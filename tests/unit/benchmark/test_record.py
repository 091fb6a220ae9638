"""What a measurement leaves behind is fit to be published."""

import sys
import tempfile
from pathlib import Path

from tests.benchmark.record import fit
from tests.processes import ROOT


def test_numbers_are_rounded_wherever_they_stand() -> None:
    assert fit({"a": [1.23456789, 7, True, None], 1: (0.1 + 0.2,)}) == {"a": [1.23457, 7, True, None], "1": [0.3]}


def test_no_text_says_where_files_are_here() -> None:
    failure = f"Command '['{sys.executable}', '{ROOT}/a.py', '{tempfile.gettempdir()}/b']' timed out"
    plain = "Command '['python', './a.py', '(temporary)/b']' timed out"
    assert fit({"failures": [failure, RuntimeError(failure)]}) == {"failures": [plain, plain]}
    assert fit(Path(sys.executable)) == "python"
