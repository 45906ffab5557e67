// For tests: a layer for multi-token prediction for the bundled model, which has none. eh_proj is
// fitted by least squares to what the model thinks of a few texts, the block behind it adds
// nothing: guesses that are right often and wrong often, in milliseconds.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/engine/generation.h"
#include "hearth/files/safetensors/safetensors_writer.h"
#include "hearth/formats/codec.h"
#include "hearth/models/load.h"

namespace hearth::test {

using Row = std::vector<double>;

// X with (Z^T Z + little) X = Z^T Y, for rows of samples, by Cholesky's decomposition. X [z, y]
inline std::vector<Row> least_squares(const std::vector<Row>& z, const std::vector<Row>& y) {
  const size_t n = z[0].size();
  std::vector<Row> a(n, Row(n));
  std::vector<Row> x(n, Row(y[0].size()));
  for (size_t s = 0; s < z.size(); ++s) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) a[i][j] += z[s][i] * z[s][j];
      for (size_t o = 0; o < y[s].size(); ++o) x[i][o] += z[s][i] * y[s][o];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    a[i][i] += 1e-2 * static_cast<double>(z.size());
    for (size_t j = 0; j <= i; ++j) {
      for (size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(a[i][j]) : a[i][j] / a[j][j];
    }
  }
  for (size_t o = 0; o < y[0].size(); ++o) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) x[i][o] -= a[i][k] * x[k][o];
      x[i][o] /= a[i][i];
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; ++k) x[i][o] -= a[k][i] * x[k][o];
      x[i][o] /= a[i][i];
    }
  }
  return x;
}

// Behind an RMS norm without weights.
inline Row normed(std::span<const float> values) {
  double squares = 0;
  for (const float v : values) squares += static_cast<double>(v) * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(values.size()) + 1e-6);
  Row out;
  for (const float v : values) out.push_back(v * scale);
  return out;
}

// The states of a text behind the final norm.
inline std::vector<std::vector<float>> states_of(const TextModel& model, Backend& backend,
                                                 const std::vector<int32_t>& ids) {
  Engine engine(model.model(), backend, {}, {});
  std::vector<std::vector<float>> states;
  TokenRequest request;
  request.prompt = ids;
  request.hidden = Hidden::every;
  TokenSink sink;
  sink.on_hidden = [&](std::span<const float> row) { states.emplace_back(row.begin(), row.end()); };
  CHECK(engine.submit(std::move(request), std::move(sink)).has_value());
  while (!engine.idle()) engine.step();
  return states;
}

// eh_proj, transposed [2 hidden, hidden].
inline std::vector<Row> fit_eh_proj(const TextModel& model, Backend& backend,
                                    const Checkpoint& checkpoint,
                                    const std::vector<std::vector<int32_t>>& texts) {
  const Tensor embedding = checkpoint.find("model.embed_tokens.weight")->tensor;
  std::vector<Row> inputs, outputs;
  for (const std::vector<int32_t>& ids : texts) {
    const auto states = states_of(model, backend, ids);
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      std::vector<float> token(states[i].size());
      decode_row(embedding, ids[i + 1], 0, embedding.columns(), token.data());
      inputs.push_back(normed(token));
      const Row state = normed(states[i]);
      inputs.back().insert(inputs.back().end(), state.begin(), state.end());
      outputs.emplace_back(states[i + 1].begin(), states[i + 1].end());
    }
  }
  return least_squares(inputs, outputs);
}

inline void write_json(const std::string& path, const Json& json) {
  std::ofstream(path) << json.dump();
}

// The model at `path` with the layer, as two shards in `folder`, fitted to `texts`.
inline void write_fitted_mtp(const std::string& folder, const TextModel& model, Backend& backend,
                             const std::vector<std::vector<int32_t>>& texts) {
  namespace fs = std::filesystem;
  const fs::path from = model.path();
  const Checkpoint checkpoint = *Checkpoint::open(from);
  const std::vector<Row> eh_proj = fit_eh_proj(model, backend, checkpoint, texts);
  const std::string shards[] = {"model-00001-of-00002.safetensors",
                                "model-00002-of-00002.safetensors"};
  fs::create_directories(folder);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    fs::copy_file(from / name, fs::path(folder) / name);
  }
  fs::copy_file(from / "model.safetensors", fs::path(folder) / shards[0]);
  Json config = *checkpoint.config();
  config["num_nextn_predict_layers"] = 1;
  write_json(folder + "/config.json", config);

  Json weights = Json::object();
  for (const TensorEntry& entry : checkpoint.tensors()) weights[entry.name] = shards[0];
  ModelHints hints;
  hints.mtp = true;
  std::vector<SafetensorsDeclaration> declared;
  std::vector<float> values;
  (*make_model(config, hints))->visit_tensors([&](const TensorSpec& spec, Weight&) {
    if (spec.name.empty() || checkpoint.find(spec.name)) return;
    weights[spec.name] = shards[1];
    std::vector<int64_t> sizes;
    for (int i = 0; i < spec.shape.rank(); ++i) sizes.push_back(spec.shape[i]);
    declared.push_back({spec.name, "F32", sizes});
    const float fill = spec.name.ends_with("norm.weight") ? 1.0f : 0.0f;
    const size_t begin = values.size();
    values.resize(begin + static_cast<size_t>(spec.shape.elements()), fill);
    if (!spec.name.ends_with("eh_proj.weight")) return;
    for (size_t i = begin; i < values.size(); ++i) {
      const size_t column = (i - begin) % eh_proj.size();
      values[i] = static_cast<float>(eh_proj[column][(i - begin) / eh_proj.size()]);
    }
  });
  auto writer = SafetensorsWriter::create(folder + "/" + shards[1], declared);
  CHECK(writer.has_value());
  CHECK(writer->write(std::as_bytes(std::span(values))).is_ok() && writer->finish().is_ok());
  write_json(folder + "/model.safetensors.index.json", {{"weight_map", weights}});
}

}  // namespace hearth::test
