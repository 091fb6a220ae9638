"""The schema, as `alembic upgrade head` makes it, from the repository that this package lies in."""

from pathlib import Path

from python_app_template.cli.faults import CommandFailed
from python_app_template.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]


def migrate(url: str) -> None:
    """Bring a database to the head revision. Raises CommandFailed where the migrations are not at hand."""
    from alembic.config import Config  # noqa: PLC0415 - likewise

    from alembic import command  # noqa: PLC0415 - slow to import, seldom wanted

    file = ROOT / "alembic.ini"
    if not file.exists():
        raise CommandFailed(
            f"there is no {file}: the migrations are not installed; run this in a clone", ExitCode.ERROR
        )
    config = Config(file)
    config.attributes["url"] = url
    command.upgrade(config, "head")
