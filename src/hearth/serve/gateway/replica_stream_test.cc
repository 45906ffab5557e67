// A stream that changes its replica at any byte gives the client the bytes of one that never did.
#include "hearth/serve/gateway/replica_stream.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth::serve {
namespace {

const std::string kSignature(64, '0');

std::string data(const std::string& text) {
  return R"(data: {"choices":[{"delta":{"content":")" + text + "\"}}]}\n\n";
}
std::string tokens(const std::string& ids) {
  return ": tokens " + ids + " " + kSignature + "\n\n";
}

// An answer of tokens 1 to 4, as a replica sends it that was told the first `known` of them.
std::string answer(int known) {
  std::string out = ": resume STATE\n\n";
  for (int id = known + 1; id <= 4; ++id) {
    out += data(fmt::format("piece {}", id)) + ": keep-alive\n\n";
    if (id % 2 == 0) out += data("and more") + data("of it");
    out += tokens(fmt::format(",{}", id));
  }
  return out + data("") + "data: [DONE]\n\n";
}

std::string without_comments(const std::string& stream) {
  std::string out;
  for (size_t at = 0; at < stream.size();) {
    const size_t end = stream.find("\n\n", at) + 2;
    if (stream[at] != ':') out += stream.substr(at, end - at);
    at = end;
  }
  return out;
}

int known_of(const ReplicaStream& stream) {
  const auto line = stream.resume_line();
  return line ? static_cast<int>(std::count(line->begin(), line->end(), ',')) : 0;
}

TEST(ReplicaStream, ShowsTheSameWhereverItChangesTheReplica) {
  const std::string whole = answer(0);
  for (size_t first = 0; first < whole.size(); ++first) {
    for (const size_t second : {size_t{0}, first / 2, first}) {
      ReplicaStream stream;
      std::string out;
      ASSERT_TRUE(stream.push(whole.substr(0, first), out).is_ok());
      for (const size_t cut : {second, std::string::npos}) {
        if (stream.done()) break;
        stream.change_replica();
        ASSERT_TRUE(stream.push(answer(known_of(stream)).substr(0, cut), out).is_ok());
      }
      EXPECT_TRUE(stream.done());
      EXPECT_EQ(out, without_comments(whole)) << first << " " << second;
    }
  }
}

TEST(ReplicaStream, TellsTheNextReplicaWhatIsShown) {
  ReplicaStream stream;
  std::string out;
  EXPECT_FALSE(stream.resume_line());
  ASSERT_TRUE(
      stream.push(": resume STATE\n\n" + data("a") + tokens(",5,6") + data("b"), out).is_ok());
  EXPECT_EQ(out, data("a"));
  EXPECT_EQ(stream.resume_line(), "STATE,5,6 " + kSignature);
  ASSERT_TRUE(stream.push(tokens(",7"), out).is_ok());
  EXPECT_EQ(stream.resume_line(), "STATE,5,6,7 " + kSignature);
  EXPECT_EQ(out, data("a") + data("b"));
}

TEST(ReplicaStream, OneThatCannotBeResumedIsShownAtOnce) {
  ReplicaStream stream;
  std::string out;
  ASSERT_TRUE(stream.push(": prompt 1 of 2 tokens\n\n" + data("a"), out).is_ok());
  EXPECT_EQ(out, ": prompt 1 of 2 tokens\n\n" + data("a"));
  EXPECT_TRUE(stream.shown());
  EXPECT_FALSE(stream.can_change());
}

TEST(ReplicaStream, TellsAnErrorFromAnAnswer) {
  ReplicaStream stream;
  std::string out;
  const std::string failed = R"(data: {"error":{"message":"m","type":"t","code":"too_hot"}})";
  ASSERT_TRUE(stream.push(failed + "\n\ndata: [DONE]\n\n", out).is_ok());
  EXPECT_TRUE(stream.done());
  EXPECT_EQ(stream.failure(), "too_hot");
}

// What runs there when its time is over goes on elsewhere, like that of one that died.
TEST(ReplicaStream, AReplicaThatShutsDownLeavesTheStreamToAnother) {
  ReplicaStream stream;
  std::string out;
  const std::string stopped =
      R"(data: {"error":{"message":"m","type":"t","code":"shutting_down"}})";
  const Status status = stream.push(
      ": resume STATE\n\n" + data("a") + tokens(",1") + stopped + "\n\ndata: [DONE]\n\n", out);
  EXPECT_EQ(status.code(), Code::busy);
  EXPECT_FALSE(stream.done());
  stream.change_replica();
  EXPECT_EQ(out, data("a"));
  EXPECT_EQ(stream.failure(), "");
  EXPECT_EQ(stream.resume_line(), "STATE,1 " + kSignature);
}

TEST(ReplicaStream, RefusesWhatNoHearthSends) {
  const std::vector<std::string> wrong = {
      "event: x\n\n",
      "\n\n",
      ": tokens ,1 " + kSignature + "\n\n",  // before a state
      ": resume \n\n",
      ": resume a b\n\n",
      ": resume " + std::string(2000, 'a') + "\n\n",
      ": resume A\n\n: resume B\n\n",
      ": resume A\n\n: tokens 1;2 " + kSignature + "\n\n",
      ": resume A\n\n: tokens ,1 00\n\n",
      ": resume A\n\n: tokens ,1\n\n",
      std::string(kHeldBytesMax + 1, 'a'),
  };
  for (const std::string& bytes : wrong) {
    ReplicaStream stream;
    std::string out;
    const Status status = stream.push(bytes, out);
    EXPECT_EQ(status.code(), Code::corrupt) << bytes.substr(0, 80);
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
    EXPECT_EQ(out, "");
  }
}

}  // namespace
}  // namespace hearth::serve
