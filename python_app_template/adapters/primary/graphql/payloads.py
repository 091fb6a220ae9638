"""What is shown of commands and writes. YOURS."""

from dataclasses import dataclass

from python_app_template.adapters.primary.writes import Result, Written
from python_app_template.core.delivery.commands import Standing
from python_app_template.core.domain.views import OrderView, StockView


@dataclass(frozen=True, slots=True)
class CommandShown:
    """A message that was sent for somebody; why it became a dead letter, if it did."""

    command_id: str
    status: str
    reason: str | None
    detail: str | None

    @classmethod
    def of(cls, command_id: str, standing: Standing) -> "CommandShown":
        """Show what became of it."""
        why = standing.why
        told = (None, None) if why is None else (why.reason, why.detail)
        return cls(command_id, standing.status.value, *told)


@dataclass(frozen=True, slots=True)
class WriteShown:
    """A write; what it is about as it now is, once it is applied."""

    command: CommandShown
    order_id: str | None
    batch_ref: str | None
    order: OrderView | None
    stock: StockView | None

    @classmethod
    def of(cls, written: Written, result: Result) -> "WriteShown":
        """Show what became of it."""
        command, names = CommandShown.of(written.command_id, result.standing), written.names
        return cls(command, names.get("order_id"), names.get("batch_ref"), result.order, result.stock)
