"""The peer: the same order over FastAPI and the ORM, straight into PostgreSQL, as their documentation would have it.

It decides nothing and tells nobody: no stock, no event. So it does less than the service promises.
"""

import os
from typing import Annotated, Any
from uuid import uuid4

import jwt
import pydantic
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

engine = create_async_engine(os.environ["PEER_DATABASE"], pool_size=20)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    """The peer's tables."""


class Order(Base):
    __tablename__ = "peer_api_orders"
    order_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str | None]
    lines: Mapped[list["OrderLine"]] = relationship()


class OrderLine(Base):
    __tablename__ = "peer_api_order_lines"
    order_id: Mapped[str] = mapped_column(ForeignKey("peer_api_orders.order_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    qty: Mapped[int]


class Line(pydantic.BaseModel):
    sku: str = pydantic.Field(min_length=1, max_length=64)
    qty: int = pydantic.Field(ge=1, le=1_000_000)


class PlaceOrder(pydantic.BaseModel):
    order_id: str | None = pydantic.Field(None, min_length=1, max_length=64)
    lines: list[Line] = pydantic.Field(min_length=1, max_length=100)
    customer_id: str | None = pydantic.Field(None, min_length=1, max_length=64)


def subject(shown: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    try:
        claims: dict[str, Any] = jwt.decode(
            shown.credentials, os.environ["PEER_KEY"], ["RS256"], audience="api", issuer="bench"
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


@app.post("/v1/orders", status_code=202)
async def place(order: PlaceOrder, _: Annotated[str, Depends(subject)]) -> dict[str, str]:
    """One order, one transaction."""
    order_id = order.order_id or str(uuid4())
    async with sessions.begin() as session:
        placed = Order(order_id=order_id, customer_id=order.customer_id)
        placed.lines = [OrderLine(line=number, sku=line.sku, qty=line.qty) for number, line in enumerate(order.lines)]
        session.add(placed)
    return {"order_id": order_id}


async def prepare() -> None:
    """Make the tables."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


if __name__ == "__main__":
    # As long as the run: few requests leave connections idle, which would be closed after 5 s.
    uvicorn.run(app, port=int(os.environ["PEER_PORT"]), http="httptools", log_level="info", timeout_keep_alive=300)
