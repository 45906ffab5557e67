// See model_ref.h.
#include "hearth/store/model_ref.h"

#include <algorithm>
#include <array>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/catalogue.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

struct Scheme {
  std::string_view prefix;
  HubKind hub;
};

constexpr std::array kSchemes = {
    Scheme{"hf://", HubKind::hugging_face},
    Scheme{"hf.co/", HubKind::hugging_face},
    Scheme{"https://hf.co/", HubKind::hugging_face},
    Scheme{"https://huggingface.co/", HubKind::hugging_face},
    Scheme{"modelscope://", HubKind::modelscope},
    Scheme{"ms://", HubKind::modelscope},
    Scheme{"s3://", HubKind::s3},
};

const Scheme* scheme_of(std::string_view text) {
  for (const Scheme& scheme : kSchemes) {
    if (text.starts_with(scheme.prefix)) return &scheme;
  }
  return nullptr;
}

Status refuse(std::string_view text, std::string_view what) {
  return error(Code::invalid, "`{}`: expected {}", excerpt(text, 200), what);
}

std::string_view scheme_text(HubKind hub) {
  switch (hub) {
    case HubKind::modelscope:
      return "modelscope";
    case HubKind::s3:
      return "s3";
    default:
      return "hf";
  }
}

// A selection is a label, or the path of a file.
Status check_selection(std::string_view text, const std::string& selection) {
  if (!selection.ends_with(".gguf")) {
    if (is_plain_name(selection)) return Status::ok();
    return refuse(text, "a label such as Q4_K_M or the path of a .gguf file after `:`");
  }
  return check_relative_path(selection);
}

// BUCKET[/PREFIX][:SELECTION]; a prefix that names a GGUF file means that file of its folder.
Result<ModelRef> parse_s3(std::string_view text, std::string_view rest) {
  ModelRef out;
  out.hub = HubKind::s3;
  if (const size_t colon = rest.find(':'); colon != rest.npos) {
    out.selection = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    TRY(check_selection(text, out.selection));
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t slash = std::min(rest.find('/'), rest.size());
  out.organisation = rest.substr(0, slash);
  rest = rest.substr(std::min(slash + 1, rest.size()));
  if (rest.ends_with(".gguf") && out.selection.empty()) {
    const size_t last = rest.rfind('/');
    out.selection = rest.substr(last + 1);
    rest = last == rest.npos ? std::string_view() : rest.substr(0, last);
  }
  out.repository = rest;
  bool plain =
      is_plain_name(out.organisation) && (out.selection.empty() || is_plain_name(out.selection) ||
                                          check_relative_path(out.selection).is_ok());
  for (size_t begin = 0; plain && begin < rest.size();) {
    const size_t end = std::min(rest.find('/', begin), rest.size());
    plain = is_plain_name(rest.substr(begin, end - begin));
    begin = end + 1;
  }
  if (plain) return out;
  return refuse(text, "BUCKET/PREFIX, its parts of letters, digits, `.`, `_` and `-`");
}

}  // namespace

std::string ModelRef::place() const {
  const std::string whole = repository.empty() ? organisation : repository;
  return whole.substr(whole.rfind('/') + 1);
}

std::string ModelRef::text() const {
  std::string out = fmt::format("{}://{}", scheme_text(hub), organisation);
  if (!repository.empty()) out += "/" + repository;
  if (!revision.empty()) out += "@" + revision;
  if (!selection.empty()) out += ":" + selection;
  return out;
}

std::string ModelRef::folder() const {
  std::string out = fmt::format("{}--{}--{}", scheme_text(hub), organisation, repository);
  if (!revision.empty()) out += "--@" + revision;
  if (!selection.empty()) out += "--" + selection;
  // Slashes of a file's path; `%` stands in no other part.
  std::replace(out.begin(), out.end(), '/', '%');
  return out;
}

std::string ModelRef::name() const {
  if (revision.empty() && selection.empty() && hub != HubKind::s3) {
    if (const CatalogueEntry* entry = find_in_catalogue_by_repo(repo())) {
      return std::string(entry->name);
    }
  }
  return text();
}

bool looks_like_reference(std::string_view text) {
  return scheme_of(text) != nullptr;
}

Result<ModelRef> parse_model_ref(std::string_view text, HubKind hub) {
  ModelRef out;
  out.hub = hub;
  const Scheme* scheme = scheme_of(text);
  if (scheme == nullptr) {
    const CatalogueEntry* entry = find_in_catalogue(text);
    if (entry == nullptr) {
      return refuse(text,
                    "a name of the catalogue (hearth ls --catalogue), hf://ORG/REPO, "
                    "modelscope://ORG/REPO or s3://BUCKET/PREFIX");
    }
    const size_t slash = entry->repo.find('/');
    out.organisation = entry->repo.substr(0, slash);
    out.repository = entry->repo.substr(slash + 1);
    return out;
  }
  out.hub = scheme->hub;
  std::string_view rest = text.substr(scheme->prefix.size());
  if (out.hub == HubKind::s3) return parse_s3(text, rest);
  const size_t slash = rest.find('/');
  if (slash == rest.npos) return refuse(text, "ORG/REPO");
  out.organisation = rest.substr(0, slash);
  rest = rest.substr(slash + 1);
  if (const size_t colon = rest.find(':'); colon != rest.npos) {
    out.selection = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    TRY(check_selection(text, out.selection));
  }
  if (const size_t at = rest.find('@'); at != rest.npos) {
    out.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_plain_name(out.revision)) return refuse(text, "a branch, tag or commit after `@`");
  }
  out.repository = rest;
  if (!is_plain_name(out.organisation) || !is_plain_name(out.repository)) {
    return refuse(text, "ORG/REPO of letters, digits, `.`, `_` and `-`");
  }
  return out;
}

}  // namespace hearth::store
