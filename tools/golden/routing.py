"""What the expert routers of a case do, and what wrong routers would do to its logits.

The variants are the usual mistakes: no bias, no groups, mixing weights taken from biased scores.
"""

from contextlib import contextmanager

import torch
from torch.nn.functional import linear

from reference import MIN_ROUTER_MARGIN, Rejected, logits_of


def routers(model) -> list[torch.nn.Module]:
    return [m for m in model.modules() if type(m).__name__.endswith("TopkRouter")]


def scores_of(router, hidden: torch.Tensor) -> torch.Tensor:
    """Gate scores [tokens, experts] in [0, 1]: sigmoid with a bias buffer (V3), else softmax."""
    raw = linear(hidden.reshape(-1, hidden.shape[-1]).float(), router.weight.float())
    return raw.sigmoid() if hasattr(router, "e_score_correction_bias") else raw.softmax(-1)


def group_scores(router, choice: torch.Tensor) -> torch.Tensor:
    """[tokens, groups]: V3 adds the two best of a group, V2 takes the best."""
    grouped = choice.view(len(choice), router.num_group, -1)
    count = 2 if hasattr(router, "e_score_correction_bias") else 1
    return grouped.topk(count, dim=-1).values.sum(-1)


def is_grouped(router) -> bool:
    method = getattr(router, "topk_method", "noaux_tc")
    return method != "greedy" and (router.num_group or 1) > 1


def select(router, hidden, use_bias=True, use_groups=True):
    """Expert ids [tokens, k] (sorted) and the least border gap of the selection, in plain code
    apart from transformers'."""
    choice = scores_of(router, hidden)
    if use_bias and hasattr(router, "e_score_correction_bias"):
        choice = choice + router.e_score_correction_bias
    gap = float("inf")
    if use_groups and is_grouped(router):
        totals = group_scores(router, choice)
        ranked = totals.sort(-1, descending=True).values
        gap = float((ranked[:, router.topk_group - 1] - ranked[:, router.topk_group]).min())
        kept = totals >= ranked[:, router.topk_group - 1 : router.topk_group]
        size = choice.shape[1] // router.num_group
        choice = choice.masked_fill(~kept.repeat_interleave(size, dim=1), -torch.inf)
    ranked = choice.sort(-1, descending=True)
    border = ranked.values[:, router.top_k - 1] - ranked.values[:, router.top_k]
    return ranked.indices[:, : router.top_k].sort(-1).values, min(gap, float(border.min()))


@contextmanager
def replaced_forward(model, forward):
    """Every router of the model runs `forward(router, hidden)` instead of its own."""
    found = routers(model)
    for router in found:
        router.forward = lambda hidden, router=router: forward(router, hidden)
    try:
        yield
    finally:
        for router in found:
            del router.forward


def weigh(router, hidden, experts, from_biased=False):
    """The router's output triple for given experts, mixing by plain or (wrongly) biased scores."""
    scores = scores_of(router, hidden)
    if from_biased:
        scores = scores + router.e_score_correction_bias
    weights = scores.gather(1, experts)
    if getattr(router, "norm_topk_prob", False):
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
    return scores, weights * router.routed_scaling_factor, experts


def relative_change(model, ids, truth, forward) -> float:
    with replaced_forward(model, forward):
        return float((logits_of(model, ids) - truth).abs().max() / truth.abs().max())


@torch.no_grad()
def check_selection(model, ids, truth) -> dict[str, float]:
    """Our plain router must reproduce transformers' logits, with no expert chosen by a hair."""
    gaps = []

    def plain(router, hidden):
        experts, gap = select(router, hidden)
        gaps.append(gap)
        return weigh(router, hidden, experts)

    error = relative_change(model, ids, truth, plain)
    if error > 1e-5:
        raise RuntimeError(f"the plain router differs from transformers by {error:.1e}")
    if gaps and min(gaps) < MIN_ROUTER_MARGIN:
        raise Rejected(f"router margin is {min(gaps):.1e}")
    return {"router_margin": min(gaps)} if gaps else {}


@torch.no_grad()
def check_mistakes(model, ids, truth) -> dict[str, float]:
    """Relative change of the logits by each mistake the architecture can make; each must show."""

    def variant(biased_mix=False, **flags):
        def forward(router, hidden):
            experts, _ = select(router, hidden, **flags)
            return weigh(router, hidden, experts, biased_mix)

        return relative_change(model, ids, truth, forward)

    changes = {"no_groups": variant(use_groups=False)}
    if hasattr(routers(model)[0], "e_score_correction_bias"):
        changes["no_bias"] = variant(use_bias=False)
        changes["biased_mix"] = variant(biased_mix=True)
    if min(changes.values()) < 1e-2:
        raise Rejected(f"a router's mistake shows too little: {changes}")
    return changes
