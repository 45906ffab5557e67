// ChatHistory: the lines that a person typed in earlier chats, in a file that only they can read:
// one a line, the newest last, at most kEntriesMax of kEntryBytesMax.
#pragma once

#include <string>
#include <vector>

namespace hearth::cli {

class ChatHistory {
 public:
  static constexpr int kEntriesMax = 1000;
  static constexpr size_t kEntryBytesMax = 4096;  // a longer line is not kept

  // $XDG_STATE_HOME/hearth/chat_history, else ~/.local/state/hearth/chat_history; "" without a
  // home.
  static std::string usual_path();

  // `path` "": nothing is read or kept. What can't be read or written is said on standard error
  // once, and the chat goes on without.
  explicit ChatHistory(std::string path);

  const std::vector<std::string>& entries() const { return entries_; }
  // At once on the disk, so that a killed chat loses nothing.
  void add(const std::string& line);

 private:
  void load();
  void give_up(const std::string& reason);
  void shorten();  // the file to the entries

  std::string path_;
  std::vector<std::string> entries_;
  int lines_ = 0;  // of the file
};

}  // namespace hearth::cli
