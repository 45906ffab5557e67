"""Hugging Face weights <-> GGUF tensors, with llama.cpp's names and layouts.

The differences that matter: experts are stacked per layer, MLA's kv_b is stored whole (old files)
or split into a transposed k_b and a v_b (new files), and llama's query and key rows are permuted
so that rotary pairs lie side by side. Both directions are here: golden logits are computed from
what a reader gets back.
"""

import re
from dataclasses import dataclass

import gguf
import numpy as np

_ARCHITECTURES = {
    "deepseek_v2": gguf.MODEL_ARCH.DEEPSEEK2,
    "deepseek_v3": gguf.MODEL_ARCH.DEEPSEEK2,
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
_EXPERT = re.compile(r"^(.*\.mlp\.experts)\.(\d+)\.(\w+\.weight)$")


@dataclass
class Layout:
    """How one file names and arranges the tensors of a config."""

    config: dict
    old_mla: bool = False  # attn_kv_b instead of attn_k_b and attn_v_b

    def __post_init__(self):
        self.arch = _ARCHITECTURES[self.config["model_type"]]
        self._names = gguf.get_tensor_name_map(self.arch, self.config["num_hidden_layers"])

    def name(self, hf_name: str) -> str:
        if hf_name.endswith("e_score_correction_bias"):  # llama.cpp reads it as a bias
            hf_name = hf_name.replace("_bias", ".bias")
        mapped = self._names.get_name(hf_name, try_suffixes=(".weight", ".bias"))
        assert mapped, hf_name
        return mapped

    def _heads(self, hf_name: str) -> int:
        """Heads of a tensor that llama's layout permutes, else 0."""
        if self.config["model_type"] != "llama":
            return 0
        if ".q_proj." in hf_name:
            return self.config["num_attention_heads"]
        return self.config["num_key_value_heads"] if ".k_proj." in hf_name else 0

    def to_gguf(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        result, experts = {}, {}
        for hf_name, value in state.items():
            if match := _EXPERT.match(hf_name):
                base, index, last = match.groups()
                experts.setdefault(f"{base}.{last}", {})[int(index)] = value
            elif hf_name.endswith("kv_b_proj.weight") and not self.old_mla:
                key, val = self._split_kv_b(value)
                result[self.name(hf_name.replace("kv_b_proj", "k_b_proj"))] = key
                result[self.name(hf_name.replace("kv_b_proj", "v_b_proj"))] = val
            else:
                result[self.name(hf_name)] = permute(value, self._heads(hf_name))
        for hf_name, parts in experts.items():
            result[self.name(hf_name)] = np.stack([parts[i] for i in range(len(parts))])
        return result

    def from_gguf(self, tensors: dict[str, np.ndarray], hf_names) -> dict[str, np.ndarray]:
        result = {}
        for hf_name in hf_names:
            if match := _EXPERT.match(hf_name):
                base, index, last = match.groups()
                result[hf_name] = tensors[self.name(f"{base}.{last}")][int(index)]
            elif hf_name.endswith("kv_b_proj.weight") and not self.old_mla:
                key = tensors[self.name(hf_name.replace("kv_b_proj", "k_b_proj"))]
                val = tensors[self.name(hf_name.replace("kv_b_proj", "v_b_proj"))]
                joined = np.concatenate([key.transpose(0, 2, 1), val], axis=1)
                result[hf_name] = joined.reshape(-1, joined.shape[-1])
            else:
                value = tensors[self.name(hf_name)]
                result[hf_name] = permute(value, self._heads(hf_name), undo=True)
        return result

    def _split_kv_b(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[heads (nope + v), rank] -> k_b [heads, rank, nope] and v_b [heads, v, rank]."""
        per_head = value.reshape(self.config["num_attention_heads"], -1, value.shape[-1])
        nope = self.config["qk_nope_head_dim"]
        return per_head[:, :nope].transpose(0, 2, 1), per_head[:, nope:]


def permute(value: np.ndarray, heads: int, undo: bool = False) -> np.ndarray:
    """Rows of a head from (first half, second half) to interleaved pairs, or back."""
    if heads == 0:
        return value
    half = value.shape[0] // heads // 2
    inner = (half, 2) if undo else (2, half)
    return value.reshape(heads, *inner, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def llama3_factors(config: dict) -> np.ndarray | None:
    """rope_freqs.weight, F32 [head_dim / 2]: what llama.cpp divides each frequency by."""
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") != "llama3":
        return None
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    wavelength = 2 * np.pi * config["rope_theta"] ** (np.arange(0, size, 2) / size)
    context = scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = np.clip((context / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / scaling["factor"] + smooth)).astype(np.float32)
