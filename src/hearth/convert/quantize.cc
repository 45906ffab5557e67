// See quantize.h. Tensors are written strictly in the order of the file, so that one pass also
// gives the checksum of the whole.
#include "hearth/convert/quantize.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/base/sha256.h"
#include "hearth/convert/directory_plan.h"
#include "hearth/convert/gguf_plan.h"
#include "hearth/convert/partial_file.h"
#include "hearth/convert/stream_tensor.h"
#include "hearth/files/atomic_file.h"
#include "hearth/models/adapters/stored_adapter.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr int kJournalVersion = 1;  // another encoder or layout of the journal: another version

// What the journal keeps of a finished tensor.
struct Finished {
  std::string sha256;
  TensorError error;
};

class Conversion {
 public:
  Conversion(const OutputPlan& plan, const QuantizeOptions& options, PartialFile& file)
      : plan_(plan), options_(options), file_(file), pool_(std::max(1, options.threads)) {}

  Result<QuantizeReport> run() {
    const std::map<int64_t, Finished> finished = read_journal();
    const auto header = std::as_bytes(std::span(plan_.header));
    TRY(file_.write(0, header));
    hash_.update(header);
    done_ = static_cast<int64_t>(header.size());
    for (size_t i = 0; i < plan_.tensors.size(); ++i) {
      const OutputTensor& tensor = plan_.tensors[i];
      pad_to(tensor.offset);
      const auto kept = finished.find(static_cast<int64_t>(i));
      if (kept != finished.end()) {
        TRY_ASSIGN(const bool intact, keep(tensor, kept->second));
        if (intact) continue;
      }
      TRY(convert(tensor, static_cast<int64_t>(i)));
    }
    pad_to(plan_.file_bytes);
    report_.bytes_out = plan_.file_bytes;
    report_.parameters = plan_.parameters;
    report_.rmse = std::sqrt(errors_ / static_cast<double>(std::max<int64_t>(1, plan_.parameters)));
    report_.sha256 = hash_.hex();
    return std::move(report_);
  }

 private:
  std::map<int64_t, Finished> read_journal() const {
    std::map<int64_t, Finished> finished;
    for (const std::string& line : file_.recorded()) {
      const auto json = parse_json(line);
      if (!json) continue;
      const auto tensor = json_int(*json, "tensor", 0, INT32_MAX);
      const auto sha256 = json_string(*json, "sha256");
      const auto squares = json_number(*json, "squares", 0, 1e300);
      const auto errors = json_number(*json, "errors", 0, 1e300);
      if (tensor && sha256 && squares && errors) finished[*tensor] = {*sha256, {*squares, *errors}};
    }
    return finished;
  }

  // Gaps are zeros: the file was extended, not written, there.
  void pad_to(int64_t offset) {
    static constexpr std::array<std::byte, 4096> kZeros = {};
    while (done_ < offset) {
      const auto take = std::min<int64_t>(offset - done_, kZeros.size());
      hash_.update(std::span(kZeros).first(static_cast<size_t>(take)));
      done_ += take;
    }
  }

  Status advance(int64_t bytes) {
    done_ += bytes;
    if (options_.progress && !options_.progress(done_, plan_.file_bytes)) {
      return error(Code::cancelled, "stopped after {} of {} bytes; the same command goes on there",
                   done_, plan_.file_bytes);
    }
    return Status::ok();
  }

  // Whether the bytes of an earlier run are what its journal says.
  Result<bool> keep(const OutputTensor& tensor, const Finished& finished) {
    std::vector<std::byte> piece(size_t{4} << 20);
    Sha256 own;
    Sha256 whole = hash_;
    for (int64_t at = 0; at < tensor.bytes;) {
      const auto take = std::min<int64_t>(tensor.bytes - at, static_cast<int64_t>(piece.size()));
      const auto bytes = std::span(piece).first(static_cast<size_t>(take));
      TRY(file_.read(tensor.offset + at, bytes));
      own.update(bytes);
      whole.update(bytes);
      at += take;
    }
    if (own.hex() != finished.sha256) return false;
    hash_ = std::move(whole);
    ++report_.resumed;
    add(tensor, finished.error);
    TRY(advance(tensor.bytes));
    return true;
  }

  Status convert(const OutputTensor& tensor, int64_t index) {
    TRY_ASSIGN(const std::optional<Importance> importance, importance_of(tensor));
    Sha256 own;
    int64_t at = tensor.offset;
    auto sum = stream_tensor(pool_, tensor, importance, [&](std::span<const std::byte> bytes) {
      own.update(bytes);
      hash_.update(bytes);
      TRY(file_.write(at, bytes));
      at += static_cast<int64_t>(bytes.size());
      return advance(static_cast<int64_t>(bytes.size()));
    });
    if (!sum) return std::move(sum).status();
    CHECK_EQ(at - tensor.offset, tensor.bytes);
    add(tensor, *sum);
    const Json line = {{"tensor", index},
                       {"sha256", own.hex()},
                       {"squares", sum->squares},
                       {"errors", sum->errors}};
    return file_.record(line.dump());
  }

  Result<std::optional<Importance>> importance_of(const OutputTensor& tensor) const {
    const SourceTensor& source = tensor.source;
    const bool measured = options_.recipe.importance && source.kind != TensorKind::vector &&
                          format_info(tensor.format).block_elements > 1;
    if (!measured) return std::optional<Importance>();
    const int64_t groups = source.shape.rank() == 3 ? source.shape[0] : 1;
    return options_.recipe.importance->find(source.name, groups, source.shape.columns());
  }

  void add(const OutputTensor& tensor, const TensorError& error) {
    const auto n = static_cast<double>(tensor.source.shape.elements());
    const double relative = error.squares > 0 ? std::sqrt(error.errors / error.squares) : 0;
    report_.tensors.push_back({tensor.source.name, tensor.format, tensor.source.shape, tensor.bytes,
                               std::sqrt(error.errors / n), relative});
    report_.bytes_in += tensor.source.stored_bytes();
    errors_ += error.errors;
  }

  const OutputPlan& plan_;
  const QuantizeOptions& options_;
  PartialFile& file_;
  ThreadPool pool_;
  QuantizeReport report_;
  Sha256 hash_;
  int64_t done_ = 0;
  double errors_ = 0;
};

// Name, size and time of a file: what changes when somebody replaces it.
std::string identity(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path.string();
  return fmt::format("{} {} {}.{}", path.filename().string(), info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

// Everything that decides the bytes of the output, as one line.
std::string job_of(const std::string& in, const OutputPlan& plan, const Recipe& recipe) {
  Sha256 hash;
  hash.update(plan.header);
  std::vector<std::string> files;
  std::error_code failed;
  if (fs::is_directory(in, failed)) {
    for (const auto& entry : fs::directory_iterator(in, failed)) {
      if (entry.path().extension() == ".safetensors") files.push_back(identity(entry.path()));
    }
    std::ranges::sort(files);
  } else {
    files.push_back(identity(in));
  }
  if (recipe.importance) files.push_back(identity(recipe.importance_file));
  if (fs::is_directory(recipe.adapter, failed)) {
    for (const std::string_view name : {kAdapterConfigFile, kAdapterWeightsFile}) {
      files.push_back(identity(fs::path(recipe.adapter) / name));
    }
  } else if (!recipe.adapter.empty()) {
    files.push_back(identity(recipe.adapter));
  }
  for (const std::string& file : files) hash.update(file + "\n");
  return Json{{"hearth_journal", kJournalVersion}, {"job", hash.hex()}}.dump();
}

// Both files are of no use to a later run of the same job, which would fail alike.
bool is_hopeless(const Status& status) {
  return status.code() == Code::invalid || status.code() == Code::corrupt ||
         status.code() == Code::unsupported;
}

Result<QuantizeReport> write_weights(const std::string& in, const std::string& out,
                                     const Checkpoint& checkpoint, const OutputPlan& plan,
                                     const QuantizeOptions& options) {
  for (const std::string& line : plan.notices) {
    if (options.notice) options.notice(line);
  }
  TRY_ASSIGN(PartialFile file,
             PartialFile::open(out, job_of(in, plan, options.recipe), plan.file_bytes));
  Conversion conversion(plan, options, file);
  auto report = conversion.run();
  if (!report) {
    const bool hopeless = is_hopeless(report.status());
    if (hopeless) file.discard();
    return hopeless ? std::move(report).status().at(in) : std::move(report).status();
  }
  TRY(checkpoint.unchanged());
  TRY(file.commit());
  return report;
}

Result<QuantizeReport> to_gguf(const Checkpoint& checkpoint, const std::string& out,
                               const QuantizeOptions& options) {
  TRY_ASSIGN(const OutputPlan plan, plan_gguf(checkpoint, options.recipe));
  TRY_ASSIGN(QuantizeReport report,
             write_weights(checkpoint.path(), out, checkpoint, plan, options));
  TRY(write_whole(out + ".sha256",
                  fmt::format("{}  {}\n", report.sha256, fs::path(out).filename().string())));
  return report;
}

// config.json comes last: with it the directory is a model.
Result<QuantizeReport> to_directory(const Checkpoint& checkpoint, const std::string& out,
                                    const QuantizeOptions& options) {
  TRY_ASSIGN(const DirectoryPlan plan, plan_directory(checkpoint, options.recipe));
  std::error_code failed;
  fs::create_directories(out, failed);
  if (failed) return error(Code::invalid, "{}: {}", out, failed.message());
  const fs::path folder(out);
  const std::string weights = folder / "model.safetensors";
  TRY_ASSIGN(QuantizeReport report,
             write_weights(checkpoint.path(), weights, checkpoint, plan.weights, options));
  std::string sums = fmt::format("{}  model.safetensors\n", report.sha256);
  for (const auto& [name, text] : plan.texts) {
    Sha256 hash;
    hash.update(text);
    sums += fmt::format("{}  {}\n", hash.hex(), name);
    TRY(write_whole(folder / name, text));
  }
  TRY(write_whole(folder / "model.sha256", sums));
  return report;
}

// What a directory's weights are in, or stand for.
std::string_view float_type_of(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == CheckpointKind::gguf) return "bf16";
  const Json& config = *checkpoint.config();
  for (const char* key : {"dtype", "torch_dtype"}) {
    const Json* found = json_find(config, key);
    if (found && *found == "float32") return "f32";
    if (found && *found == "float16") return "f16";
  }
  return "bf16";
}

// A directory that only an earlier, broken run has begun may be gone on with.
bool is_taken(const std::string& out, bool file) {
  std::error_code failed;
  return file ? fs::exists(out, failed) : fs::exists(fs::path(out) / "config.json", failed);
}

}  // namespace

Result<QuantizeReport> quantize(const std::string& in, const std::string& out,
                                const QuantizeOptions& options) {
  const bool file = out.ends_with(".gguf");
  if (!options.replace && is_taken(out, file)) {
    return error(Code::invalid, "{}: expected the name of a new {}, found that it is taken", out,
                 file ? "file" : "directory");
  }
  std::error_code failed;
  if (fs::equivalent(in, out, failed)) {
    return error(Code::invalid, "{}: expected an output beside the input, found the input", out);
  }
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(in));
  QuantizeOptions decided = options;
  if (options.recipe.as_stored) {
    TRY_ASSIGN(decided.recipe.mix, mix_by_name(float_type_of(checkpoint)));
  }
  return file ? to_gguf(checkpoint, out, decided) : to_directory(checkpoint, out, decided);
}

}  // namespace hearth
