"""What a connection writes, as its socket gets it."""

import asyncio

import pytest

from python_app_template.adapters.primary.http_connections import HELD_BYTES, Gathering

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


class Socket(asyncio.Transport):
    """The end of a transport, which keeps what it gets."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5000)})
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@pytest.fixture
def socket() -> Socket:
    return Socket()


@pytest.fixture
async def gathering(socket: Socket) -> Gathering:
    return Gathering(socket, asyncio.get_running_loop())


async def test_an_answers_head_leaves_with_its_body(gathering: Gathering, socket: Socket) -> None:
    gathering.write(HEAD)
    gathering.write(BODY)
    await asyncio.sleep(0)
    assert socket.written == [HEAD + BODY]


async def test_a_head_does_not_wait_for_a_body_that_comes_later(gathering: Gathering, socket: Socket) -> None:
    for part in (HEAD, BODY):
        gathering.write(part)
        await asyncio.sleep(0)
    assert socket.written == [HEAD, BODY]


async def test_what_is_large_leaves_before_the_turn_ends(gathering: Gathering, socket: Socket) -> None:
    """Else the socket could not say that it is full."""
    part = b"x" * (HELD_BYTES // 2)
    for _ in range(3):
        gathering.write(part)
    assert socket.written == [part * 3]


@pytest.mark.parametrize("way", ["close", "abort"])
async def test_a_connection_ends_after_what_was_written(gathering: Gathering, socket: Socket, way: str) -> None:
    gathering.write(HEAD)
    getattr(gathering, way)()
    await asyncio.sleep(0)
    assert (socket.written, socket.closed) == ([HEAD], True)


async def test_nothing_is_written_to_who_has_gone(gathering: Gathering, socket: Socket) -> None:
    gathering.write(HEAD)
    socket.close()
    await asyncio.sleep(0)
    assert socket.written == []


async def test_all_else_is_the_transports_own(gathering: Gathering) -> None:
    assert gathering.get_extra_info("peername") == ("127.0.0.1", 5000)
