"""ZCA whitening: images whose pixels are uncorrelated and that still look like themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

PREFIX = "whitening_"
"""What the names of stored tensors start with."""


@dataclass(frozen=True)
class ZCA:
    """Whiten inputs, and bring them back.

    With the covariance ``U diag(λ) Uᵀ`` of flattened inputs and their mean m, an input x becomes
    ``U diag(λ + r)^(-1/2) Uᵀ (x - m)``: the symmetric whitening, which changes the inputs least.

    Attributes:
        mean: m, of the shape of an input.
        vectors: U, ``(D, D)``, D entries per input.
        scales: ``(λ + r)^(1/2)``, ``(D,)``.

    Raises:
        ValueError: the shapes do not fit, or a scale is not positive.

    Source: Bell & Sejnowski (1997), doi 10.1016/S0042-6989(97)00121-1; in dataset distillation Nguyen et al. (2021),
    arXiv 2107.13034.
    """

    mean: Tensor
    vectors: Tensor
    scales: Tensor

    def __post_init__(self) -> None:
        entries = self.mean.numel()
        if self.vectors.shape != (entries, entries) or self.scales.shape != (entries,):
            raise ValueError(
                f"ZCA: vectors have shape {tuple(self.vectors.shape)} and scales {tuple(self.scales.shape)}, expected "
                f"({entries}, {entries}) and ({entries},) for inputs of shape {tuple(self.mean.shape)}"
            )
        if not bool((self.scales > 0).all()):
            raise ValueError(
                f"ZCA: the least scale is {float(self.scales.min()):.3g}, expected positive ones: raise the ridge"
            )

    @classmethod
    def fit(cls, inputs: Tensor, ridge: float = 0.1) -> ZCA:
        """Find the whitening of a set of inputs.

        Args:
            inputs: ``(N, *shape)``, floating; two or more.
            ridge: r in units of the mean of the eigenvalues λ.

        Returns:
            The whitening, in the dtype of the inputs.

        Raises:
            ValueError: there are fewer than two inputs, the ridge is negative, or it is 0 and the covariance is singular.
        """
        if len(inputs) < 2:
            raise ValueError(f"ZCA: {len(inputs)} inputs, expected 2 or more")
        if ridge < 0:
            raise ValueError(f"ZCA: ridge={ridge} must not be negative")
        rows = inputs.flatten(1)
        mean = rows.mean(0, dtype=torch.float64)
        covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=rows.device)
        # a piece at a time: all rows in double precision would take twice the memory of the inputs
        for start in range(0, len(rows), 4096):
            centred = rows[start : start + 4096].to(torch.float64) - mean
            covariance += centred.T @ centred / len(rows)
        values, vectors = torch.linalg.eigh(covariance)
        rounding = float(values[-1]) * len(values) * torch.finfo(torch.float64).eps
        if ridge == 0 and float(values[0]) <= rounding:
            raise ValueError(
                f"ZCA: ridge=0 and the least eigenvalue of the covariance is {float(values[0]):.3g}, expected a positive "
                "one: set a ridge such as 0.1"
            )
        # rounding makes the zeros of a singular covariance slightly negative
        scales = (values.clamp(min=0) + ridge * values.mean()).sqrt()
        return cls(*(tensor.to(inputs.dtype) for tensor in (mean.reshape(inputs.shape[1:]), vectors, scales)))

    def apply(self, inputs: Tensor) -> Tensor:
        """Whiten inputs ``(..., *shape)``.

        Raises:
            ValueError: an input has another shape.
        """
        return self._rescaled(self._checked(inputs) - self.mean, 1 / self.scales)

    def invert(self, inputs: Tensor) -> Tensor:
        """Bring whitened inputs ``(..., *shape)`` back.

        Raises:
            ValueError: an input has another shape.
        """
        return self._rescaled(self._checked(inputs), self.scales) + self.mean

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the whitening as named tensors, to store it as fixed fields of a synthetic data set."""
        return {PREFIX + name: value for name, value in vars(self).items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> ZCA:
        """Return the whitening that `to_tensors` stored.

        Args:
            tensors: with others among them.

        Raises:
            ValueError: one is missing.
        """
        names = [PREFIX + name for name in cls.__dataclass_fields__]
        missing = [name for name in names if name not in tensors]
        if missing:
            raise ValueError(f"no stored whitening: {', '.join(missing)} missing; store ZCA.to_tensors() with the set")
        return cls(*(tensors[name] for name in names))

    def _checked(self, inputs: Tensor) -> Tensor:
        shape = tuple(self.mean.shape)
        if tuple(inputs.shape[-len(shape) :]) != shape:
            raise ValueError(f"ZCA: inputs have shape {tuple(inputs.shape)}, expected (..., {', '.join(map(str, shape))})")
        return inputs

    def _rescaled(self, centred: Tensor, scales: Tensor) -> Tensor:
        rows = centred.flatten(-self.mean.ndim)
        return ((rows @ self.vectors * scales) @ self.vectors.T).reshape(centred.shape)
