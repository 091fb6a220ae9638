"""Repository and unit of work: products that were seen, and a transaction around what happens to them."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from tests.benchmark.peers.book.messages import Event
from tests.benchmark.peers.book.model import Product


class ProductRepository:
    """Products by their SKU."""

    def __init__(self, session: Session) -> None:
        self.seen = set[Product]()
        self._session = session

    def get(self, sku: str) -> Product | None:
        """Return a product, and remember that it may have events."""
        product = self._session.scalar(select(Product).filter_by(sku=sku))
        if product:
            self.seen.add(product)
        return product


class UnitOfWork:
    """A transaction: rolled back unless it was committed."""

    products: ProductRepository
    session: Session

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def __enter__(self) -> Self:
        self.session = self._sessions()
        self.products = ProductRepository(self.session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.session.rollback()
        self.session.close()

    def commit(self) -> None:
        """Keep it."""
        self.session.commit()

    def collect_new_events(self) -> Iterator[Event]:
        """Yield the events of all products that were seen, each once."""
        for product in self.products.seen:
            while product.events:
                yield product.events.pop(0)
