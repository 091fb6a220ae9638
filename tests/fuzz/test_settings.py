"""Settings files, variables and command lines that are nearly right: never a traceback, a line for each fault."""

import os
import re
import unicodedata
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python_app_template.cli.app import run
from python_app_template.settings import Settings, SettingsError, load
from python_app_template.settings.faults import fields, sections, variable
from tests.fuzz.mutations import PIECES

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
EXAMPLE = (Path(__file__).parents[2] / "docs" / "settings.example.yaml").read_text("utf-8")
YAML = re.sub(r"^( *)# ?(?=\w+:)", r"\1", EXAMPLE, flags=re.MULTILINE)
"""All settings, none of them a comment."""
VARIABLES = [variable(path) for path, _ in fields(Settings)]
BY_KEY = [*map(".".join, (path for path, _ in fields(Settings)))]
OF_YAML = [
    "[",
    "]",
    "{",
    "}",
    ":",
    ": ",
    "- ",
    "*a",
    "&a ",
    "!!int ",
    "!x ",
    "|",
    ">",
    "---\n",
    "\t",
    "%",
    "@",
    "`",
    "<<: ",
    "? ",
]
OF_YAML += [
    "\x00",
    "\x07",
    "\ufeff",
    "\x85",
    "\u2028",
    "'",
    '"',
    "#",
    "0o7",
    "1e999",
    ".nan",
    "2026-11-20",
    "~",
    "yes",
    "\n  \n",
]
SANE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

printable = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
values = st.one_of(
    printable,
    st.sampled_from([piece for piece in PIECES if "\x00" not in piece and len(piece) < 10_000]),
    st.sampled_from(
        ["postgresql+asyncpg://u:p@[::1/x", "postgresql+asyncpg://[/", "a:1,b:2", "1GiB", "inf", "-0", "\uff11\uff12"]
    ),
    st.binary(max_size=20).map(lambda value: os.fsdecode(value.replace(b"\x00", b""))),
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def loaded() -> None:
    """Load the settings, or be told in lines what is wrong with them. Raises whatever else happens."""
    try:
        load()
    except SettingsError as fault:
        lines = fault.lines
    else:
        return
    assert lines
    for line in lines:
        assert re.match(r"APP_|\.env", line), line
        assert "\n" not in line
        assert len(line) < 2000


@SANE
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_a_spoilt_settings_file_is_read_or_its_faults_are_told(tmp_path: Path, random: Random, spoilt: int) -> None:
    lines = YAML.splitlines(keepends=True)
    for _ in range(spoilt):
        place = random.randrange(len(lines))
        line, column = lines[place], random.randint(0, len(lines[place]))
        lines[place] = random.choice(
            [
                line[:column] + random.choice(OF_YAML) + line[column:],
                line.partition(":")[0] + ": " + random.choice([*OF_YAML, *PIECES]) + "\n",
                line[column:],
                "  " + line,
                line + line,
                "",
            ]
        )
    (tmp_path / "some.yaml").write_text("".join(lines), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_CONFIG_FILE", "some.yaml")
        loaded()


@SANE
@given(st.binary(max_size=200))
def test_a_settings_file_of_any_bytes_is_read_or_its_faults_are_told(tmp_path: Path, content: bytes) -> None:
    for name in ("some.yaml", ".env"):
        (tmp_path / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_CONFIG_FILE", "some.yaml")
        loaded()


@SANE
@given(
    st.dictionaries(st.sampled_from([*VARIABLES, "APP_KAFKA", "APP_KAFKA__X", "APP_CONFIG_FILE"]), values, max_size=4)
)
def test_variables_of_any_value_are_taken_or_their_faults_are_told(given: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        loaded()


COMMANDS = [
    "topics",
    "create",
    "preflight",
    "produce",
    "consume",
    "settings",
    "positions",
    "set",
    "dlq",
    "list",
    "show",
]
OPTIONS = [
    "--help",
    "--json",
    "--set",
    "--count",
    "--timeout",
    "--topic",
    "--sample",
    "--from-beginning",
    "--headers",
    "--version",
]
words = st.one_of(
    st.sampled_from(
        [*COMMANDS, *OPTIONS, "--", "-", "-x", "--set=", "=", "a.b=c", "http.port=x", "kafka=1", "..=", "--no-json"]
    ),
    st.builds("--set={}={}".format, st.sampled_from([*BY_KEY, *sections(Settings), "", "."]), values),
    values,
)


def is_utf8(word: str) -> bool:
    """Whether what captures the output can take it; a terminal gets such bytes escaped."""
    return "Cs" not in map(unicodedata.category, word)


@SANE
@given(st.lists(words.filter(is_utf8), max_size=6))
def test_any_command_line_is_refused_in_lines_or_helped(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The settings are wrong from the start, so that no command does its work."""
    capsys.readouterr()
    code = run(["--set", "no.such=setting", *arguments])
    out, err = capsys.readouterr()
    assert code in {0, 2}, err
    assert "Traceback" not in out + err
    if code == 0:
        assert "Usage: " in out or out.startswith("python-app-template ")
    else:
        assert err
        assert "command.failed" not in err
