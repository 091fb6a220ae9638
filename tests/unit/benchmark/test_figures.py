"""When a rate is steady, and when a target is met."""

import pytest

from tests.benchmark.figures import agree, is_met, noise, spread


@pytest.mark.parametrize("rates", [[100, 101, 102], [1, 5, 100, 95, 104]])
def test_three_windows_near_each_other_agree(rates: list[float]) -> None:
    assert agree(rates)


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param([100, 100], id="too few"),
        pytest.param([100, 100, 111], id="too far apart"),
        pytest.param([100, 100, 100, 60], id="no longer"),
        pytest.param([0, 0, 0], id="nothing came"),
    ],
)
def test_windows_do_not_agree(rates: list[float]) -> None:
    assert not agree(rates)


def test_a_spread_has_the_middle_and_both_ends() -> None:
    assert spread([3, 1, 2]) == (2, 1, 3, 3)
    assert spread([4, 1, 2, 3]).median == 2.5


def test_noise_is_the_most_that_the_same_thing_differs_by() -> None:
    assert noise([100, 100, 100], [101, 92, 104]) == pytest.approx(0.08)
    assert noise([], []) == 0


@pytest.mark.parametrize(("figure", "met"), [(200, False), (208, False), (212, True)])
def test_a_target_is_met_only_beyond_the_noise(figure: float, met: bool) -> None:  # noqa: FBT001 - an example
    assert is_met(figure, 200, 0.05) is met


@pytest.mark.parametrize(("figure", "met"), [(50, False), (48, False), (47, True)])
def test_a_bound_is_kept_only_beyond_the_noise(figure: float, met: bool) -> None:  # noqa: FBT001 - an example
    assert is_met(figure, 50, 0.05, at_most=True) is met
