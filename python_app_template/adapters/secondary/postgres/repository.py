"""What the frame's unit of work asks of a domain's Postgres repository."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.core.ports.unit_of_work import Repository

W = TypeVar("W")
S = TypeVar("S")
W_contra = TypeVar("W_contra", contravariant=True)
S_co = TypeVar("S_co", covariant=True)


class PostgresRepository(Repository[W_contra, S_co], Protocol[W_contra, S_co]):
    """Loads and stores the domain's state over a connection whose transaction is open. Never commits."""

    @abstractmethod
    async def flush(self) -> None:
        """Write the difference between what was handed out and what it is now, in a fixed number of statements."""
        ...


OpenRepository: TypeAlias = Callable[[AsyncConnection], PostgresRepository[W, S]]
"""Called once per transaction."""
