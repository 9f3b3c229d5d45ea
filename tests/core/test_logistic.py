import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.logistic import logistic, logistic_regression, logit


@given(st.floats(-30, 30))
def test_logit_is_the_inverse_of_logistic(x):
    assert logistic(x) == pytest.approx(1 / (1 + np.exp(-x)))
    assert logit(logistic(x), 1e-3) == pytest.approx(np.clip(x, -np.log(999), np.log(999)), abs=1e-6)


def test_nothing_overflows():
    assert logistic([-1e9, 0, 1e9]).tolist() == [0, 0.5, 1]
    assert np.isfinite(logit([0, 1], 1e-6)).all()


def test_the_regression_finds_the_weights_that_made_its_data():
    rng = np.random.default_rng(0)
    features, weights = np.column_stack([np.ones(20_000), rng.normal(0, 2, (20_000, 2))]), np.array([-0.7, 1.8, 0.5])
    right = rng.random(20_000) < logistic(features @ weights)
    np.testing.assert_allclose(logistic_regression(features, right, np.ones(20_000)), weights, atol=0.1)


def test_counts_are_repetitions():
    rng = np.random.default_rng(1)
    features, right = np.column_stack([np.ones(50), rng.normal(0, 2, 50)]), rng.random(50) < 0.5
    count = rng.integers(0, 4, 50)
    repeated = logistic_regression(np.repeat(features, count, axis=0), np.repeat(right, count), np.ones(count.sum()))
    np.testing.assert_allclose(logistic_regression(features, right, count.astype(float)), repeated, atol=1e-6)
