// Every route that the service has, from its own table: denied by default, whatever its path looks
// like, to whoever has no key, a wrong one, or one without the scope; and each at its own port.
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>

#include "hearth/serve/access/api_keys.h"
#include "hearth/serve/test_server.h"

namespace hearth::serve {
namespace {

std::string path_of(const Service::RouteFacts& route) {
  return std::string(route.path) + (route.path.size() > 1 && route.path.ends_with('/') ? "a" : "");
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Of a path that needs a key: ways to write it that a lenient router would take for it, or a
// lenient guard for an open one.
std::vector<std::string> spellings(const std::string& path) {
  std::vector<std::string> out = {path,
                                  upper(path),
                                  replaced(path, "/", "//"),
                                  "/" + replaced(path.substr(1), "/", "%2f"),
                                  "/" + replaced(path.substr(1), "/", "%252f"),
                                  "/%" + fmt::format("{:02x}", path[1]) + path.substr(2)};
  for (const char* tail :
       {"/", "?x=1", "?/health", ".", "%00", ";x", ";/health", "%2f", "%20", "/.", "/%2e",
        "/../health", "/%2e%2e/health", "#/health", "/..;/health"}) {
    out.push_back(path + tail);
  }
  for (const char* begin : {"/", "/.", "/x/..", "/%2e%2e", "/x/%2e%2e", "/health/..",
                            "/health/%2e%2e", "/health", "/ready", "/ready/..", "/health?", "//"}) {
    out.push_back(begin + path);
  }
  return out;
}

struct Keys {
  Keys() {
    for (const char* scope : {"generate", "metrics", "admin"}) {
      const auto made = make_api_key(scope);
      CHECK(made.has_value());
      of_scope[scope] = made->key;
      lines += replaced(made->line, "scopes=generate", std::string("scopes=") + scope) + "\n";
    }
  }
  std::map<std::string, std::string> of_scope;
  std::string lines;
};

const char* name_of(Scope scope) {
  if (scope == Scope::generate) return "generate";
  return scope == Scope::metrics ? "metrics" : "admin";
}

class Routes : public testing::Test {
 protected:
  static TestSettings with_keys(const std::string& path, const std::string& lines) {
    std::ofstream(path) << lines;
    TestSettings settings;
    settings.access.keys_path = path;
    return settings;
  }
  // The status that the head alone is refused with; 0: it is let in.
  int refusal(const std::string& method, const std::string& target, const std::string& key,
              Listener listener = Listener::all) {
    RequestHead head;
    head.method = method;
    head.target = target;
    head.host = "localhost";
    head.x_api_key = key;
    head.listener = listener;
    RequestContext context;
    const auto reply = server_.service->refuse(head, context);
    return reply ? reply->status : 0;
  }

  const test::AdapterFolder folder_;
  const Keys keys_;
  TestServer server_{with_keys(folder_ / "keys", keys_.lines)};
};

TEST_F(Routes, AreDeniedByDefault) {
  int closed = 0;
  for (const Service::RouteFacts& route : Service::route_facts()) {
    if (route.open) continue;
    ++closed;
    for (const std::string& path : spellings(path_of(route))) {
      if (path.starts_with("/health?")) continue;  // is /health, whatever the question is
      for (const std::string& key :
           {std::string(), std::string("x"), "hearth-" + std::string(64, '0')}) {
        for (const char* method : {"GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "X"}) {
          EXPECT_EQ(refusal(method, path, key), 401) << method << " " << path << " " << key;
        }
      }
    }
  }
  EXPECT_GE(closed, 12);
  EXPECT_EQ(refusal("GET", "/health?verbose", ""), 401);
}

TEST_F(Routes, WantTheirScope) {
  for (const Service::RouteFacts& route : Service::route_facts()) {
    const std::string method(route.method);
    if (route.open) {
      EXPECT_EQ(refusal(method, path_of(route), ""), 0) << route.path;
      continue;
    }
    for (const auto& [scope, key] : keys_.of_scope) {
      const int expected = scope == name_of(route.scope) ? 0 : 403;
      EXPECT_EQ(refusal(method, path_of(route), key), expected) << route.path << " " << scope;
    }
  }
  for (const auto& [scope, key] : keys_.of_scope) {
    EXPECT_EQ(refusal("GET", "/health?verbose", key), scope == "metrics" ? 0 : 403) << scope;
  }
}

// Beside a port for administration no route is at both but the probes, and none is lost.
TEST_F(Routes, HaveTheirPort) {
  for (const Service::RouteFacts& route : Service::route_facts()) {
    const std::string& key = keys_.of_scope.at(name_of(route.scope));
    const std::string path = path_of(route);
    const bool probe = path == "/health" || path == "/ready";
    const bool administers = route.scope != Scope::generate;
    const auto at = [&](Listener listener) {
      return refusal(std::string(route.method), path, key, listener) == 0;
    };
    EXPECT_EQ(at(Listener::admin), administers || probe) << path;
    EXPECT_EQ(at(Listener::requests), !administers) << path;
    EXPECT_TRUE(at(Listener::all)) << path;
  }
  const std::string& watcher = keys_.of_scope.at("metrics");
  EXPECT_EQ(refusal("GET", "/health?verbose", watcher, Listener::admin), 0);
  EXPECT_EQ(refusal("GET", "/health?verbose", watcher, Listener::requests), 404);
  EXPECT_EQ(refusal("GET", "/metrics", "", Listener::requests), 401);
}

}  // namespace
}  // namespace hearth::serve
