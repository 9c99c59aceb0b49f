"""Learners: train a batch of models on a synthetic data set."""

from typing import TYPE_CHECKING

from pinndd.lazy import importer

if TYPE_CHECKING:
    from pinndd.learners.adam import Adam
    from pinndd.learners.bank import Bank
    from pinndd.learners.black_box import BlackBox
    from pinndd.learners.gauss_newton import GaussNewton
    from pinndd.learners.kernel_ridge import KernelRidge
    from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
    from pinndd.learners.linear import LinearRidge, SoftmaxRegression
    from pinndd.learners.minibatch import MinibatchAdam
    from pinndd.learners.portfolio import Portfolio
    from pinndd.learners.product_ridge import ProductRidge
    from pinndd.learners.ridge import Ridge
    from pinndd.learners.scikit import ScikitClassifier

__all__ = [
    "Adam",
    "Bank",
    "BlackBox",
    "GaussNewton",
    "KernelRidge",
    "LevenbergMarquardt",
    "LinearRidge",
    "MinibatchAdam",
    "Portfolio",
    "ProductRidge",
    "Ridge",
    "ScikitClassifier",
    "SoftmaxRegression",
]

__getattr__ = importer(
    __name__,
    {
        "Adam": "pinndd.learners.adam",
        "Bank": "pinndd.learners.bank",
        "BlackBox": "pinndd.learners.black_box",
        "GaussNewton": "pinndd.learners.gauss_newton",
        "KernelRidge": "pinndd.learners.kernel_ridge",
        "LevenbergMarquardt": "pinndd.learners.levenberg_marquardt",
        "LinearRidge": "pinndd.learners.linear",
        "MinibatchAdam": "pinndd.learners.minibatch",
        "Portfolio": "pinndd.learners.portfolio",
        "ProductRidge": "pinndd.learners.product_ridge",
        "Ridge": "pinndd.learners.ridge",
        "ScikitClassifier": "pinndd.learners.scikit",
        "SoftmaxRegression": "pinndd.learners.linear",
    },
)
