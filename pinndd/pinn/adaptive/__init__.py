"""Adaptive collocation: interior points that move, for each boundary condition, with the residual of the model being trained."""

from pinndd.pinn.adaptive.pacmann import PACMANN
from pinndd.pinn.adaptive.protocol import AdaptiveMethod
from pinndd.pinn.adaptive.r3 import R3
from pinndd.pinn.adaptive.rad import RAD
from pinndd.pinn.adaptive.rard import RARD
from pinndd.pinn.adaptive.residuals import squared_residual
from pinndd.pinn.adaptive.training import train_adaptively

__all__ = ["PACMANN", "R3", "RAD", "RARD", "AdaptiveMethod", "squared_residual", "train_adaptively"]
