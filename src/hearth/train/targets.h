// Which projections of a model an adapter goes beside.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/models/model.h"

namespace hearth::train {

struct Targets {
  std::vector<std::string> names;    // as PEFT's `target_modules` lists them
  std::vector<std::string> modules;  // "model.layers.0.self_attn.q_proj", in the model's order
  std::vector<std::string> notices;  // lines that the user should read
};

// A name stands for every projection that ends in it ("q_proj", "mlp.down_proj"), as in PEFT.
// DeepSeek's latent attention has no v_proj, and with q_lora_rank no q_proj: the projections from
// the latents, kv_b_proj and q_b_proj, take their place, and a notice says so.
// invalid: a name that no projection of the layers ends in.
Result<Targets> choose_targets(Model& model, const std::vector<std::string>& wanted);

// Whether `target` names `module`.
bool names_module(std::string_view target, std::string_view module);

}  // namespace hearth::train
