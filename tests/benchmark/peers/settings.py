"""What a peer is told by its environment (`PEER_KAFKA`, ...), as FastStream's documentation reads it."""

import logging

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where it works, and the sizes in which its serial and its best form differ."""

    model_config = SettingsConfigDict(env_prefix="PEER_")

    kafka: str
    database: str
    input_topic: str
    output_topic: str
    group: str

    consumers: int = 1
    """Consumers in one process, each with a handler that runs for itself."""

    workers: int = 1
    """Messages that one consumer has in hand at once."""

    batch: int = 500
    """Messages that are taken at once, where a peer takes many."""

    bulk: bool = False
    """Whether new rows are inserted in bulk, past the ORM's unit of work."""

    gather: bool = False
    """Whether a message's events are published together, and their acknowledgements awaited together."""

    log_level: int = logging.INFO
    """At which FastStream logs each message, twice; its logger drops what is below INFO."""

    @property
    def pool(self) -> int:
        """Connections to the database: one for whatever may be in hand at once, and SQLAlchemy's default at least."""
        return max(5, self.consumers * self.workers)
