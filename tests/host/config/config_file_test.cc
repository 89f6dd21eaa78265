#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Kind = OptionError::Kind;

OptionError file_error(const std::string& text) {
  const ConfigText file(text);
  return error_of(train_with({"--config", file.path()}));
}

TEST(ConfigFile, SetsOptionsOfEveryType) {
  const ConfigText file(R"(# comment
brokers = "a:1"
topic = ["t", "u"]
state = 'dir'
features = 9
layers = [64, 32]
memory-bytes = "1GiB"
window-ms = 50
learning-rate = 0.01
standardize = true
json = false
engine = "cpu"
partitions = 4   # of another command
)");
  const OptionValues options = resolve({"train", "--config", file.path()});
  EXPECT_THAT(options.list("topic"), ElementsAre("t", "u"));
  EXPECT_THAT(options.list("features"), ElementsAre("9"));
  EXPECT_THAT(options.list("layers"), ElementsAre("64", "32"));
  EXPECT_EQ(options.integer("memory-bytes"), 1 << 30);
  EXPECT_EQ(options.duration("window-ms").count(), 50);
  EXPECT_EQ(options.number("learning-rate"), 0.01);
  EXPECT_TRUE(options.flag("standardize"));
  EXPECT_FALSE(options.flag("json"));
  EXPECT_EQ(options.text("engine"), "cpu");
}

TEST(ConfigFile, MayBeNamedByTheEnvironment) {
  const ConfigText file("epochs = 7\n");
  EXPECT_EQ(resolve(train_with(), {"MILLRACE_CONFIG=" + file.path()}).integer("epochs"), 7);
}

TEST(ConfigFile, MayBeEmpty) {
  const ConfigText file("");
  EXPECT_FALSE(resolve(train_with({"--config", file.path()})).given("epochs"));
}

TEST(ConfigFile, HoldsPropertiesOfLibrdkafkaWithAndWithoutQuotesAroundTheirNames) {
  const ConfigText file(R"([kafka]
security.protocol = "SSL"
"ssl.ca.location" = "/ca.pem"
socket.timeout.ms = 1000
socket.keepalive.enable = true
)");
  EXPECT_THAT(
      resolve(train_with({"--config", file.path()})).client_properties(),
      UnorderedElementsAre(Pair("security.protocol", "SSL"), Pair("ssl.ca.location", "/ca.pem"),
                           Pair("socket.timeout.ms", "1000"), Pair("socket.keepalive.enable", "true")));
}

TEST(ConfigFile, LosesToPropertiesOfTheCommandLine) {
  const ConfigText file("[kafka]\nsecurity.protocol = \"SSL\"\nclient.id = \"file\"\n");
  EXPECT_THAT(resolve(train_with({"--config", file.path(), "-X", "client.id=flag"})).client_properties(),
              ElementsAre(Pair("security.protocol", "SSL"), Pair("client.id", "flag")));
}

TEST(ConfigFile, NamesFileAndLineOfAnUnknownKeyAndSuggestsTheNearest) {
  const OptionError error = file_error("# first\nepochs = 3\nwidnow-rows = 5\n");
  EXPECT_EQ(error.kind, Kind::unknown);
  EXPECT_THAT(error.option, testing::StartsWith("widnow-rows in "));
  EXPECT_THAT(error.option, EndsWith(".toml:3"));
  EXPECT_EQ(error.nearest, "window-rows");
  EXPECT_EQ(file_error("window_rows = 5\n").nearest, "window-rows");
  EXPECT_EQ(file_error("config = \"other.toml\"\n").kind, Kind::unknown);
}

TEST(ConfigFile, HasNoTableButKafka) {
  const OptionError error = file_error("epochs = 3\n\n[kafak]\nclient.id = \"1\"\n");
  EXPECT_EQ(error.kind, Kind::unknown);
  EXPECT_THAT(error.option, EndsWith(".toml:3"));
  EXPECT_EQ(error.nearest, "kafka");
  EXPECT_EQ(file_error("[train]\nepochs = 3\n").kind, Kind::unknown);
  EXPECT_EQ(file_error("kafka = 3\n").kind, Kind::invalid);
}

TEST(ConfigFile, NamesFileAndLineOfABadValue) {
  const OptionError error = file_error("\nepochs = \"many\"\n");
  EXPECT_EQ(error.kind, Kind::invalid);
  EXPECT_THAT(error.option, EndsWith(".toml:2"));
  EXPECT_EQ(error.value, "many");
  EXPECT_EQ(file_error("epochs = true\n").value, "true");
  EXPECT_EQ(file_error("epochs = 3.5\n").value, "3.5");
  EXPECT_EQ(file_error("epochs = [1, 2]\n").kind, Kind::invalid);
  EXPECT_EQ(file_error("from = 2024-01-01T00:00:00Z\n").kind, Kind::invalid);
  EXPECT_EQ(file_error("columns = [[1]]\n").kind, Kind::invalid);
}

TEST(ConfigFile, NamesFileAndLineOfAPropertyThatIsUnknownOrOwned) {
  const OptionError unknown = file_error("[kafka]\nclient.id = \"1\"\nsasl.pasword = \"hunter2\"\n");
  EXPECT_EQ(unknown.kind, Kind::unknown);
  EXPECT_THAT(unknown.option, testing::StartsWith("sasl.pasword in "));
  EXPECT_THAT(unknown.option, EndsWith(".toml:3"));
  EXPECT_EQ(unknown.nearest, "sasl.password");
  EXPECT_THAT(everything_in(unknown), Not(HasSubstr("hunter2")));
  const OptionError owned = file_error("[kafka]\ngroup.id = \"1\"\n");
  EXPECT_EQ(owned.kind, Kind::conflict);
  EXPECT_THAT(owned.reason, HasSubstr("--group"));
}

TEST(ConfigFile, ThatIsNotTomlIsNamedWithTheLineAndWithoutItsContents) {
  for (const char* const text : {"[kafka]\nclient.id = \"1\"\nsasl.password = hunter2\n",
                                 "[kafka]\nclient.id = \"1\"\nsasl.password = \"hunter2\n",
                                 "[kafka]\n# more\nsasl.password \"hunter2\"\n"}) {
    const OptionError error = file_error(text);
    EXPECT_EQ(error.kind, Kind::invalid) << text;
    EXPECT_THAT(error.option, EndsWith(".toml:3")) << text;
    EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2"))) << text;
  }
  EXPECT_THAT(file_error("epochs = 1\nepochs = 2\n").option, EndsWith(".toml:2"));
}

TEST(ConfigFile, OutsideItsTableAPropertyIsUnknownAndItsValueStaysHidden) {
  for (const char* const text : {"sasl.password = \"hunter2\"\n", "\"sasl.password\" = \"hunter2\"\n"}) {
    const OptionError error = file_error(text);
    EXPECT_EQ(error.kind, Kind::unknown);
    EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2")));
  }
}

TEST(ConfigFile, ThatCannotBeReadSaysWhy) {
  const OptionError missing = error_of(train_with({"--config", "/nowhere/millrace.toml"}));
  EXPECT_EQ(missing.kind, Kind::invalid);
  EXPECT_EQ(missing.option, "--config");
  EXPECT_EQ(missing.value, "/nowhere/millrace.toml");
  EXPECT_THAT(missing.reason, HasSubstr("No such file"));
  EXPECT_THAT(error_of(train_with(), {"MILLRACE_CONFIG=" + ::testing::TempDir()}).option, "MILLRACE_CONFIG");
}

}  // namespace
}  // namespace millrace
