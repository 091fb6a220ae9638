"""The copy held against the tables: at equal versions, with patience for what moves."""

from collections.abc import Callable, Collection, Mapping

from python_app_template.core.domain.views import BatchView, StockView
from python_app_template.core.ports.views import Page, StockViews, Window
from python_app_template.core.use_cases.verify_stock import Difference, Verified, VerifyStock
from tests.fakes.clock import FakeClock


def view(sku: str, version: int = 1, available: int = 5) -> StockView:
    return StockView(sku, version, available, (BatchView("b", 9, available, None),))


class Shown(StockViews):
    """Shows what it is given; `then` is called after each look at SKUs by name."""

    def __init__(self, *views: StockView) -> None:
        self.views = {view.sku: view for view in views}
        self.then: Callable[[], None] = lambda: None

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        found = {sku: self.views[sku] for sku in skus if sku in self.views}
        self.then()
        return found

    async def page(self, window: Window) -> Page[StockView]:
        behind = [view for sku, view in sorted(self.views.items()) if window.after is None or sku > window.after]
        return Page(tuple(behind[: window.limit]), has_previous=False, has_next=len(behind) > window.limit)


async def verified(copy: Shown, tables: Shown, wait: float = 1.0) -> Verified:
    return await VerifyStock(copy, tables, FakeClock(), wait)()


async def test_what_is_equal_is_counted_page_after_page() -> None:
    views = [view(f"S{n:04}") for n in range(1201)]
    assert await verified(Shown(*views), Shown(*views)) == Verified(equal=1201)


async def test_another_content_at_the_same_version_is_a_difference_at_once() -> None:
    theirs, ours = view("S", 3, 5), view("S", 3, 4)
    found = await verified(Shown(ours), Shown(theirs))
    assert found == Verified(differences=[Difference("different", "S", theirs, ours)])


async def test_a_copy_that_comes_to_the_version_within_the_wait_is_equal() -> None:
    copy, tables = Shown(view("S", 1)), Shown(view("S", 2))
    looks = 0

    def catch_up() -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            copy.views["S"] = view("S", 2)

    copy.then = catch_up
    assert await verified(copy, tables) == Verified(equal=1)


async def test_one_that_stays_behind_is_a_difference() -> None:
    ours, theirs = view("S", 1), view("S", 2)
    assert (await verified(Shown(ours), Shown(theirs))).differences == [Difference("behind", "S", theirs, ours)]
    assert (await verified(Shown(), Shown(theirs))).differences == [Difference("missing", "S", theirs, None)]


async def test_one_that_is_ahead_of_the_tables_is_a_difference_too() -> None:
    ours, theirs = view("S", 3), view("S", 2)
    assert (await verified(Shown(ours), Shown(theirs))).differences == [Difference("ahead", "S", theirs, ours)]
    assert (await verified(Shown(ours), Shown())).differences == [Difference("extra", "S", None, ours)]


async def test_one_that_follows_and_is_never_caught_at_an_equal_version_is_not_judged() -> None:
    copy, tables = Shown(view("S", 1)), Shown(view("S", 2))

    def move() -> None:
        version = tables.views["S"].version
        copy.views["S"], tables.views["S"] = view("S", version), view("S", version + 1)

    copy.then = move
    assert await verified(copy, tables) == Verified(moving=1)
