import random

import pytest

from tests.benchmark.slope import Point, blocks, slope, student


def line(per_minute: float, noise: float, seed: int = 1, points: int = 100) -> list[Point]:
    chance = random.Random(seed)
    return [Point(10.0 * n, 200 + per_minute * n / 6 + chance.gauss(0, noise)) for n in range(points)]


def test_a_straight_line_has_its_slope_and_no_doubt() -> None:
    assert slope(line(per_minute=0.5, noise=0)) == pytest.approx((0.5, 0.5, 0.5))


def test_an_example_by_hand_has_its_interval() -> None:
    # Squares of the residuals: 0.144, at 3 degrees of freedom; of x around its mean: 10; sqrt(0.144 / 3 / 10) = 0.0693.
    found = slope([Point(60.0 * x, y) for x, y in enumerate((1.0, 3.0, 5.6, 7.4, 10.0))])
    assert found.per_minute == pytest.approx(2.24)
    assert found.high - found.per_minute == pytest.approx(3.182 * 0.0693, rel=0.01)


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)])
def test_students_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, rel=0.01)


def test_the_interval_holds_the_true_slope_nineteen_times_out_of_twenty() -> None:
    found = [slope(line(per_minute=0.3, noise=2, seed=seed, points=12)) for seed in range(1000)]
    assert 0.93 < sum(low < 0.3 < high for _, low, high in found) / len(found) < 0.97


def test_a_few_points_have_no_slope() -> None:
    with pytest.raises(ValueError, match="needs 5 points"):
        slope(line(1, 1, points=4))


def test_a_block_is_the_mean_of_its_points() -> None:
    points = [Point(float(second), 2.0 * second) for second in range(25)]
    assert [*blocks(points, 10)] == [(4.5, 9.0), (14.5, 29.0), (22.0, 44.0)]
