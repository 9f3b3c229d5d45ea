"""The logistic function, its inverse, and the regression that fits one to what was right and what was wrong."""

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Bool, Float64


def logistic(x: ArrayLike) -> Float64:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(x, np.float64))))


def logit(share: ArrayLike, margin: float) -> Float64:
    """log(p / (1 - p)), of a p kept `margin` away from 0 and 1."""
    p = np.clip(np.asarray(share, np.float64), margin, 1 - margin)
    return np.asarray(np.log(p / (1 - p)))


def logistic_regression(features: Float64, right: Bool, count: Float64) -> Float64:
    """Weights (F,) of features (N, F) under which `right` (N,), each as often as `count` (N,), is most likely.

    By Newton's method.
    """
    weights = np.zeros(features.shape[1])
    for _ in range(50):
        p = logistic(features @ weights)
        curvature = (features * (count * p * (1 - p))[:, None]).T @ features + 1e-6 * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, features.T @ (count * (p - right)))
    return weights
