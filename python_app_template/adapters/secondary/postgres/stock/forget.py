"""Forgetting orders that are done with. Yours.

A line that holds no units never holds any again, so once an order is done with it stays so. Its row is locked and
passed over if somebody works on it: this waits for nobody, so nobody waits for it in a circle.
"""

from datetime import datetime

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from python_app_template.core.ports.forgetting import Piece

LOOK_AT = 5000
"""Orders that a transaction looks at, in the order of their ids."""

PAGE = text(
    """
    SELECT count(*) AS orders, max(order_id) AS last
    FROM (SELECT order_id FROM orders WHERE order_id > :after ORDER BY order_id LIMIT :number) page
    """
)

DONE = """
    SELECT order_id FROM orders o
    WHERE order_id > :after AND order_id <= :last AND changed_at < :before
    AND NOT EXISTS (SELECT FROM order_lines l WHERE l.number = o.number AND l.status = 'allocated')
    ORDER BY order_id
"""

FIND = text(DONE)
LOCK = text(f"{DONE} FOR UPDATE OF o SKIP LOCKED")

IDS = bindparam("ids", type_=ARRAY(Text))
COUNT_LINES = text(
    "SELECT count(*) FROM orders JOIN order_lines USING (number) WHERE orders.order_id = ANY(:ids)"
).bindparams(IDS)
FORGET_LINES = text(
    "DELETE FROM order_lines l USING orders o WHERE o.order_id = ANY(:ids) AND l.number = o.number"
).bindparams(IDS)
FORGET_ORDERS = text("DELETE FROM orders WHERE order_id = ANY(:ids)").bindparams(IDS)


async def forget_orders(
    connection: AsyncConnection, before: datetime, after: str, *, dry_run: bool, look_at: int = LOOK_AT
) -> Piece:
    """Forget those of the next orders behind `after` that were placed, or cancelled, before that."""
    page = (await connection.execute(PAGE, {"after": after, "number": look_at})).one()
    if not page.orders:
        return Piece({"orders": 0, "lines": 0}, 0, None)
    bounds = {"after": after, "last": page.last, "before": before}
    ids = list((await connection.scalars(FIND if dry_run else LOCK, bounds)).all())
    lines = await _lines(connection, ids, dry_run=dry_run)
    if ids and not dry_run:
        await connection.execute(FORGET_ORDERS, {"ids": ids})
    more = page.last if page.orders == look_at else None
    return Piece({"orders": len(ids), "lines": lines}, page.orders, more)


async def _lines(connection: AsyncConnection, ids: list[str], *, dry_run: bool) -> int:
    if dry_run:
        return int(await connection.scalar(COUNT_LINES, {"ids": ids}) or 0)
    return (await connection.execute(FORGET_LINES, {"ids": ids})).rowcount
