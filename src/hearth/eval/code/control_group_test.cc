// Where groups may be made and what is written to them, on a tree of files that stands for the
// kernel's; on a machine that lets this process make some, the kernel's own (sandbox_test.cc).
#include "hearth/eval/code/control_group.h"

#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace hearth::code {
namespace {

namespace fs = std::filesystem;

constexpr pid_t kPid = 4711;

class ControlGroups : public testing::Test {
 protected:
  void SetUp() override {
    place_.root = fs::temp_directory_path() / fmt::format("hearth_groups_{}", ::getpid());
    place_.own = place_.root + "/own";
    place_.pid = kPid;
    group("");
  }
  void TearDown() override { fs::remove_all(place_.root); }

  std::string path(const std::string& name) const { return place_.root + name; }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path(name)) << text;
  }
  std::string read(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(path(name)).rdbuf();
    return out.str();
  }
  // A group as the kernel shows it.
  void group(const std::string& name, const std::string& below = "",
             const std::string& members = "") {
    fs::create_directories(path(name));
    write(name + "/cgroup.controllers", "cpuset cpu io memory pids\n");
    write(name + "/cgroup.subtree_control", below);
    write(name + "/cgroup.procs", members);
  }
  void own(const std::string& name) { write("/own", "12:cpu:/x\n0::" + name + "\n"); }
  // What systemd does for units with Delegate=yes; needed of root alone.
  bool hand_over(const std::string& name) {
    return ::geteuid() != 0 || ::setxattr(path(name).c_str(), "trusted.delegate", "1", 1, 0) == 0;
  }
  std::string refusal() const {
    const auto parent = control_group_parent(place_);
    EXPECT_FALSE(parent.has_value());
    return parent ? "" : std::string(parent.status().message());
  }

  ControlGroupPlace place_;
};

TEST_F(ControlGroups, BesideOurOwnWhereTheParentIsOurs) {
  group("/app.slice", "memory pids\n");
  group("/app.slice/term.scope", "", "4711\n99\n");
  own("/app.slice/term.scope");
  if (!hand_over("/app.slice")) GTEST_SKIP() << "no extended attributes here";
  const auto parent = control_group_parent(place_);
  ASSERT_TRUE(parent.has_value()) << parent.status().message();
  EXPECT_EQ(*parent, path("/app.slice"));
}

TEST_F(ControlGroups, RootTakesNoGroupThatWasNotHandedOver) {
  if (::geteuid() != 0) GTEST_SKIP() << "of root alone";
  group("/system.slice", "memory pids\n");
  group("/system.slice/ssh.service", "", "4711\n99\n");
  own("/system.slice/ssh.service");
  EXPECT_NE(refusal().find("expected this process alone"), std::string::npos);
}

TEST_F(ControlGroups, BelowOurOwnWhereWeAreAlone) {
  group("/unit.scope", "", "4711\n");
  own("/unit.scope");
  const auto parent = control_group_parent(place_);
  ASSERT_TRUE(parent.has_value()) << parent.status().message();
  EXPECT_EQ(*parent, path("/unit.scope"));
  EXPECT_EQ(read("/unit.scope/hearth/cgroup.procs"), "4711");
  EXPECT_EQ(read("/unit.scope/cgroup.subtree_control"), "+memory +pids");
}

TEST_F(ControlGroups, ARefusalSaysWhy) {
  EXPECT_NE(refusal().find("expected a group of cgroup v2"), std::string::npos);
  group("/a", "", "4711\n12\n");
  own("/a");
  EXPECT_NE(refusal().find("/a/cgroup.procs: expected this process alone"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("/a/hearth")));
  write("/a/cgroup.controllers", "cpu pids\n");
  EXPECT_NE(refusal().find("expected memory, found \"cpu pids\""), std::string::npos);
  write("/own", "3:memory:/a\n");
  EXPECT_NE(refusal().find("expected a group of cgroup v2"), std::string::npos);
  fs::remove(path("/cgroup.controllers"));
  EXPECT_NE(refusal().find("no cgroup v2"), std::string::npos);
}

// The way down is undone where the kernel doesn't give the controllers on.
TEST_F(ControlGroups, AFailedMoveIsTakenBack) {
  group("/a", "", "4711\n");
  own("/a");
  fs::remove(path("/a/cgroup.subtree_control"));
  fs::create_directories(path("/a/cgroup.subtree_control"));
  EXPECT_NE(refusal().find("/a/cgroup.subtree_control: "), std::string::npos);
  EXPECT_EQ(read("/a/cgroup.procs"), "4711\n");
}

TEST_F(ControlGroups, LimitsAreWrittenAndTheGroupGoes) {
  std::string made;
  {
    const auto group = ControlGroup::make(place_.root, {.memory_bytes = 1 << 20, .processes = 7});
    ASSERT_TRUE(group.has_value()) << group.status().message();
    made = group->path();
    const std::string name = made.substr(place_.root.size());
    EXPECT_EQ(read(name + "/memory.max"), "1048576");
    EXPECT_EQ(read(name + "/memory.oom.group"), "1");
    EXPECT_EQ(read(name + "/pids.max"), "7");
    EXPECT_EQ(group->members_file(), made + "/cgroup.procs");
    EXPECT_FALSE(group->out_of_memory());
    write(name + "/memory.events", "low 0\noom 1\noom_kill 0\n");
    EXPECT_FALSE(group->out_of_memory());
    write(name + "/memory.events", "low 0\noom 1\noom_kill 2\noom_group_kill 1\n");
    EXPECT_TRUE(group->out_of_memory());
    const auto other = ControlGroup::make(place_.root, {.memory_bytes = 1, .processes = 1});
    ASSERT_TRUE(other.has_value());
    EXPECT_NE(other->path(), made);
    write(name + "/cgroup.kill", "");
    for (const char* file : {"/memory.max", "/memory.oom.group", "/pids.max", "/memory.events"}) {
      fs::remove(path(name + file));
    }
  }
  EXPECT_EQ(read(made.substr(place_.root.size()) + "/cgroup.kill"), "1");
  const auto nowhere = ControlGroup::make(path("/none"), {.memory_bytes = 1, .processes = 1});
  EXPECT_NE(nowhere.status().message().find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace hearth::code
