"""A slice of `make fuzz`, and the same records drawn by hypothesis, which makes what it finds small."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import fuzz
from tests.fuzz.judgement import judge
from tests.fuzz.mutations import Mutator

MESSAGES = 5000


def test_malformed_messages_are_judged_as_the_contract_says_and_buried() -> None:
    share = fuzz("a slice", MESSAGES)
    assert share.reasons.total() == MESSAGES
    assert share.reasons.keys() == {"empty", "undecodable", "invalid", "unknown_type"}
    assert min(share.reasons.values()) > MESSAGES / 50, "all kinds are tried"


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_what_hypothesis_spoils_is_judged_as_the_contract_says(random: Random) -> None:
    judge(next(Mutator(random).records()))
