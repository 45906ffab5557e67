"""A compact DeepseekV3 (MLA + MoE) in PyTorch, written for training speed on a CPU.

It computes what transformers' DeepseekV3ForCausalLM computes, under the checkpoint's tensor
names with the experts stacked; export.py unstacks them and checks that the logits agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn


@dataclass
class Shape:
    """Sizes under the names of DeepseekV3Config; every matrix input is a multiple of 256."""

    vocab_size: int = 512
    hidden_size: int = 256
    intermediate_size: int = 256
    moe_intermediate_size: int = 256
    num_hidden_layers: int = 4
    first_k_dense_replace: int = 3
    num_attention_heads: int = 4
    n_routed_experts: int = 8
    n_shared_experts: int = 1
    num_experts_per_tok: int = 2
    n_group: int = 4
    topk_group: int = 2
    routed_scaling_factor: float = 1.5
    kv_lora_rank: int = 256
    qk_nope_head_dim: int = 32
    qk_rope_head_dim: int = 32
    v_head_dim: int = 64
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 2048


class RMSNorm(nn.Module):
    """Root mean square norm with a learned gain."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def linear(fan_in: int, fan_out: int, std: float = 0.05) -> nn.Linear:
    """A bias-free projection with a normal start."""
    layer = nn.Linear(fan_in, fan_out, bias=False)
    nn.init.normal_(layer.weight, std=std)
    return layer


class MLP(nn.Module):
    """SwiGLU."""

    def __init__(self, hidden: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = linear(hidden, inner)
        self.up_proj = linear(hidden, inner)
        self.down_proj = linear(inner, hidden, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Gate(nn.Module):
    """Sigmoid router with group-limited choice and the auxiliary-loss-free bias."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        self.weight = nn.Parameter(torch.randn(s.n_routed_experts, s.hidden_size) * 0.02)
        self.register_buffer("e_score_correction_bias", torch.zeros(s.n_routed_experts))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        s = self.s
        scores = F.linear(x.float(), self.weight.float()).sigmoid()
        with torch.no_grad():
            choice = (scores + self.e_score_correction_bias).view(-1, s.n_group, s.n_routed_experts
                                                                  // s.n_group)
            kept = choice.topk(2, dim=-1)[0].sum(-1).topk(s.topk_group, dim=-1)[1]
            mask = torch.zeros(choice.shape[:2], dtype=torch.bool).scatter_(1, kept, True)
            choice = choice.masked_fill(~mask[..., None], float("-inf")).flatten(1)
            chosen = choice.topk(s.num_experts_per_tok, dim=-1)[1]
        weights = scores.gather(1, chosen)
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) * s.routed_scaling_factor
        return scores, weights, chosen


class MoE(nn.Module):
    """Routed experts, stacked, and one shared expert. Keeps the loads for the balance."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        e, h, m = s.n_routed_experts, s.hidden_size, s.moe_intermediate_size
        self.gate = Gate(s)
        self.gate_up = nn.Parameter(torch.randn(e, 2 * m, h) * 0.05)
        self.down = nn.Parameter(torch.randn(e, h, m) * 0.02)
        self.shared_experts = MLP(h, m * s.n_shared_experts)
        self.load = torch.zeros(e)
        self.balance = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        scores, weights, chosen = self.gate(flat)
        self.record(scores, chosen, x.shape[0])
        experts = chosen.flatten()
        order = experts.argsort(stable=True)
        counts = torch.bincount(experts, minlength=self.s.n_routed_experts).tolist()
        token = order // self.s.num_experts_per_tok
        parts = flat.index_select(0, token).split(counts)
        outs = []
        for e, part in enumerate(parts):
            gate, up = F.linear(part, self.gate_up[e]).chunk(2, dim=-1)
            outs.append(F.linear(F.silu(gate) * up, self.down[e]))
        out = torch.cat(outs) * weights.flatten()[order, None].to(flat.dtype)
        total = torch.zeros_like(flat).index_add(0, token, out.to(flat.dtype))
        return self.shared_experts(x) + total.view_as(x)

    def record(self, scores: Tensor, chosen: Tensor, rows: int) -> None:
        """Expert loads for the bias update, and the sequence-wise balance loss."""
        if not self.training:
            return
        e, k = self.s.n_routed_experts, self.s.num_experts_per_tok
        hot = F.one_hot(chosen, e).sum(1).float().view(rows, -1, e)
        self.load += hot.sum((0, 1))
        share = (scores / scores.sum(-1, keepdim=True)).view(rows, -1, e).mean(1)
        self.balance = (hot.mean(1) * (e / k) * share).sum(-1).mean()


class Attention(nn.Module):
    """Multi-head latent attention with interleaved RoPE."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        heads, qk = s.num_attention_heads, s.qk_nope_head_dim + s.qk_rope_head_dim
        self.q_proj = linear(s.hidden_size, heads * qk)
        self.kv_a_proj_with_mqa = linear(s.hidden_size, s.kv_lora_rank + s.qk_rope_head_dim)
        self.kv_a_layernorm = RMSNorm(s.kv_lora_rank, s.rms_norm_eps)
        self.kv_b_proj = linear(s.kv_lora_rank, heads * (s.qk_nope_head_dim + s.v_head_dim))
        self.o_proj = linear(heads * s.v_head_dim, s.hidden_size, 0.02)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        s, (b, t, _) = self.s, x.shape
        heads, nope, rope = s.num_attention_heads, s.qk_nope_head_dim, s.qk_rope_head_dim
        q = self.q_proj(x).view(b, t, heads, nope + rope).transpose(1, 2)
        latent, k_rope = self.kv_a_proj_with_mqa(x).split([s.kv_lora_rank, rope], dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).view(b, t, heads, -1).transpose(1, 2)
        k_nope, v = kv.split([nope, s.v_head_dim], dim=-1)
        q_nope, q_rope = q.split([nope, rope], dim=-1)
        q = torch.cat([q_nope, rotate(q_rope, cos, sin)], dim=-1)
        k_rope = rotate(k_rope.unsqueeze(1), cos, sin).expand(-1, heads, -1, -1)
        k = torch.cat([k_nope, k_rope], dim=-1)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(b, t, -1))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs (x0, x1), (x2, x3), ...; halves come out apart, as q and k agree on."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.cat([even * cos - odd * sin, odd * cos + even * sin], dim=-1)


class Layer(nn.Module):
    """One pre-norm block."""

    def __init__(self, s: Shape, index: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.self_attn = Attention(s)
        self.post_attention_layernorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        dense = index < s.first_k_dense_replace
        self.mlp = MLP(s.hidden_size, s.intermediate_size) if dense else MoE(s)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Mini(nn.Module):
    """The whole model; forward gives hidden states, `head` gives logits."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        self.embed_tokens = nn.Embedding(s.vocab_size, s.hidden_size)
        nn.init.normal_(self.embed_tokens.weight, std=0.1)
        self.layers = nn.ModuleList(Layer(s, i) for i in range(s.num_hidden_layers))
        self.norm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.lm_head = linear(s.hidden_size, s.vocab_size, 0.02)
        half = torch.arange(0, s.qk_rope_head_dim, 2).float() / s.qk_rope_head_dim
        angles = torch.outer(torch.arange(1024).float(), s.rope_theta**-half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed_tokens(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def moes(self) -> list[MoE]:
        """The MoE blocks."""
        return [layer.mlp for layer in self.layers if isinstance(layer.mlp, MoE)]

    def load_checkpoint(self, folder: Path) -> None:
        """Take the weights of an exported checkpoint, its experts stacked again; a layer behind
        the last one (mtp.py) is left out."""
        beyond = f"model.layers.{self.s.num_hidden_layers}."
        stored = {n: t for n, t in load_file(folder / "model.safetensors").items()
                  if not n.startswith(beyond)}
        state = {n.removeprefix("model."): t.float() for n, t in stored.items()
                 if ".experts." not in n}
        for i, layer in enumerate(self.layers):
            if isinstance(layer.mlp, MoE):
                def stack(part: str) -> Tensor:
                    names = [f"model.layers.{i}.mlp.experts.{e}.{part}_proj.weight"
                             for e in range(self.s.n_routed_experts)]
                    return torch.stack([stored[name].float() for name in names])
                state[f"layers.{i}.mlp.gate_up"] = torch.cat([stack("gate"), stack("up")], 1)
                state[f"layers.{i}.mlp.down"] = stack("down")
        self.load_state_dict(state)
