import pytest

from python_app_template.adapters.secondary.throttle import BoundedMemory, LocalThrottle, network
from python_app_template.core.access.refusals import TooMany
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.5)


@pytest.fixture
def throttle(clock: FakeClock) -> LocalThrottle:
    return LocalThrottle(clock, per_second=3, refused_per_minute=2)


async def seconds_left(throttle: LocalThrottle, address: str) -> int:
    with pytest.raises(TooMany) as caught:
        await throttle.refused(address)
    return caught.value.retry_after


async def test_a_subject_may_ask_so_often_in_a_second(throttle: LocalThrottle, clock: FakeClock) -> None:
    for _ in range(2):
        for _ in range(3):
            await throttle.hit("ann")
        with pytest.raises(TooMany) as caught:
            await throttle.hit("ann")
        assert caught.value.retry_after == 1
        await throttle.hit("bob")
        clock.time += 1


async def test_an_address_is_told_how_long_it_has_to_wait(throttle: LocalThrottle, clock: FakeClock) -> None:
    await throttle.refused("192.0.2.7")
    clock.time += 20
    await throttle.refused("192.0.2.7")
    assert await seconds_left(throttle, "192.0.2.7") == 40
    clock.time += 39.5
    assert await seconds_left(throttle, "192.0.2.7") == 1
    await throttle.refused("192.0.2.8")
    clock.time += 0.5
    await throttle.refused("192.0.2.7")


async def test_asking_again_while_refused_makes_it_no_longer(throttle: LocalThrottle, clock: FakeClock) -> None:
    for _ in range(2):
        await throttle.refused("192.0.2.7")
    for _ in range(59):
        clock.time += 1
        await seconds_left(throttle, "192.0.2.7")
    clock.time += 1
    await throttle.refused("192.0.2.7")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_a_customers_whole_network_is_one_address(address: str, counted: str) -> None:
    assert network(address) == counted


async def test_the_limits_hold_for_networks(throttle: LocalThrottle) -> None:
    await throttle.refused("2001:db8::1")
    await throttle.refused("2001:db8::2")
    assert await seconds_left(throttle, "2001:db8::3") == 60


async def test_memory_is_bounded_and_what_is_over_is_forgotten(clock: FakeClock) -> None:
    memory = BoundedMemory(clock, largest=100)
    for number in range(1000):
        await memory.incr(str(number), 60)
        assert len(memory) <= 100
    assert [await memory.get(str(number)) for number in (0, 899, 900, 999)] == [0, 0, 1, 1]
    clock.time += 60
    assert [await memory.get(str(number)) for number in (900, 999)] == [0, 0]
    await memory.incr("x", 60)
    assert len(memory) == 1


async def test_a_counter_lives_from_its_first_request_on(clock: FakeClock) -> None:
    memory = BoundedMemory(clock, largest=2)
    assert [await memory.incr("a", 10) for _ in range(3)] == [1, 2, 3]
    assert await memory.get_expiry("a") == 1010.5
    assert await memory.get_expiry("b") == 1000.5
    clock.time += 10
    assert await memory.incr("a", 10) == 1
    assert await memory.incr("b", 10) == 1
    await memory.clear("a")
    assert (await memory.get("a"), await memory.get("b")) == (0, 1)
    assert await memory.check()
    assert await memory.reset() == 1
    assert await memory.get("b") == 0
