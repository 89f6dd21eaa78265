// Topics of records that Confluent's client wrote, in Avro with schemas in a registry behind TLS and a
// password, and in JSON: the same rows give the same weights, whatever they are written as.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "integration/kafka_test.h"
#include "support/http_get.h"
#include "support/silent_server.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using support::ProcessResult;

constexpr const char* kSecret = "s3cret";

class Formats : public KafkaTest {
 protected:
  // Named as they stand in the file, within an object.
  static constexpr const char* kFeatures =
      "cells.clump_thickness,cells.cell_size,cells.cell_shape,cells.adhesion,cells.epithelial_size,"
      "cells.bare_nuclei,cells.bland_chromatin,cells.normal_nucleoli,cells.mitoses";

  static support::Command writer_command(const Words& arguments) {
    const std::string root = MILLRACE_SOURCE_DIR;
    support::Command command{
        .arguments = joined(
            {root + "/.cache/formats/venv/bin/python3", root + "/tests/formats/write_topics.py"}, arguments)};
    command.environment["MILLRACE_SCHEMA_REGISTRY_SECRET"] = kSecret;
    return command;
  }
  static ProcessResult run_with_secret(const Words& arguments, const std::string& secret = kSecret) {
    support::Command command = millrace_command(arguments);
    command.environment["MILLRACE_SCHEMA_REGISTRY_SECRET"] = secret;
    return support::run_process(command, kRunLimit);
  }
  [[nodiscard]] Words training(const std::string& topic, const std::string& features,
                               const std::string& state, const Words& more) const {
    return joined(
        {"train", "--brokers", broker_.brokers(), "--topic", topic, "--features", features, "--state",
         folder_ / state, "--stop", "end", "--window-rows", "256", "--layers", "16,8", "--json", "--quiet"},
        more);
  }
  [[nodiscard]] std::string digest_of(const std::string& state) const {
    return json_text(succeed({"inspect", folder_ / state, "--json"}).out, "/weights_digest");
  }
};

TEST_F(Formats, GiveTheSameWeightsForTheSameRows) {
  const std::string avro = topic_ + ".avro";
  const std::string json = topic_ + ".json";
  for (const std::string& topic : {topic_, avro, json}) broker_.create_topic(topic, 1);
  succeed(produce(topic_));
  support::Process writer(writer_command({broker_.brokers(), kRowsFile, avro, json, folder_.path()}));
  const std::optional<std::string> serving = writer.wait_for_line("^serving ", 60s);
  ASSERT_TRUE(serving) << writer.err();
  const Words registry = {"--schema-registry",      serving->substr(std::string("serving ").size()),
                          "--schema-registry-user", "trainer",
                          "--schema-registry-ca",   folder_ / "authority.pem"};

  succeed(training(topic_, "9", "csv", {}));
  succeed(training(json, kFeatures, "json", {"--format", "json"}));
  const Words train_avro = training(avro, kFeatures, "avro", joined({"--format", "avro"}, registry));
  const ProcessResult trained = run_with_secret(train_avro);
  ASSERT_EQ(trained.exit_code, 0) << trained.describe();
  EXPECT_EQ(json_count(trained.out, "/rows"), kRowsInFile);
  EXPECT_EQ(digest_of("json"), digest_of("csv"));
  EXPECT_EQ(digest_of("avro"), digest_of("csv"));

  // The state knows the format; where the registry is and who may ask it, it does not.
  const ProcessResult replayed = run_with_secret(
      joined({"replay", folder_ / "avro", "--brokers", broker_.brokers(), "--verify", "--quiet"}, registry));
  EXPECT_EQ(replayed.exit_code, 0) << replayed.describe();
  const ProcessResult scored =
      run_with_secret(joined({"evaluate", "--brokers", broker_.brokers(), "--topic", avro, "--state",
                              folder_ / "avro", "--json", "--quiet"},
                             registry));
  EXPECT_EQ(scored.exit_code, 0) << scored.describe();
  EXPECT_EQ(json_count(scored.out, "/rows"), kRowsInFile);

  const ProcessResult refused = run_with_secret(
      joined(training(avro, kFeatures, "refused", {"--format", "avro"}), registry), "wrong secret");
  EXPECT_EQ(refused.exit_code, 3) << refused.describe();
  EXPECT_NE(refused.err.find("refused access"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.err.find("wrong secret"), std::string::npos) << refused.err;
}

// The files' texts, by their names.
std::map<std::string, std::string> texts_under(const std::string& folder) {
  std::map<std::string, std::string> texts;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    texts[entry.path()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return texts;
}

TEST_F(Formats, TellNobodyTheSecretOfTheRegistry) {
  const std::string avro = topic_ + ".avro";
  const std::string json = topic_ + ".json";
  for (const std::string& topic : {avro, json}) broker_.create_topic(topic, 1);
  support::Process writer(writer_command({broker_.brokers(), kRowsFile, avro, json, folder_.path()}));
  const std::optional<std::string> serving = writer.wait_for_line("^serving ", 60s);
  ASSERT_TRUE(serving) << writer.err();
  const std::string secret_file = folder_ / "secret";
  std::ofstream(secret_file) << kSecret << '\n';

  const Words registry = {"--schema-registry",
                          serving->substr(std::string("serving ").size()),
                          "--schema-registry-user",
                          "trainer",
                          "--schema-registry-ca",
                          folder_ / "authority.pem",
                          "--schema-registry-secret-file",
                          secret_file};
  std::map<std::string, std::string> told;
  for (const std::string format : {"text", "json"}) {
    const Words rows = {"train",      "--brokers", broker_.brokers(), "--topic", avro,
                        "--features", kFeatures,   "--format",        "avro"};
    const std::string folder = folder_ / ("left/" + format);
    const Words places = {"--state",  folder,           "--tensorboard", folder + "-curves",
                          "--report", folder + ".html", "--listen",      "0"};
    const Words log = {"--log-format", format, "--json"};
    support::Process training(millrace_command(joined(joined(rows, registry), joined(places, log))));
    const auto line = training.wait_for_line("Listening on http://127.0.0.1:[0-9]+", kRunLimit);
    ASSERT_TRUE(line) << training.wait(0s).describe();
    const std::size_t colon = line->find("127.0.0.1:") + std::string("127.0.0.1:").size();
    const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(colon)));
    const auto has_trained = [&] {
      return support::http_get(port, "/metrics").body.find("\nmillrace_rows_total 699") != std::string::npos;
    };
    ASSERT_TRUE(comes_true_within(kRunLimit, has_trained)) << support::http_get(port, "/metrics").body;
    for (const char* page : {"/", "/metrics", "/status.json"})
      told[page] += support::http_get(port, page).body;
    std::ifstream command_line("/proc/" + std::to_string(training.pid()) + "/cmdline");
    told["command line"] += std::string{std::istreambuf_iterator<char>(command_line), {}};
    training.send(SIGTERM);
    const ProcessResult result = training.wait(10s);
    ASSERT_EQ(result.exit_code, 0) << result.describe();
    told["output"] += result.out;
    told["log"] += result.err;
    told["inspect"] += succeed({"inspect", folder, "--json"}).out;
  }
  EXPECT_NE(told["command line"].find(secret_file), std::string::npos);
  told.merge(texts_under(folder_ / "left"));
  ASSERT_GE(told.size(), 6U + 2 * 3)
      << "outputs, and for each run a checkpoint, curves and a report at least";

  for (const auto& [where, text] : told) {
    EXPECT_FALSE(text.empty() && where.front() != '/') << where;
    EXPECT_EQ(text.find(kSecret), std::string::npos) << where;
    EXPECT_EQ(text.find("dHJhaW5lcjpzM2NyZXQ"), std::string::npos) << where << ": as HTTP carries it";
  }
}

TEST_F(Formats, AStateGoesOnWhereTheFormatOfRecordsChanges) {
  broker_.create_topic(topic_, 1);
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, {{"0", "1;2"}, {"1", "3;4"}});
  const Words csv = {"--columns", "a,b", "--separator", ";"};
  const Words names = {"--features", "b,a", "--layers", "4"};
  const Words training = {"train",  "--brokers", broker_.brokers(), "--topic", topic_, "--state", state(),
                          "--stop", "end",       "--json",          "--quiet"};
  succeed(joined(joined(training, names), csv));
  producer.send(topic_, 0, {{"0", R"({"a":1,"b":2})"}});
  const ProcessResult gone_on = succeed(joined(joined(training, names), {"--format", "json"}));
  EXPECT_EQ(json_count(gone_on.out, "/rows"), 1);
  EXPECT_EQ(json_count(gone_on.out, "/lifetime/rows"), 3);
  EXPECT_EQ(json_text(succeed({"inspect", state(), "--json"}).out, "/settings/format"), "json");
}

TEST_F(Formats, PackedRowsGiveTheWeightsOfTheSameRowsInARecordEach) {
  const std::string packed = topic_ + ".packed";
  for (const std::string& topic : {topic_, packed}) broker_.create_topic(topic, 1);
  succeed(produce(topic_));
  const ProcessResult sent =
      succeed(produce(packed, {"--format", "packed", "--rows-per-record", "100", "--json"}));
  EXPECT_EQ(json_count(sent.out, "/rows"), kRowsInFile);
  EXPECT_EQ(json_count(sent.out, "/records"), 7);

  succeed(training(topic_, "9", "csv", {}));
  const Words in_value = {"--format", "packed", "--label", "value:class"};
  const ProcessResult trained = succeed(training(packed, "9", "packed", in_value));
  EXPECT_EQ(json_count(trained.out, "/rows"), kRowsInFile);
  EXPECT_EQ(json_count(trained.out, "/bad_records"), 0);
  EXPECT_EQ(digest_of("packed"), digest_of("csv"));
  succeed({"replay", folder_ / "packed", "--brokers", broker_.brokers(), "--verify", "--quiet"});
  const ProcessResult scored = succeed({"evaluate", "--brokers", broker_.brokers(), "--topic", packed,
                                        "--state", folder_ / "packed", "--json", "--quiet"});
  EXPECT_EQ(json_count(scored.out, "/rows"), kRowsInFile);

  // Goes on where it was, and names the row of what is bad.
  std::string bad("mrpk\1\0\1\0\t\0\0\0\2\0\0\0", 16);
  bad.append(std::string(2 * 9 * 4 + 4, '\0')).append(std::string("\0\0\0\x40", 4));  // the second label is 2
  support::RecordProducer(broker_.brokers()).send(packed, 0, {{std::nullopt, bad}});
  const ProcessResult refused = run_with_secret(training(packed, "9", "packed", in_value));
  EXPECT_EQ(refused.exit_code, 5) << refused.describe();
  EXPECT_NE(refused.err.find("offset 7"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("(row 1, field class)"), std::string::npos) << refused.err;
}

TEST_F(Formats, AStopEndsARunThatWaitsForTheRegistry) {
  broker_.create_topic(topic_, 1);
  support::RecordProducer(broker_.brokers()).send(topic_, 0, {{"1", std::string("\0\0\0\0\1\0\0\0\0", 9)}});
  broker_.create_topic(topic_ + ".csv", 1);
  support::RecordProducer(broker_.brokers()).send(topic_ + ".csv", 0, {{"1", "0.5"}});
  succeed({"train", "--brokers", broker_.brokers(), "--topic", topic_ + ".csv", "--columns", "a",
           "--features", "a", "--state", state(), "--stop", "end", "--quiet"});
  for (const Words& command : {Words{"train", "--features", "a", "--window-ms", "100"}, Words{"evaluate"},
                               Words{"predict", "--to", topic_ + ".csv", "--group", group_}}) {
    support::SilentServer registry;
    support::Process run(millrace_command(
        joined(command, {"--brokers", broker_.brokers(), "--topic", topic_, "--state", state(), "--format",
                         "avro", "--schema-registry", registry.url(), "--quiet"})));
    registry.await_caller();
    run.send(SIGTERM);
    const ProcessResult stopped = run.wait(kRunLimit);
    EXPECT_EQ(stopped.exit_code, 0) << stopped.describe();
  }
}

}  // namespace
}  // namespace millrace
