"""The suite must be able to fail: a story finds nothing wrong with the service, and its bug where there is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.seeded import stories
from tests.seeded.bugs import BUGS, Bug
from tests.seeded.copying import copied, migrate, variables
from tests.seeded.stage import Stage, staged
from tests.servers import Kafka, Postgres
from tests.surroundings import Partitions, name_of_its_own, new_database, new_topics, settings_for

pytestmark = pytest.mark.servers

Story: TypeAlias = Callable[[Stage], list[str]]
Play: TypeAlias = Callable[..., list[str]]


@pytest.fixture
def play(kafka: Kafka, postgres: Postgres, template: str, tmp_path: Path) -> Play:
    """Play a story by name, with the service as it is or with a copy of it."""

    def played(story: str, root: Path | None = None, template: str = template) -> list[str]:
        with (
            new_database(postgres, template) as url,
            new_topics(kafka, Partitions(input=2)) as topics,
            staged(settings_for(kafka, url, topics), postgres, tmp_path, variables(root)) as stage,
        ):
            findings: list[str] = getattr(stories, story)(stage)
            return findings

    return played


@pytest.mark.parametrize("story", sorted({bug.story for bug in BUGS}))
def test_a_story_finds_nothing_wrong_with_the_service(story: str, play: Play) -> None:
    assert play(story) == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_story_finds_the_bug(bug: Bug, play: Play, postgres: Postgres, template: str, tmp_path: Path) -> None:
    root = copied(bug, tmp_path / "copy")
    with schema_of(bug, root, postgres, template) as own_template:
        findings = play(bug.story, root, own_template)
    assert any(bug.sign in finding for finding in findings), findings


@contextmanager
def schema_of(bug: Bug, root: Path, postgres: Postgres, template: str) -> Iterator[str]:
    """A database to copy from; one of the bug's own if the bug is in a migration."""
    if not any(patch.file.startswith("alembic") for patch in bug.patches):
        yield template
        return
    own = name_of_its_own("migrated")
    migrate(postgres.create_database(own), root)
    yield own
    postgres.drop_database(own)
