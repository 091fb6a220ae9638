import pytest

from python_app_template.core.access.policy import Action, Allowed, AllowedOwn, Anyone, Policy, Rule
from python_app_template.core.access.refusals import Forbidden, TooMany, Unauthenticated
from python_app_template.core.access.subject import Subject
from python_app_template.core.ports.throttle import Throttle
from python_app_template.core.ports.tokens import Tokens
from python_app_template.core.use_cases.admit import Admit, bearer

READ, SEE, OWN = Action("book", "read"), Action("page", "see"), Action("loan", "read")
POLICY = Policy(
    {READ: Rule(frozenset({"read"})), SEE: Rule(Anyone.EVERYBODY), OWN: Rule(own=Anyone.EVERY_SUBJECT)},
)
HERE = "192.0.2.7"


class Names(Tokens):
    """A token is a name and its scopes: `ann:read`."""

    def subject(self, token: str | None) -> Subject:
        if token is None:
            raise Unauthenticated("a token is needed", shown=False)
        name, colon, scopes = token.partition(":")
        if not colon:
            raise Unauthenticated("no token")
        return Subject(name or None, frozenset(scopes.split(",")))


class Counted(Throttle):
    """Notes who was counted; `full` are those who asked too often."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.refusals: list[str] = []
        self.full: set[str] = set()

    async def hit(self, subject: str) -> None:
        self.hits.append(subject)
        self._judge(subject)

    async def refused(self, address: str) -> None:
        self.refusals.append(address)
        self._judge(address)

    def _judge(self, who: str) -> None:
        if who in self.full:
            raise TooMany("too many", retry_after=3)


@pytest.fixture
def throttle() -> Counted:
    return Counted()


@pytest.fixture
def admit(throttle: Counted) -> Admit:
    return Admit(Names(), throttle, POLICY)


async def test_whoever_may_is_let_in(admit: Admit, throttle: Counted) -> None:
    assert await admit(READ, "Bearer ann:read", HERE) == (Subject("ann", frozenset({"read"})), Allowed())
    assert await admit(OWN, "bearer  ann:", HERE) == (Subject("ann", frozenset({""})), AllowedOwn("ann"))
    assert throttle.hits == ["subject ann", "subject ann"]
    assert throttle.refusals == []


async def test_what_is_public_is_seen_with_any_token_and_is_not_counted(admit: Admit, throttle: Counted) -> None:
    for authorization in (None, "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer ann:read"):
        assert await admit(SEE, authorization, HERE) == (None, Allowed())
    assert throttle.hits + throttle.refusals == []


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer nonsense", "Basic YTpi", "ann:read", "Token a:"])
async def test_whoever_is_unknown_is_counted_by_address(
    admit: Admit, throttle: Counted, authorization: str | None
) -> None:
    with pytest.raises(Unauthenticated):
        await admit(READ, authorization, HERE)
    assert (throttle.refusals, throttle.hits) == ([HERE], [])
    throttle.full = {HERE}
    with pytest.raises(TooMany):
        await admit(READ, authorization, HERE)


async def test_whoever_is_known_is_not_refused_for_what_others_do_at_the_same_address(
    admit: Admit, throttle: Counted
) -> None:
    throttle.full = {HERE}
    assert await admit(READ, "Bearer ann:read", HERE)


async def test_whoever_asks_too_often_is_told_when_to_come_back(admit: Admit, throttle: Counted) -> None:
    throttle.full = {"subject ann"}
    with pytest.raises(TooMany) as caught:
        await admit(READ, "Bearer ann:read", HERE)
    assert caught.value.retry_after == 3
    assert await admit(READ, "Bearer bob:read", HERE)


async def test_whoever_may_not_is_counted_all_the_same(admit: Admit, throttle: Counted) -> None:
    with pytest.raises(Forbidden) as caught:
        await admit(READ, "Bearer ann:write", HERE)
    assert caught.value.challenge == 'Bearer error="insufficient_scope", scope="read"'
    assert throttle.hits == ["subject ann"]


async def test_where_no_token_is_asked_for_addresses_are_counted(admit: Admit, throttle: Counted) -> None:
    await admit(READ, "Bearer :read", HERE)
    assert throttle.hits == [f"address {HERE}"]


async def test_a_part_of_a_request_asks_the_policy_alone(admit: Admit, throttle: Counted) -> None:
    subject = await admit.identify("Bearer ann:read", HERE)
    assert admit.grant(subject, READ) == Allowed()
    with pytest.raises(Forbidden):
        admit.grant(Subject("bob", frozenset()), READ)
    with pytest.raises(Unauthenticated):
        admit.grant(None, READ)
    assert throttle.hits == ["subject ann"]


def test_the_scheme_is_bearer_in_any_case() -> None:
    assert [bearer(text) for text in (None, "Bearer x", "BEARER  x ", "bearer x")] == [None, "x", "x", "x"]
    assert bearer("Bearer") == bearer("Bearer ") == ""
    assert {bearer(other) for other in ("Basic x", "", "x", "Bearerx", "eyJ.eyJ.x")} == {""}
