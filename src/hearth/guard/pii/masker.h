// Masking: the personal data of a conversation replaced by tokens, so that a model, a log or a
// cache sees [MOBILE_1] where a number stood. Restoring is the Unmasker's work.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/guard/pii/detector.h"
#include "hearth/guard/pii/vault.h"

namespace hearth::pii {

struct MaskedEntity {
  Entity entity;      // in the text as it came
  std::string token;  // "[MOBILE_1]"
};

struct MaskedText {
  std::string text;
  std::vector<MaskedEntity> entities;
};

struct Masked {
  std::vector<MaskedText> texts;  // in the order they came
  std::shared_ptr<const Vault> vault;
};

// All texts of one conversation at once: the same value has the same token in each, numbered in the
// order in which values appear. Where any text holds what looks like a token, all tokens carry a
// nonce that no text has. no_memory: see LockedMemory.
Result<Masked> mask(std::span<const std::string_view> texts, const DetectOptions& options = {});

}  // namespace hearth::pii
