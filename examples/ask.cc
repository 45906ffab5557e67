// Asks a model one question and streams the answer: cmake -S examples -B build/examples
// -DCMAKE_PREFIX_PATH=<where Hearth is installed>, then build/examples/ask MODEL "37*48=?".
#include <hearth/hearth.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: ask MODEL PROMPT\n");
    return 2;
  }
  auto model = hearth::LanguageModel::load(argv[1], {});
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().c_str());
    return 2;
  }
  hearth::GenerateRequest request;
  request.message = argv[2];
  request.on_token = [](int32_t, std::string_view text, bool thought) {
    if (!thought) std::fwrite(text.data(), 1, text.size(), stdout);
    return true;
  };
  auto replies = model->generate({request});
  if (!replies) {
    std::fprintf(stderr, "%s\n", replies.error().c_str());
    return 1;
  }
  std::printf("\n");
  return 0;
}
