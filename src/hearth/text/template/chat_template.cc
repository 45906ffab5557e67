// The request's JSON becomes the template's variables; everything in it is untrusted text.
#include "hearth/text/template/chat_template.h"

#include <algorithm>
#include <set>

#include "hearth/text/template/characters.h"
#include "hearth/text/template/evaluator.h"
#include "hearth/text/template/lexer.h"
#include "hearth/text/template/parser.h"

namespace hearth {

namespace jinja {

struct Program {
  TemplateLimits limits;
  Block block;
  std::set<std::string, std::less<>> names;  // all words outside texts
};

namespace {

// A role is a word that frames a message ("<|im_start|>user"), not content: it may be part of a
// control token. Only plain words pass, so a role smuggles in no markup of its own.
bool is_plain_word(const Json& role) {
  if (!role.is_string()) return false;
  const auto& text = role.get_ref<const std::string&>();
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
}

class Importer {
 public:
  explicit Importer(Budget& budget) : budget_(budget) {}

  Result<Value> import(const Json& json, int depth = 0) {
    if (depth > budget_.limits().nesting_max / 2) {
      return error(Code::invalid, "the request nests more than {} levels deep",
                   budget_.limits().nesting_max / 2);
    }
    TRY(budget_.steps(1));
    switch (json.type()) {
      case Json::value_t::boolean:
        return Value::boolean(json.get<bool>());
      case Json::value_t::number_integer:
        return Value::integer(json.get<int64_t>());
      case Json::value_t::number_unsigned:
        return Value::integer(json.get<uint64_t>());
      case Json::value_t::number_float:
        return Value::real(json.get<double>());
      case Json::value_t::string:
        return import_text(json.get_ref<const std::string&>(), false);
      case Json::value_t::array:
        return import_array(json, depth);
      case Json::value_t::object:
        return import_object(json, depth);
      default:
        return Value::none();
    }
  }

  Result<Value> import_messages(const Json& messages) {
    if (!messages.is_array()) return error(Code::invalid, "messages: expected an array");
    std::vector<Value> out;
    for (const Json& message : messages) {
      if (!message.is_object()) {
        return error(Code::invalid, "messages[{}]: expected an object, found {}", out.size(),
                     message.type_name());
      }
      in_message_ = true;
      TRY_ASSIGN(Value value, import_object(message, 1));
      out.push_back(std::move(value));
    }
    return make_list(budget_, List::Kind::list, std::move(out));
  }

 private:
  Result<Value> import_text(const std::string& text, bool trusted) {
    if (!valid_utf8(text)) return error(Code::invalid, "the request has text that is not UTF-8");
    return make_str(budget_, MarkedText(text, trusted));
  }

  Result<Value> import_array(const Json& array, int depth) {
    std::vector<Value> out;
    for (const Json& element : array) {
      TRY_ASSIGN(Value value, import(element, depth + 1));
      out.push_back(std::move(value));
    }
    return make_list(budget_, List::Kind::list, std::move(out));
  }

  Result<Value> import_object(const Json& object, int depth) {
    const bool is_message = std::exchange(in_message_, false);
    Dict dict;
    for (const auto& [name, element] : object.items()) {
      TRY_ASSIGN(Value key, import_text(name, false));
      const bool is_role = is_message && name == "role" && is_plain_word(element);
      TRY_ASSIGN(Value value, is_role ? import_text(element.get_ref<const std::string&>(), true)
                                      : import(element, depth + 1));
      dict.entries.emplace_back(std::move(key), std::move(value));
    }
    return make_dict(budget_, std::move(dict));
  }

  Budget& budget_;
  bool in_message_ = false;  // the next object is one of the conversation's messages
};

// What a request may not set: the conversation's own variables, the template itself, the
// functions that the environment gives.
bool is_reserved(std::string_view name) {
  constexpr std::string_view kReserved[] = {"add_generation_prompt",
                                            "bos_token",
                                            "chat_template",
                                            "cycler",
                                            "dict",
                                            "eos_token",
                                            "joiner",
                                            "messages",
                                            "namespace",
                                            "raise_exception",
                                            "range",
                                            "self",
                                            "strftime_now",
                                            "tokenize",
                                            "tools"};
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

Status set_variables(Evaluator& evaluator, const ChatRequest& request, std::string_view bos_text,
                     std::string_view eos_text) {
  Importer importer(evaluator.budget());
  TRY_ASSIGN(Value messages, importer.import_messages(request.messages));
  TRY_ASSIGN(Value tools, importer.import(request.tools));
  evaluator.set_variable("messages", std::move(messages));
  evaluator.set_variable("tools", std::move(tools));
  evaluator.set_variable("documents", Value::none());
  evaluator.set_variable("add_generation_prompt", Value::boolean(request.add_generation_prompt));
  if (!bos_text.empty()) evaluator.set_variable("bos_token", Value::literal(bos_text));
  if (!eos_text.empty()) evaluator.set_variable("eos_token", Value::literal(eos_text));
  if (request.extra.is_null()) return Status::ok();
  if (!request.extra.is_object()) {
    return error(Code::invalid, "template variables: expected an object, found {}",
                 request.extra.type_name());
  }
  if (request.extra.size() > 256) return error(Code::invalid, "more than 256 template variables");
  for (const auto& [name, element] : request.extra.items()) {
    if (is_reserved(name)) {
      return error(Code::invalid, "the template variable '{}' cannot be set by a request", name);
    }
    TRY_ASSIGN(Value value, importer.import(element));
    evaluator.set_variable(name, std::move(value));
  }
  return Status::ok();
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm out{};
  localtime_r(&now, &out);
  return out;
}

}  // namespace
}  // namespace jinja

Result<ChatTemplate> ChatTemplate::compile(std::string_view source, TemplateLimits limits) {
  auto program = std::make_shared<jinja::Program>();
  program->limits = limits;
  Result<jinja::Block> block = jinja::parse(source, limits);
  if (!block) return std::move(block).status().at("chat template");
  program->block = std::move(*block);
  TRY_ASSIGN(const std::vector<jinja::Token> tokens, jinja::tokenize(source));
  for (const jinja::Token& token : tokens) {
    if (token.kind == jinja::TokenKind::name) program->names.insert(token.text);
  }
  return ChatTemplate(std::move(program));
}

bool ChatTemplate::names(std::string_view variable) const {
  return program_->names.contains(variable);
}

Result<RenderedPrompt> ChatTemplate::render(const ChatRequest& request, std::string_view bos_text,
                                            std::string_view eos_text) const {
  jinja::Evaluator evaluator(program_->limits, request.now.value_or(jinja::local_time()));
  TRY(jinja::set_variables(evaluator, request, bos_text, eos_text));
  Result<jinja::MarkedText> text = evaluator.run(program_->block);
  if (!text) return std::move(text).status().at("chat template");
  return RenderedPrompt{text->bytes(), text->trusted_ranges()};
}

bool ChatTemplate::forces_think() const {
  ChatRequest request;
  request.messages = Json::array({{{"role", "user"}, {"content", "1+1=?"}}});
  const Result<RenderedPrompt> prompt = render(request, "", "");
  return prompt && opens_thought(prompt->text);
}

bool opens_thought(std::string_view prompt) {
  if (prompt.ends_with('\n')) prompt.remove_suffix(1);
  return prompt.ends_with("<think>");
}

}  // namespace hearth
