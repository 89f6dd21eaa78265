// What docs/security.md says, on a broker that trusts nobody: passwords and certificates over TLS, and for
// each command the rights that it needs, no more and no less.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "integration/kafka_test.h"
#include "support/secure_broker.h"

namespace millrace {
namespace {

using support::ProcessResult;
using support::Right;
using support::SecureBroker;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

constexpr const char* kTopic = "clicks";
constexpr const char* kDeadTopic = "clicks-dead";
constexpr const char* kPredictionsTopic = "clicks-predictions";
constexpr const char* kNewTopic = "new";
constexpr const char* kGroup = "clicks-group";
constexpr const char* kConfigFile = "cluster.toml";
constexpr const char* kInEachPassword = "secret-of-";

struct Command {
  const char* name;  // as docs/security.md has it in its table
  Words words;
  std::vector<Right> rights;
};

const std::vector<Command>& commands() {
  static const Words produce = {"produce", "--file", kRowsFile, "--label", "class", "--label-map", "2=0,4=1"};
  static const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  static const Words train = {"train",  "--topic", kTopic,    "--features", "9",
                              "--stop", "end",     "--group", kGroup,       "--state"};
  static const std::vector<Command> all = {
      {"produce", with(produce, {"--topic", kTopic}), {{"topic", kTopic, "Write"}}},
      {"produce --partitions, where the topic is missing",
       with(produce, {"--topic", kNewTopic, "--partitions", "2"}),
       {{"topic", kNewTopic, "Create"}, {"topic", kNewTopic, "Write"}}},
      {"train", with(train, {"STATE"}), {{"topic", kTopic, "Read"}, {"group", kGroup, "Read"}}},
      {"train --dead-letter-topic",
       with(train, {"STATE", "--errors-tolerance", "all", "--dead-letter-topic", kDeadTopic}),
       {{"topic", kTopic, "Read"}, {"group", kGroup, "Read"}, {"topic", kDeadTopic, "Write"}}},
      {"evaluate", {"evaluate", "--topic", kTopic, "--state", "TRAINED"}, {{"topic", kTopic, "Read"}}},
      {"predict --instance one",
       {"predict", "--topic", kTopic, "--to", kPredictionsTopic, "--group", "clicks-predict", "--instance",
        "one", "--stop", "end", "--state", "TRAINED"},
       {{"topic", kTopic, "Read"},
        {"group", "clicks-predict", "Read"},
        {"topic", kPredictionsTopic, "Write"},
        {"transactional-id", "clicks-predict-one", "Write"}}},
      {"replay", {"replay", "TRAINED", "--verify"}, {{"topic", kTopic, "Read"}}},
      {"inspect --topic", {"inspect", "--topic", kTopic}, {{"topic", kTopic, "Describe"}}},
  };
  return all;
}

class Security : public KafkaTest {
 protected:
  static void SetUpTestSuite() {
    secure_ = std::make_unique<SecureBroker>("4.1.1");
    for (const char* topic : {kTopic, kDeadTopic, kPredictionsTopic}) secure_->create_topic(topic, 2);
    const ProcessResult filled =
        run_millrace({"produce", "--brokers", secure_->open_brokers(), "--topic", kTopic, "--file", kRowsFile,
                      "--label", "class", "--label-map", "2=0,4=1", "--quiet"});
    if (filled.exit_code != 0) throw std::runtime_error("filling the topic: " + filled.describe());
  }
  static void TearDownTestSuite() { secure_.reset(); }

  // A configuration file as docs/first-topic.md shows it: no password on a command line.
  [[nodiscard]] std::string config(const std::string& brokers, const std::string& properties) const {
    const std::string file = folder_ / kConfigFile;
    std::ofstream(file) << "brokers = \"" << brokers << "\"\n\n[kafka]\n" << properties;
    return file;
  }
  [[nodiscard]] std::string config_of_user(int user, const std::string& password,
                                           const std::filesystem::path& authority) const {
    return config(secure_->sasl_brokers(),
                  "\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanisms\" = \"PLAIN\"\n"
                  "\"sasl.username\" = \"" +
                      SecureBroker::user(user) + "\"\n\"sasl.password\" = \"" + password +
                      "\"\n\"ssl.ca.location\" = \"" + authority.string() + "\"\n");
  }
  [[nodiscard]] std::string config_of_user(int user) const {
    return config_of_user(user, SecureBroker::password(user), secure_->authority());
  }
  [[nodiscard]] std::string config_of_certificate() const {
    return config(secure_->certificate_brokers(),
                  "\"security.protocol\" = \"SSL\"\n\"ssl.ca.location\" = \"" +
                      secure_->authority().string() + "\"\n\"ssl.certificate.location\" = \"" +
                      secure_->client_certificate().string() + "\"\n\"ssl.key.location\" = \"" +
                      secure_->client_key().string() + "\"\n");
  }

  // A state that learned from the topic, made by who may do everything.
  [[nodiscard]] std::string trained_state() const {
    static int number = 0;
    const std::string state = folder_ / ("trained" + std::to_string(++number));
    succeed({"train", "--brokers", secure_->open_brokers(), "--topic", kTopic, "--features", "9", "--state",
             state, "--stop", "end", "--quiet"});
    return state;
  }

  // `STATE` is a new folder, `TRAINED` a state that learned.
  [[nodiscard]] ProcessResult run(const Words& words, const std::string& config) const {
    static int number = 0;
    Words line;
    for (const std::string& word : words) {
      if (word == "STATE") {
        line.push_back(folder_ / ("state" + std::to_string(++number)));
      } else {
        line.push_back(word == "TRAINED" ? trained_state() : word);
      }
    }
    ProcessResult result = run_millrace(joined(line, {"--config", config}));
    expect_no_password_in(result);
    return result;
  }
  // Nor in what it left, the file that holds it aside.
  void expect_no_password_in(const ProcessResult& result) const {
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(kInEachPassword)));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file() || entry.path().filename() == kConfigFile) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      EXPECT_EQ(text.find(kInEachPassword), std::string::npos) << entry.path();
    }
  }

  static inline std::unique_ptr<SecureBroker> secure_;
};

TEST_F(Security, EachCommandNeedsTheRightsOfTheTableAndNoOther) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/security.md");
  std::ostringstream page;
  page << file.rdbuf();
  int user = 0;
  for (const Command& command : commands()) {
    // One user has them all; for each right there is one who lacks just that.
    const int complete = user++;
    const int first_lacking = user;
    user += static_cast<int>(command.rights.size());
    ASSERT_LE(user, SecureBroker::kUsers);
    std::string row = std::string("| `") + command.name + "` |";
    for (std::size_t i = 0; i < command.rights.size(); ++i) {
      const Right& right = command.rights[i];
      row += std::string(i == 0 ? " " : ", ") + right.operation + " on " + right.resource + " `" +
             right.name + "`";
      std::vector<std::string> principals = {SecureBroker::user(complete)};
      for (std::size_t other = 0; other < command.rights.size(); ++other) {
        if (other != i) principals.push_back(SecureBroker::user(first_lacking + static_cast<int>(other)));
      }
      secure_->grant(principals, right);
    }
    EXPECT_THAT(page.str(), HasSubstr(row + " |")) << "docs/security.md says something else";

    for (std::size_t i = 0; i < command.rights.size(); ++i) {
      const ProcessResult refused = run(command.words, config_of_user(first_lacking + static_cast<int>(i)));
      EXPECT_EQ(refused.exit_code, 3) << command.name << " without " << command.rights[i].operation << " on "
                                      << command.rights[i].name << ": " << refused.describe();
      EXPECT_THAT(refused.err, HasSubstr("what the user may do")) << command.name;
    }
    const ProcessResult allowed = run(command.words, config_of_user(complete));
    EXPECT_EQ(allowed.exit_code, 0) << command.name << ": " << allowed.describe();
  }
}

TEST_F(Security, AClientCertificateIsAUser) {
  secure_->grant({SecureBroker::kClientPrincipal}, {"topic", kTopic, "Describe"});
  const ProcessResult result = run({"inspect", "--topic", kTopic}, config_of_certificate());
  EXPECT_EQ(result.exit_code, 0) << result.describe();
}

TEST_F(Security, AWrongPasswordIsRefusedInASentenceThatDoesNotTellIt) {
  const ProcessResult result =
      run({"inspect", "--topic", kTopic}, config_of_user(0, "a-wrong-secret", secure_->authority()));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("refused access"), HasSubstr("sasl."), Not(HasSubstr("a-wrong-secret"))));
}

TEST_F(Security, ABrokerThatAnotherAuthorityVouchesForIsNotTrusted) {
  const ProcessResult result = run({"inspect", "--topic", kTopic},
                                   config_of_user(0, SecureBroker::password(0), secure_->other_authority()));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("No TLS connection"), HasSubstr("ssl.")));
}

TEST_F(Security, PlainTextToAPortThatWantsTlsEndsInASentence) {
  const ProcessResult result = run_millrace(
      {"inspect", "--topic", kTopic, "--brokers", secure_->sasl_brokers(), "--kafka-timeout-ms", "3000"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("millrace:"));
}

}  // namespace
}  // namespace millrace
