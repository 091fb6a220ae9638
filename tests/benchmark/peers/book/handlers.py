"""What is done for a command, and because of an event."""

from collections.abc import Callable, Mapping, Sequence

from tests.benchmark.peers.book.messages import Allocate, Allocated, Command, Event, OutOfStock
from tests.benchmark.peers.book.model import OrderLine
from tests.benchmark.peers.book.unit_of_work import UnitOfWork

Publish = Callable[[str, Event], None]


class InvalidSkuError(Exception):
    """Nobody sells that."""


def allocate(command: Allocate, uow: UnitOfWork) -> None:
    """Allocate a line."""
    line = OrderLine(command.orderid, command.line, command.sku, command.qty)
    with uow:
        product = uow.products.get(line.sku)
        if product is None:
            raise InvalidSkuError(line.sku)
        product.allocate(line)
        uow.commit()


def publish_allocated(event: Allocated, publish: Publish) -> None:
    """Tell the world."""
    publish("line.allocated", event)


def publish_out_of_stock(event: OutOfStock, publish: Publish) -> None:
    """Tell the world; in the book it is a mail."""
    publish("line.out_of_stock", event)


COMMAND_HANDLERS: Mapping[type[Command], Callable[..., None]] = {Allocate: allocate}
EVENT_HANDLERS: Mapping[type[Event], Sequence[Callable[..., None]]] = {
    Allocated: [publish_allocated],
    OutOfStock: [publish_out_of_stock],
}
