"""The two tables more that `faststream_outbox` and its relay need."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from tests.benchmark.peers.tables import Base


class Position(Base):
    """The offset that comes next in a partition of the input: it moves in the transaction of what it leads to."""

    __tablename__ = "positions"
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_offset: Mapped[int] = mapped_column(BigInteger)


class OutboxRow(Base):
    """An event to be published.

    Rows of one partition become visible in the order of their ids, for its position is locked; so do those of one SKU.
    So the oldest rows that are visible may be published, and a cursor for each partition says what has been.
    """

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    partition: Mapped[int]
    key: Mapped[str]
    payload: Mapped[str]
