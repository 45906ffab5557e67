"""Muon: momentum whose steps are orthogonal matrices, for the weights inside the blocks.

Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks" (2024). The
momentum of each matrix is replaced by the nearest matrix whose singular values are all about one, by
a quintic Newton-Schulz iteration with the coefficients of that text; stacked experts are so many
matrices.
"""

from __future__ import annotations

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonal(x: Tensor) -> Tensor:
    """(n, rows, cols) with singular values between about 0.7 and 1.2, the same singular vectors."""
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonal steps times `lr` (and more for tall matrices), weight decay."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.95,
                 weight_decay: float = 0.03) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One step; matrices of one shape go through the iteration together."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for p in group["params"]:
                state = self.state[p]
                held = state.setdefault("momentum", torch.zeros_like(p))
                held.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(held, group["momentum"]).view(-1, *p.shape[-2:])
                by_shape.setdefault(tuple(p.shape[-2:]), []).append((p, update))
            for (rows, cols), pairs in by_shape.items():
                steps = orthogonal(torch.cat([u for _, u in pairs]))
                scale = group["lr"] * max(1.0, rows / cols) ** 0.5
                for (p, _), step in zip(pairs, steps.split([len(u) for _, u in pairs])):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(step.view_as(p), alpha=-scale)
