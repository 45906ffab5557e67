// The audit log as it is written, cut, changed, filled and killed.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <vector>

#include "hearth/guard/audit/log_files.h"
#include "hearth/guard/audit/testing.h"

namespace hearth::audit {
namespace {

using test::bytes_of;
using test::event_of;
using test::open_log;
using test::verified;

LogOptions options_at(const std::string& path, Sync sync = Sync::second) {
  LogOptions options;
  options.path = path;
  options.sync = sync;
  return options;
}

std::vector<Json> events_of(const std::string& path) {
  std::vector<Json> out;
  VerifyOptions options;
  options.on_event = [&](const Json& event) { out.push_back(event); };
  EXPECT_TRUE(verified(path, options).ok());
  return out;
}

TEST(AuditLog, EachEventIsALineOfTheChain) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path, Sync::each));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
    EXPECT_TRUE(log->append(event_of("bert")).is_ok());
    EXPECT_EQ(log->events(), 3);
  }
  const auto events = events_of(path);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["kind"], "open");
  EXPECT_EQ(events[1]["kind"], "request");
  EXPECT_EQ(events[1]["personal_data"]["EMAIL"], 2);
  EXPECT_EQ(events[1]["state"], "complete");
  EXPECT_NE(events[1]["subject"], events[2]["subject"]);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST(AuditLog, TheNamesOfPeopleAreNowhereInTheClear) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    Event event = event_of("canary-key", "canary-user");
    event.request_id = "canary-request";
    event.text = "canary-text";
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event).is_ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_EQ(bytes_of(entry.path().string()).find("canary"), std::string::npos) << entry.path();
  }
}

TEST(AuditLog, GoesOnWhereItEnded) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  for (int run = 0; run < 3; ++run) {
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  const auto events = events_of(path);
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[1]["subject"], events[5]["subject"]);
}

TEST(AuditLog, OneProcessWritesIt) {
  test::Folder folder;
  const auto log = open_log(options_at(folder / "audit.log"));
  const auto second = AuditLog::open(options_at(folder / "audit.log"), std::nullopt);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.status().code(), Code::busy);
}

// A crash may cut the file at any byte behind what was acknowledged.
TEST(AuditLog, ATornLineIsDroppedWhereverItIsCut) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  const std::string whole = bytes_of(path);
  const size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t cut = last + 1; cut < whole.size(); ++cut) {
    test::write_bytes(path, whole.substr(0, cut));
    const Verification before = verified(path);
    EXPECT_TRUE(before.ok());
    EXPECT_EQ(before.torn, static_cast<int64_t>(cut - last));
    open_log(options_at(path));
    const auto events = events_of(path);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[2]["kind"], "open");
    EXPECT_EQ(events[2]["torn_bytes"], cut - last);
  }
}

TEST(AuditLog, BlankBytesAtTheEndAreATornLine) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  open_log(options_at(path));
  test::write_bytes(path, bytes_of(path) + std::string(4096, '\0'));
  open_log(options_at(path));
  EXPECT_EQ(events_of(path).size(), 2u);
}

TEST(AuditLog, NothingIsAppendedToAChainThatWasChanged) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  std::string bytes = bytes_of(path);
  bytes[bytes.find("complete")] = 'C';
  test::write_bytes(path, bytes);
  const auto log = AuditLog::open(options_at(path), std::nullopt);
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.status().code(), Code::corrupt);
  EXPECT_NE(log.status().message().find("line 2"), std::string::npos) << log.status().message();
}

TEST(AuditLog, FilesChangeAndTheChainGoesOn) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  LogOptions options = options_at(path);
  options.file_bytes_max = 2000;
  for (int run = 0; run < 2; ++run) {
    const auto log = open_log(options);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  const auto files = find_log_files(path);
  ASSERT_TRUE(files.has_value());
  EXPECT_GT(files->full.size(), 5u);
  EXPECT_EQ(events_of(path).size(), 42u);
  // Without the oldest file what is left still verifies, and says where it begins.
  std::filesystem::remove(files->full[0]);
  const Verification rest = verified(path);
  EXPECT_TRUE(rest.ok());
  EXPECT_GT(rest.first_seq, 0);
  // Without one in the middle it doesn't.
  std::filesystem::remove(files->full[2]);
  EXPECT_FALSE(verified(path).ok());
}

// Between the two renames of a rotation there is no current file.
TEST(AuditLog, GoesOnBehindAFullFileAlone) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  std::filesystem::rename(path, full_file_name(path, 1));
  open_log(options_at(path));
  EXPECT_EQ(events_of(path).size(), 3u);
}

// The full files of a log, written at `path` and opened again when file `old` of them is past its
// days.
std::vector<std::string> full_files_with_an_old_one(const std::string& path, size_t old) {
  LogOptions options = options_at(path);
  options.file_bytes_max = 500;
  {
    const auto log = open_log(options);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  const auto files = find_log_files(path);
  options.keep_days = 180;
  const auto long_ago =
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 181);
  std::filesystem::last_write_time(files->full.at(old), long_ago);
  open_log(options);
  return files->full;
}

TEST(AuditLog, OldFilesAreRemoved) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  const auto files = full_files_with_an_old_one(path, 0);
  EXPECT_FALSE(std::filesystem::exists(files[0]));
  EXPECT_TRUE(std::filesystem::exists(files[1]));
  EXPECT_TRUE(verified(path).ok());
}

// A file's time may be anything, and a hole would make the log fail its own check.
TEST(AuditLog, NoFileIsRemovedBeforeAnOlderOne) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  const auto files = full_files_with_an_old_one(path, 1);
  EXPECT_TRUE(std::filesystem::exists(files[0]));
  EXPECT_TRUE(std::filesystem::exists(files[1]));
  EXPECT_TRUE(verified(path).ok());
}

TEST(AuditLog, HeadsAreSignedAndTheirKeyIsAsked) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  auto key = SigningKey::make();
  ASSERT_TRUE(key.has_value());
  const std::string public_key = key->public_key();
  LogOptions options = options_at(path);
  options.head_events = 2;
  {
    const auto log = open_log(options, *std::move(key));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  const Verification found = verified(path);
  EXPECT_TRUE(found.ok());
  EXPECT_EQ(found.signed_heads, 4);  // after 2, 4 and 6 events, and at the end
  EXPECT_EQ(found.public_key, public_key);
  VerifyOptions asked;
  asked.public_key = public_key;
  EXPECT_TRUE(verified(path, asked).ok());
  asked.public_key = SigningKey::make()->public_key();
  EXPECT_FALSE(verified(path, asked).ok());
}

// Whoever writes a whole new log without the key has no head to show.
TEST(AuditLog, ALogWithoutASignedHeadIsNoneOfTheKeys) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path));
    EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  EXPECT_TRUE(verified(path).ok());
  VerifyOptions asked;
  asked.public_key = SigningKey::make()->public_key();
  const Verification found = verified(path, asked);
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.first_bad->why.find("no head is signed"), std::string::npos);
}

TEST(AuditLog, AKnownHeadShowsThatTheEndWasCut) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  }
  VerifyOptions options;
  options.known = verified(path).head;
  EXPECT_TRUE(verified(path, options).ok());
  const std::string bytes = bytes_of(path);
  test::write_bytes(path, bytes.substr(0, bytes.rfind('\n', bytes.size() - 2) + 1));
  EXPECT_TRUE(verified(path).ok());  // the chain alone can't know
  EXPECT_FALSE(verified(path, options).ok());
}

TEST(AuditLog, ManyThreadsShareIt) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  {
    const auto log = open_log(options_at(path, Sync::each));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          EXPECT_TRUE(log->append(event_of(fmt::format("key-{}", t))).is_ok());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(events_of(path).size(), 101u);
}

// A disk that takes no more, as a limit on the size of files.
TEST(AuditLog, AFullDiskIsToldAndTheGapIsCounted) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  const auto log = open_log(options_at(path));
  EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{bytes_of(path).size() + 100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_FALSE(log->append(event_of("anna")).is_ok());
  EXPECT_FALSE(log->append(event_of("anna")).is_ok());
  EXPECT_FALSE(log->ready());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  EXPECT_TRUE(log->ready());
  EXPECT_EQ(log->lost(), 2);
  const auto events = events_of(path);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[2]["kind"], "gap");
  EXPECT_EQ(events[2]["lost"], 2);
}

// As much text as the server keeps, of bytes that JSON escapes six times.
TEST(AuditLog, TheLongestTextFitsALine) {
  test::Folder folder;
  const auto log = open_log(options_at(folder / "audit.log"));
  Event event = event_of("anna");
  event.text = std::string(120 << 10, '\x01');
  EXPECT_TRUE(log->append(event).is_ok());
  EXPECT_TRUE(log->ready());
  EXPECT_EQ(log->lost(), 0);
}

TEST(AuditLog, AnEventThatIsTooLongSaysNothingOfTheDisk) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  const auto log = open_log(options_at(path));
  Event event = event_of("anna");
  event.text = std::string(256 << 10, '\x01');
  EXPECT_EQ(log->append(event).code(), Code::invalid);
  EXPECT_TRUE(log->ready());
  EXPECT_TRUE(log->append(event_of("anna")).is_ok());
  const auto events = events_of(path);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1]["lost"], 1);
}

// Tells the number of each event down a pipe once it is acknowledged, until it is killed.
[[noreturn]] void write_until_killed(const std::string& path, Sync sync, int pipe) {
  LogOptions options = options_at(path, sync);
  options.file_bytes_max = 20'000;
  options.head_events = 7;
  auto key = SigningKey::make();
  auto log = AuditLog::open(options, *std::move(key));
  for (int64_t i = 0; log; ++i) {
    Event event = event_of(fmt::format("key-{}", i % 5));
    event.completion_tokens = i;
    if (!(*log)->append(event).is_ok()) break;
    if (::write(pipe, &i, sizeof i) != sizeof i) break;
  }
  ::_exit(1);
}

// One life of the log, ended `pause` after it began, or after its first event; the number of events
// that were acknowledged in it.
int64_t life_of(const std::string& path, Sync sync, std::chrono::microseconds pause,
                bool from_first_event) {
  int ends[2];
  CHECK_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(path, sync, ends[1]);
  }
  ::close(ends[1]);
  std::promise<void> begun;
  std::thread reaper([child, pause, start = begun.get_future()] {
    start.wait();
    std::this_thread::sleep_for(pause);
    ::kill(child, SIGKILL);
  });
  if (!from_first_event) begun.set_value();
  int64_t acknowledged = 0;
  for (int64_t i; ::read(ends[0], &i, sizeof i) == sizeof i; ++acknowledged) {
    CHECK_EQ(i, acknowledged);
    if (from_first_event && i == 0) begun.set_value();
  }
  if (from_first_event && acknowledged == 0) begun.set_value();  // it ended by itself
  reaper.join();
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  ::close(ends[0]);
  return acknowledged;
}

// After each kill the chain is whole, and all that was ever acknowledged stands in it.
void kill_again_and_again(int kills) {
  test::Folder folder;
  const std::string path = folder / "audit.log";
  std::mt19937 random(7);
  int64_t acknowledged = 0;
  for (int i = 0; i < kills; ++i) {
    const Sync sync = i % 2 == 0 ? Sync::second : Sync::each;
    const std::chrono::microseconds pause(random() % 20'000);
    acknowledged += life_of(path, sync, pause, i % 3 != 0);
    int64_t kept = 0;
    VerifyOptions options;
    options.on_event = [&](const Json& event) { kept += event["kind"] == "request" ? 1 : 0; };
    if (!std::filesystem::exists(path) && acknowledged == 0) continue;
    const Verification found = verified(path, options);
    ASSERT_TRUE(found.ok()) << found.first_bad->why;
    // One event may be whole in the file whose word was not down the pipe yet.
    ASSERT_GE(kept, acknowledged);
    ASSERT_LE(kept, acknowledged + i + 1);
  }
  EXPECT_GT(acknowledged, 0);
}

TEST(AuditLog, KilledAtAnyMomentItLosesNothingThatWasAcknowledged) {
  kill_again_and_again(50);
}

// Twenty logs, since each kill is followed by a look at the whole log.
TEST(AuditLog, DISABLED_AThousandKills) {
  for (int log = 0; log < 20; ++log) kill_again_and_again(50);
}

}  // namespace
}  // namespace hearth::audit
