// The commands that the documents show, executed as they stand, in the order of reading: one broker, one
// working folder with the checkout's data/, the program and Kafka's own tools in the path.
//
// A block that is marked `sh` is run. Marked `sh elsewhere`, it needs more than a broker (a container engine,
// root, an hour) and holds no command line of the program. Only the broker's address is replaced; what would
// train for ever stops once the topics fall quiet.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/millrace_run.h"
#include "support/kafka_broker.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAddressInText = "localhost:9092";

struct Block {
  std::size_t line = 0;  // of its first line
  std::string mark;
  std::string text;
};

std::vector<Block> blocks_of(const fs::path& document) {
  std::ifstream file(document);
  if (!file) throw std::runtime_error("no such document: " + document.string());
  std::vector<Block> blocks;
  bool inside = false;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.push_back({number + 1, line.substr(3), {}});
    } else if (inside) {
      blocks.back().text += line + '\n';
    }
  }
  return blocks;
}

// README first, then the first steps, which make what the others speak of.
std::vector<std::string> documents_in_order() {
  std::vector<std::string> names = {"README.md", "docs/first-topic.md"};
  std::vector<std::string> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(MILLRACE_SOURCE_DIR "/docs")) {
    const std::string name = "docs/" + entry.path().filename().string();
    if (entry.path().extension() == ".md" && name != names.back()) others.push_back(name);
  }
  std::sort(others.begin(), others.end());
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

// What every document's commands find: made for the first, and kept for those that follow.
class Desk {
 public:
  Desk() {
    fs::create_directory_symlink(MILLRACE_SOURCE_DIR "/data", folder_ / "data");
    fs::create_directory(folder_ / "path");
    fs::create_symlink(MILLRACE_PROGRAM, folder_ / "path" / "millrace");
    put_tool("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand");
    put_tool("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
    put_tool("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer");
  }

  [[nodiscard]] support::ProcessResult run(const std::string& script) const {
    std::string text = script;
    for (std::size_t at = 0; (at = text.find(kAddressInText, at)) != std::string::npos;) {
      text.replace(at, kAddressInText.size(), broker_.brokers());
    }
    return support::run_process(
        {.arguments = {"bash", "-euo", "pipefail", "-c", text},
         .environment = {{"PATH", (folder_ / "path").string() + ":" + std::string(std::getenv("PATH"))},
                         {"MILLRACE_STOP", "idle:1500"}},
         .working_directory = folder_.path().string()},
        kRunLimit);
  }

 private:
  void put_tool(const std::string& name, const std::string& class_name) {
    const fs::path file = folder_ / "path" / name;
    std::ofstream script(file);
    script << "#!/bin/sh\nexec";
    for (const std::string& word : broker_.tool(class_name)) script << " '" << word << "'";
    script << " \"$@\"\n";
    script.close();
    fs::permissions(file, fs::perms::owner_all);
  }

  support::KafkaBroker& broker_ = support::shared_kafka_broker();
  const support::TempDir folder_;
};

class Documents : public testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { desk_.reset(); }
  static const Desk& desk() {
    if (!desk_) desk_ = std::make_unique<Desk>();
    return *desk_;
  }

 private:
  static inline std::unique_ptr<Desk> desk_;
};

TEST_P(Documents, ShowCommandsThatWork) {
  for (const Block& block : blocks_of(fs::path(MILLRACE_SOURCE_DIR) / GetParam())) {
    if (block.mark != "sh") continue;
    const support::ProcessResult result = desk().run(block.text);
    EXPECT_EQ(result.exit_code, 0) << GetParam() << ":" << block.line << "\n"
                                   << block.text << result.describe();
  }
}

// Else a command would be shown that nobody runs.
TEST_P(Documents, MarkEveryBlock) {
  for (const Block& block : blocks_of(fs::path(MILLRACE_SOURCE_DIR) / GetParam())) {
    EXPECT_NE(block.mark, "") << GetParam() << ":" << block.line
                              << ": say what it is: sh, sh elsewhere, text, toml, ...";
    if (block.mark == "sh") continue;
    const bool shows_a_command =
        block.text.starts_with("millrace ") || block.text.find("\nmillrace ") != std::string::npos;
    EXPECT_FALSE(shows_a_command) << GetParam() << ":" << block.line
                                  << ": a command line of millrace belongs in a block marked sh";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Documents, testing::ValuesIn(documents_in_order()), [](const auto& document) {
  std::string name = document.param;
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  return name;
});

}  // namespace
}  // namespace millrace
