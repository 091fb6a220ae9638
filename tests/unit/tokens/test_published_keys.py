from collections.abc import Sequence

import pytest

from python_app_template.adapters.secondary.tokens.published_keys import NotFetched, PublishedKeys, Standing
from python_app_template.core.access.refusals import KeysAway, Unauthenticated
from tests.fakes.clock import FakeClock
from tests.unit.tokens.minting import jwk, jwks, minted, rsa_key, tokens

DAY = 86_400.0


class Issuer:
    """Publishes keys, or is away; counts how often it is asked."""

    def __init__(self, *kids: str) -> None:
        self.kids: Sequence[str] = kids
        self.away = False
        self.asked: list[float] = []
        self.told: list[Standing] = []
        self.clock = FakeClock(1000.0)
        self.keys = PublishedKeys(self.fetch, {"RS256"}, self.clock, self.told.append)

    async def fetch(self) -> bytes:
        self.asked.append(self.clock.time - 1000)
        if self.away:
            raise NotFetched("it answers 503", "http_503")
        return jwks(*(jwk(rsa_key(number), kid) for number, kid in enumerate(self.kids)))

    async def passes(self, seconds: float, *, missed: bool = False) -> None:
        """Let time pass, looking every second as the service does; `missed`: a stranger asks every second."""
        for _ in range(round(seconds)):
            self.clock.time += 1
            if missed:
                self.keys.missed()
            await self.keys.look()

    def known(self) -> list[str | None]:
        return [key.kid for key in self.keys.ring().keys]


async def test_before_the_first_answer_no_token_can_be_judged() -> None:
    issuer = Issuer("a")
    with pytest.raises(KeysAway) as caught:
        tokens(issuer.keys).subject(minted(header={"kid": "a"}))
    assert caught.value.retry_after == 1
    with pytest.raises(Unauthenticated):
        tokens(issuer.keys).subject(None)
    await issuer.keys.look()
    assert tokens(issuer.keys).subject(minted(header={"kid": "a"})).id == "ann"
    assert issuer.told == [Standing(serves=True, detail="1 known")]


async def test_keys_are_fetched_again_every_five_minutes() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    issuer.kids = ["b"]
    await issuer.passes(299)
    assert issuer.known() == ["a"]
    await issuer.passes(302)
    assert issuer.asked == [0, 300, 600]
    assert issuer.known() == ["b"]


async def test_the_same_answer_is_the_same_ring() -> None:
    """What was checked with it need not be checked again."""
    issuer = Issuer("a")
    await issuer.keys.look()
    ring = issuer.keys.ring()
    await issuer.passes(301)
    assert issuer.keys.ring() is ring


async def test_an_unknown_key_is_looked_for_at_once_but_no_more_than_every_half_minute() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    await issuer.passes(40)
    issuer.kids = ["a", "b"]
    issuer.keys.missed()
    await issuer.passes(1)
    assert issuer.known() == ["a", "b"]
    assert issuer.asked == [0, 41]
    await issuer.passes(120, missed=True)
    assert issuer.asked == [0, 41, 71, 101, 131, 161]


async def test_failures_count_as_attempts() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    issuer.away = True
    await issuer.passes(120, missed=True)
    assert issuer.asked == [0, 30, 60, 90, 120]


async def test_one_who_names_an_unknown_key_causes_one_look_and_not_many() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    issuer.keys.missed()
    await issuer.passes(330)
    assert issuer.asked == [0, 30, 330]


async def test_no_key_was_ever_seen_is_tried_again_soon_and_then_less_often() -> None:
    issuer = Issuer("a")
    issuer.away = True
    await issuer.keys.look()
    with pytest.raises(KeysAway) as caught:
        issuer.keys.ring()
    assert caught.value.retry_after == 2
    await issuer.passes(100, missed=True)
    assert issuer.asked == [0, 2, 6, 14, 30, 60, 90]
    assert issuer.told[0] == Standing(
        serves=False, detail="the issuer's keys can not be fetched: it answers 503", failed="http_503"
    )


async def test_known_keys_serve_for_a_day_while_the_issuer_is_away() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    issuer.away = True
    here, token = tokens(issuer.keys), minted(header={"kid": "a"})
    here.subject(token)
    await issuer.passes(DAY)
    assert here.subject(token).id == "ann"
    assert issuer.told[-1].serves
    assert "of 86400 s ago serve" in issuer.told[-1].detail
    await issuer.passes(30)
    with pytest.raises(KeysAway):
        here.subject(token)
    assert not issuer.told[-1].serves
    issuer.away = False
    await issuer.passes(30)
    assert here.subject(token).id == "ann"
    assert issuer.told[-1] == Standing(serves=True, detail="1 known")


async def test_an_answer_of_no_use_takes_no_key_away() -> None:
    issuer = Issuer("a")
    await issuer.keys.look()
    issuer.kids = []
    await issuer.passes(301)
    assert issuer.known() == ["a"]
    assert issuer.told[-1].failed == "unusable"
    assert "none of its 0 keys can be used" in issuer.told[-1].detail


async def test_a_key_that_is_published_no_more_is_forgotten_and_with_it_its_tokens() -> None:
    issuer = Issuer("a", "b")
    await issuer.keys.look()
    here, token = tokens(issuer.keys), minted(header={"kid": "a"})
    here.subject(token)
    issuer.kids = ["c"]
    await issuer.passes(301)
    with pytest.raises(Unauthenticated):
        here.subject(token)
