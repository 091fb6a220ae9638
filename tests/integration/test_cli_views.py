"""`views`: what it says when it can't do its work."""

import pytest

from python_app_template.settings import Settings
from tests.command_line import CommandLine, given

pytestmark = pytest.mark.servers


@pytest.fixture
def cli(settings: Settings, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(given(settings), capsys)


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_a_redis_that_is_not_there_is_one_line_without_its_password(command: str, cli: CommandLine) -> None:
    done = cli("--set=redis.url=redis://:hush@127.0.0.1:1/0", "views", command)
    assert (done.code, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith("Redis: ")
    assert line.endswith("; start it, or name another: APP_REDIS__URL")
    assert "hush" not in line


def test_a_copy_that_was_never_made_is_one_line_too(cli: CommandLine, redis_url: str) -> None:
    done = cli(f"--set=redis.url={redis_url}", "--set=redis.prefix=test-never", "views", "verify")
    assert (done.code, done.out) == (3, "")
    assert done.err == "Redis: no generation is ready; start a projector, or run `views rebuild`\n"


def test_a_database_that_is_not_there_is_named_as_such(cli: CommandLine, redis_url: str) -> None:
    url = "postgresql+asyncpg://nobody:hush@127.0.0.1:1/none"
    done = cli(f"--set=redis.url={redis_url}", f"--set=database.url={url}", "views", "verify")
    assert done.code == 3
    assert done.err.startswith("PostgreSQL: ")
    assert "hush" not in done.err
