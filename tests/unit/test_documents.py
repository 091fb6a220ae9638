"""The documents say what the code does: links, names, and the tables of the public contract."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
import pytest
import typer

from python_app_template.adapters import dead_letters
from python_app_template.adapters.wire import events
from python_app_template.adapters.wire.messages import BODIES
from python_app_template.cli.app import app
from python_app_template.core.delivery.messages import DeadLetter, Partition, Record, Refused
from python_app_template.core.delivery.outcomes import Outcome
from python_app_template.exit_codes import ExitCode
from python_app_template.monitoring.metrics import Metrics
from python_app_template.service import SERVICE
from python_app_template.settings.documents import rows as settings_rows
from python_app_template.settings.failpoints import PLACES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python_app_template"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("modules/*.md"), *ROOT.glob("docs/**/*.md")], key=lambda path: path.as_posix()
)
CONTRACT, OPERATIONS = ROOT / "docs/contract.md", ROOT / "docs/operations.md"

NO_SETTINGS = {
    *("APP_CONFIG_FILE", "APP_SECRETS_DIR"),
    *("APP_TEST_BACKEND", "APP_TEST_KAFKA", "APP_TEST_POSTGRES", "APP_TEST_REDIS"),
}
"""Variables that say where settings, or the servers of tests, are found."""

LEVELS = {"debug", "info", "warning", "error", "exception"}

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def text(path: Path) -> str:
    return path.read_text("utf-8")


def without_code(markdown: str) -> str:
    """The text less its blocks of code."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)


def section(path: Path, heading: str) -> str:
    """What stands below a heading, down to the next one of its level or above."""
    level = heading.index(" ")
    below = rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)"
    found = re.search(below, without_code(text(path)), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no heading {heading!r}"
    return found[1]


def table(markdown: str, first: str) -> list[list[str]]:
    """The rows of the table whose first column has this title, each a list of cells."""
    found = re.search(rf"^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", markdown, re.MULTILINE)
    assert found, f"no table that begins with {first!r}"
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in found[1].splitlines()]


def quoted(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def names(path: Path, heading: str, first: str) -> list[str]:
    """The first column of a table, its backticks taken off."""
    return [quoted(row[0])[0] for row in table(section(path, heading), first)]


def trees() -> Iterator[ast.AST]:
    """The code of the package, parsed."""
    return (ast.parse(text(path)) for path in PACKAGE.rglob("*.py"))


@cache
def calls() -> tuple[ast.Call, ...]:
    return tuple(node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call))


def constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def called(call: ast.Call) -> str:
    """The name of what is called, without what it is a part of."""
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.IfExp(body=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def anchors(path: Path) -> set[str]:
    """The headings as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", without_code(text(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- Links and names


@each_document
def test_relative_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(text(path))):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    homes = (ROOT, PACKAGE, PACKAGE / "adapters/secondary")
    named = r"`((?:python_app_template|core|adapters|monitoring|cli|settings|tests|alembic|docs|postgres)/[\w./-]*)`"
    for name in re.findall(named, text(path)):
        assert any((home / name).exists() for home in homes), name


@each_document
def test_settings_that_are_named_exist(path: Path) -> None:
    known = {row.variable for row in settings_rows()} | NO_SETTINGS
    for name in re.findall(r"\bAPP_[A-Z_*]*[A-Z*]\b\*?", text(path)):
        assert any(fnmatch(one, name) for one in known), name


@each_document
def test_metrics_that_are_named_exist(path: Path) -> None:
    known = {*names(CONTRACT, "## 8. Metrics", "name"), *names(OPERATIONS, "## Metrics of the roles", "metric")}
    for name in re.findall(r"(?<![\w/])app_[a-z_]*[a-z]", text(path)):
        whole = re.sub(r"_(bucket|sum|count)$", "", name)
        assert whole in known or any(one.startswith(f"{whole}_") for one in known), name


@each_document
def test_make_targets_that_are_named_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text(path), re.MULTILINE)
    assert set(chain(*named)) - {""} <= targets


def test_every_decision_is_in_the_index_and_has_its_four_parts() -> None:
    pages = sorted((ROOT / "docs/adr").glob("0*.md"))
    linked = re.findall(r"\]\((0[\w-]+\.md)\)", text(ROOT / "docs/adr/README.md"))
    assert linked == [page.name for page in pages]
    for page in pages:
        parts = re.findall(r"^## (.+)$", text(page), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "What would make us change it"], page.name
        assert text(page).startswith(f"# {page.name[:4]} "), page.name


def test_the_changelog_names_this_version() -> None:
    assert re.search(rf"^## {re.escape(version('python-app-template'))}$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)


# --- The contract


def test_section_2_has_every_message_with_its_fields() -> None:
    found = {quoted(row[0])[0]: set(quoted(row[1])) for row in table(section(CONTRACT, "## 2. Messages in"), "`type`")}
    assert tuple(found) == SERVICE.message_types
    for name, body in BODIES.items():
        assert found[name] - {"{sku, qty}"} == set(body.__struct_fields__)


def test_section_2_has_examples_that_are_decoded() -> None:
    examples = re.findall(r'^{"type".*}$', text(CONTRACT), re.MULTILINE)
    found = [SERVICE.decode(Record(Partition("t", 0), 0, 0, None, line.encode())) for line in examples]
    assert {message.type for message in found} == set(SERVICE.message_types)
    assert not [message.content for message in found if isinstance(message.content, Refused)]


def test_section_4_has_an_example_that_is_encoded_so() -> None:
    examples = re.findall(r"^value +({.*})$", text(CONTRACT), re.MULTILINE)
    assert examples
    for example in examples:
        assert msgspec.json.encode(msgspec.json.decode(example, type=events.Body)).decode() == example


def test_section_4_has_every_event_with_its_fields() -> None:
    found = {quoted(row[0])[0]: quoted(row[2]) for row in table(section(CONTRACT, "## 4. Events out"), "`type`")}
    common = names(CONTRACT, "## 4. Events out", "common field")
    assert tuple(found) == SERVICE.event_types
    for body in get_args(events.Body):
        name = body.__struct_config__.tag
        assert ["type", *body.__struct_fields__] == [*common, *found[name]]


def test_section_5_and_operations_have_every_reason() -> None:
    for path, heading in ((CONTRACT, "## 5. Dead letters"), (OPERATIONS, "## Dead letters")):
        assert sorted(names(path, heading, "reason")) == sorted(SERVICE.dead_letter_reasons)


def test_section_5_has_every_header() -> None:
    record = Record(Partition("t", 0), 0, 0, None, b"", [(dead_letters.ATTEMPTS, b"1")])
    frame = dead_letters.truncated(dead_letters.bury(DeadLetter(record, Refused("failed", "")), "dlq", "service/1"))
    assert names(CONTRACT, "## 5. Dead letters", "header") == [name for name, _ in frame.headers]


def test_section_6_has_every_command() -> None:
    found = getattr(typer.main.get_command(app), "commands", {})
    whole = [name for name, command in found.items() if getattr(command, "invoke_without_command", True)]
    below = [f"{name} {part}" for name, command in found.items() for part in getattr(command, "commands", {})]
    commands = [*whole, *below]
    named = [name.partition(" [")[0] for name in names(CONTRACT, "## 6. Running it", "command")]
    assert sorted(named) == sorted(commands)


def test_section_6_has_every_exit_code() -> None:
    found = [int(row[0]) for row in table(section(CONTRACT, "## 6. Running it"), "exit code")]
    assert found == [code.value for code in ExitCode]
    explained = [int(row[0]) for row in table(section(OPERATIONS, "## It does not start, or it stopped"), "exit code")]
    assert sorted(set(explained)) == sorted(found)


class Metric(NamedTuple):
    """As a row of section 8 says it."""

    name: str
    type: str
    labels: frozenset[str]


def metrics_in_code() -> set[Metric]:
    metrics = Metrics("0", "test")
    SERVICE.metrics(metrics.registry)
    known = {"topic": ["type"]}
    metrics.start_at_zero(consumed=known, published=known, dead_lettered=known)
    metrics.settled(Outcome(), 0.0, {"load": 0.0})
    metrics.retried("commit", "08006")
    metrics.lag("topic", 0, 0, 0.0)
    metrics.halted("relay", "cursor_lost")
    found = set()
    for family in metrics.registry.collect():
        if family.name.startswith("app_"):
            labels = frozenset(chain.from_iterable(sample.labels for sample in family.samples)) - {"le"}
            found.add(Metric(family.name + ("_total" if family.type == "counter" else ""), family.type, labels))
    return found


def test_section_8_has_every_metric_with_type_and_labels() -> None:
    rows = table(section(CONTRACT, "## 8. Metrics"), "name")
    assert {Metric(quoted(name)[0], kind, frozenset(quoted(labels))) for name, kind, labels in rows} == (
        metrics_in_code()
    )


# --- Operations


def test_every_metric_of_a_role_is_explained() -> None:
    kinds = {"Counter", "Gauge", "Histogram"}
    made = [(called(c).lower(), constant(c.args[0]) or "") for c in calls() if called(c) in kinds and c.args]
    whole = {(kind, f"{name}_total" if kind == "counter" else name) for kind, name in made if name.startswith("app_")}
    rows = table(section(OPERATIONS, "## Metrics of the roles"), "metric")
    explained = {(row[1], quoted(row[0])[0]) for row in rows}
    contract = {(metric.type, metric.name) for metric in metrics_in_code()}
    assert explained == whole - contract


def test_every_reason_for_a_halt_is_explained() -> None:
    partitions = {constant(call.args[1]) for call in calls() if called(call) == "_halt"}
    relay = {constant(call.args[1]) for call in calls() if called(call) == "Halted" and len(call.args) > 1}
    refusals = {constant(call.args[0]) for call in calls() if called(call) == "Refusal"}
    assert set(names(OPERATIONS, "### A partition", "reason")) == partitions - {None}
    assert set(names(OPERATIONS, "### The relay", "reason")) == (relay | refusals) - {None}


def test_every_log_event_is_explained() -> None:
    logged = {constant(call.args[0]) for call in calls() if called(call) in LEVELS and call.args} - {None}
    assert set(names(OPERATIONS, "## Log events", "event")) == logged


def test_every_failpoint_is_listed_with_what_it_takes() -> None:
    rows = table(section(OPERATIONS, "## Failpoints"), "failpoint")
    found = {quoted(name)[0]: (reached, tuple(quoted(takes))) for name, reached, takes in rows}
    assert found == {name: tuple(place) for name, place in PLACES.items()}
    actions = {name.partition("(")[0] for name in names(OPERATIONS, "## Failpoints", "action")}
    assert actions == {action for place in PLACES.values() for action in place.takes}


def test_the_list_at_the_top_names_every_section() -> None:
    listed = re.findall(r"^- \[(.+)\]\(#", text(OPERATIONS), re.MULTILINE)
    assert listed == re.findall(r"^## (.+)$", without_code(text(OPERATIONS)), re.MULTILINE)
