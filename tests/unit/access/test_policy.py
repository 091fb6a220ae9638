import pytest

from python_app_template.core.access.ownership import owner_for, reaches
from python_app_template.core.access.policy import Action, Allowed, AllowedOwn, Anyone, Denied, Policy, Rule
from python_app_template.core.access.refusals import Forbidden, Unauthenticated, refusal
from python_app_template.core.access.subject import Subject

READ, LIST, SEE, FOLLOW = Action("book", "read"), Action("books", "list"), Action("page", "see"), Action("loan", "read")
POLICY = Policy(
    {
        READ: Rule(frozenset({"read"}), own=frozenset({"read:own"})),
        LIST: Rule(Anyone.EVERY_SUBJECT),
        SEE: Rule(Anyone.EVERYBODY),
        FOLLOW: Rule(frozenset({"read"}), own=Anyone.EVERY_SUBJECT),
    },
    may_own=lambda name: name != "nobody",
    unfit="no owner is called so",
)


def subject(*scopes: str, name: str | None = "ann") -> Subject:
    return Subject(name, frozenset(scopes))


def test_what_the_policy_does_not_name_is_denied_to_everybody() -> None:
    everything = subject("read", "read:own", "*", "admin")
    assert isinstance(POLICY.decide(everything, Action("book", "burn")), Denied)
    assert isinstance(POLICY.decide(None, Action("book", "burn")), Denied)
    assert isinstance(Policy({READ: Rule()}).decide(everything, READ), Denied)


def test_a_scope_gives_what_it_names() -> None:
    assert POLICY.decide(subject("read"), READ) == Allowed()
    assert POLICY.decide(subject("read:own"), READ) == AllowedOwn("ann")
    assert POLICY.decide(subject("read:own", "read"), READ) == Allowed()
    denied = POLICY.decide(subject("READ", "read ", "reader"), READ)
    assert denied == Denied("to read book takes the scope read or read:own", frozenset({"read", "read:own"}))


def test_without_a_token_only_what_is_public_is_given() -> None:
    assert POLICY.decide(None, SEE) == Allowed()
    assert [POLICY.is_public(action) for action in (READ, LIST, SEE, FOLLOW)] == [False, False, True, False]
    for action in (READ, LIST, FOLLOW):
        assert POLICY.decide(None, action) == Denied("a token is needed", needs_token=True)


def test_who_needs_no_scope_needs_a_token() -> None:
    assert POLICY.decide(subject(), LIST) == Allowed()
    assert POLICY.decide(subject(), FOLLOW) == AllowedOwn("ann")


def test_nobody_owns_what_has_no_name() -> None:
    """Where no token is asked for there is no subject: own scopes give nothing then, the whole ones all."""
    assert isinstance(POLICY.decide(subject("read:own", name=None), READ), Denied)
    assert isinstance(POLICY.decide(subject(name=None), FOLLOW), Denied)
    assert POLICY.decide(subject("read", name=None), READ) == Allowed()


def test_who_can_not_be_an_owner_has_only_the_whole_scope() -> None:
    assert POLICY.decide(subject("read:own", name="nobody"), READ) == Denied("no owner is called so")
    assert POLICY.decide(subject("read", name="nobody"), READ) == Allowed()
    assert POLICY.decide(subject(name="nobody"), FOLLOW) == AllowedOwn("nobody")


def test_a_denial_is_told_as_401_or_403() -> None:
    nameless, known = (
        refusal(Denied("a token is needed", needs_token=True)),
        refusal(Denied("no", frozenset({"b", "a"}))),
    )
    assert isinstance(nameless, Unauthenticated)
    assert nameless.challenge == "Bearer"
    assert isinstance(known, Forbidden)
    assert known.challenge == 'Bearer error="insufficient_scope", scope="a b"'
    assert refusal(Denied("no")).challenge == 'Bearer error="insufficient_scope"'


def test_an_own_grant_names_the_owner() -> None:
    assert owner_for(AllowedOwn("ann"), None) == "ann"
    assert owner_for(AllowedOwn("ann"), "ann") == "ann"
    for other in ("bob", "", "ANN", "ann "):
        with pytest.raises(Forbidden, match="customer_id is not the token's sub"):
            owner_for(AllowedOwn("ann"), other)


def test_a_whole_grant_names_whom_it_likes() -> None:
    assert [owner_for(Allowed(), name) for name in (None, "bob")] == [None, "bob"]


def test_an_own_grant_reaches_the_own_alone() -> None:
    assert [reaches(AllowedOwn("ann"), owner) for owner in ("ann", "bob", None, "")] == [True, False, False, False]
    assert [reaches(Allowed(), owner) for owner in ("ann", None)] == [True, True]
