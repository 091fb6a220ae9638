"""The suite must be able to fail: a story finds nothing wrong with the service, and its bug where there is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.processes import ROOT
from tests.seeded import stories
from tests.seeded.bugs import BUGS, Bug
from tests.seeded.copying import copied, migrate
from tests.seeded.stage import staged
from tests.servers import Kafka, Postgres
from tests.surroundings import name_of_its_own

pytestmark = pytest.mark.servers

Play: TypeAlias = Callable[..., list[str]]

PLAYS = 3


@pytest.fixture
def play(kafka: Kafka, postgres: Postgres, template: str, tmp_path: Path) -> Play:
    """Play a story by name, with the service as it is or with a copy of it."""

    def played(story: str, root: Path = ROOT, template: str = template) -> list[str]:
        with staged(kafka, postgres, template, tmp_path, root) as stage:
            findings: list[str] = getattr(stories, story)(stage)
            return findings

    return played


@pytest.mark.parametrize("story", sorted({bug.story for bug in BUGS}))
def test_a_story_finds_nothing_wrong_with_the_service(story: str, play: Play) -> None:
    assert play(story) == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_story_finds_the_bug(bug: Bug, play: Play, postgres: Postgres, template: str, tmp_path: Path) -> None:
    """It may take more than one play: what is to meet may miss each other on a busy machine."""
    root = copied(bug, tmp_path / "copy")
    with schema_of(bug, root, postgres, template) as own_template:
        plays = (play(bug.story, root, own_template) for _ in range(PLAYS))
        assert any(bug.sign in finding for findings in plays for finding in findings)


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
