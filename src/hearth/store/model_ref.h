// How a model is called: by a name of the catalogue, or by where it comes from.
//
//   deepseek-r1:1.5b                    a name of the catalogue (catalogue.h)
//   hf://ORG/REPO[@REVISION]            a repository at Hugging Face, or at a mirror of it
//   modelscope://ORG/REPO[@REVISION]    one at ModelScope
//   s3://BUCKET[/PREFIX]                what lies below a prefix of an S3 store
//   ...[@REVISION]:SELECTION            of a repository of GGUF files, which: a label such as
//                                       Q4_K_M or UD-IQ1_S, or the path of a file that ends in
//                                       .gguf; s3://BUCKET/PREFIX/FILE.gguf means the same
//
// `hf.co/`, `https://huggingface.co/` and `ms://` are read as the same. Buckets have no revisions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::store {

enum class HubKind { hugging_face, modelscope, s3 };

struct ModelRef {
  HubKind hub = HubKind::hugging_face;
  std::string organisation;  // of S3 the bucket
  std::string repository;    // of S3 the prefix: a path, or "" for all of the bucket
  std::string revision;      // "": the hub's main branch
  std::string selection;     // "": what the repository has

  std::string repo() const { return organisation + "/" + repository; }
  std::string place() const;   // the name of the folder of its files: the last part of `repo`
  std::string text() const;    // canonical: hf://ORG/REPO[@REVISION][:SELECTION]
  std::string folder() const;  // the name of its folder in the store: hf--ORG--REPO--...
  std::string name() const;    // of the catalogue, where it has one; else text()

  bool operator==(const ModelRef&) const = default;
};

// Whether a text is meant as a reference, right or wrong: it has a scheme of ours.
bool looks_like_reference(std::string_view text);

// invalid: neither a name of the catalogue nor a reference. A name of the catalogue is looked up at
// `hub`.
Result<ModelRef> parse_model_ref(std::string_view text, HubKind hub = HubKind::hugging_face);

}  // namespace hearth::store
