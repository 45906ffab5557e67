// From a checked request to a job of the engine, and from the pieces of its channel back to a reply
// or an event stream.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hearth/engine/text_model.h"
#include "hearth/serve/admission.h"
#include "hearth/serve/engine_loop.h"
#include "hearth/serve/exchange.h"
#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {

// Templates and tokens: the prompts of a request. 400 where the template refuses, or where a prompt
// leaves no room for an answer in `context`.
std::optional<ApiError> make_prompts(const TextModel& model, const GenerationRequest& request,
                                     int64_t context, std::vector<Prompt>& out);

// The job without its channel.
GenerationJob make_job(const TextModel& model, const GenerationRequest& request, int64_t context,
                       std::vector<Prompt> prompts);

// The answers of the channel of `admitted` as HTTP shows them, its echo before each text, what was
// masked put back, explicit labels put in.
std::shared_ptr<PendingAnswer> pending_completion(
    const Tokenizer& tokenizer, ReplyHead head, bool stream,
    std::vector<std::pair<std::string, std::string>> headers, Admitted admitted);

// `ignored`: fields of the request, for a warning header.
HttpReply json_reply(std::string body, const std::vector<std::string>& ignored = {});
// X-Hearth-Ignored: what of a request means nothing here, fields above all; none where there is
// nothing.
std::vector<std::pair<std::string, std::string>> warning_headers(
    const std::vector<std::string>& ignored);
HttpReply error_reply(const ApiError& error);

}  // namespace hearth::serve
