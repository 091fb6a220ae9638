"""Lists as the Relay project's Cursor Connections specification has them, on windows of the views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from python_app_template.adapters.primary.graphql.errors import BAD_INPUT, Refusal
from python_app_template.adapters.primary.web.cursors import behind, cursor
from python_app_template.adapters.primary.web.problems import Problem
from python_app_template.core.ports.views import Page, Window

T = TypeVar("T")

USUAL_PAGE: Final = 50
LONGEST_PAGE: Final = 100


class Arguments(NamedTuple):
    """Those of the specification."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class PageInfo(NamedTuple):
    """Of the specification. Exact: whether there is anything before and behind what is shown."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """One of the list, and where it stands."""

    node: T
    cursor: str


@dataclass(frozen=True, slots=True)
class Connection(Generic[T]):
    """A stretch of the list."""

    edges: Sequence[Edge[T]]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list that is paged through: its name, what it is filtered by, and what it is sorted by."""

    name: str
    only: str | None
    key_of: Callable[[T], str]

    def window(self, asked: Arguments) -> Window:
        """Return what is asked for. Raises Refusal."""
        if asked.first is not None and asked.last is not None:
            raise Refusal(BAD_INPUT, "first and last: only one of them at a time")
        after, before = self.key("after", asked.after), self.key("before", asked.before)
        if asked.last is not None:
            return Window(_length("last", asked.last), after, before, backward=True)
        return Window(_length("first", USUAL_PAGE if asked.first is None else asked.first), after, before)

    def connection(self, page: Page[T]) -> Connection[T]:
        """Return a page as the specification has it."""
        edges = [Edge(item, self.cursor(item)) for item in page.items]
        ends = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
        return Connection(edges, PageInfo(page.has_next, page.has_previous, *ends))

    def cursor(self, item: T) -> str:
        """Return the place of an item; the REST API's lists take it as well."""
        return cursor(self.name, self.key_of(item), self.only)

    def key(self, argument: str, text: str | None) -> str | None:
        """Return the key that a cursor holds. Raises Refusal: it is none of this list's, as filtered."""
        try:
            return behind(text, self.name, self.only)
        except Problem:
            raise Refusal(BAD_INPUT, f"{argument}: not a cursor of this list") from None


def _length(argument: str, number: int) -> int:
    if not 0 <= number <= LONGEST_PAGE:
        raise Refusal(BAD_INPUT, f"{argument}: {number} is out of range; allowed: 0 to {LONGEST_PAGE}")
    return number
