#include "config/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Kind = OptionError::Kind;

TEST(Options, HaveTheirDefaultsWhereNothingIsGiven) {
  const OptionValues options = resolve(train_with());
  EXPECT_EQ(options.command(), Command::train);
  EXPECT_EQ(options.integer("window-rows"), 4096);
  EXPECT_EQ(options.duration("window-ms"), std::chrono::milliseconds(1000));
  EXPECT_EQ(options.integer("memory-bytes"), 256 << 20);
  EXPECT_EQ(options.number("learning-rate"), 1e-3);
  EXPECT_THAT(options.list("layers"), ElementsAre("128", "256", "128"));
  EXPECT_EQ(options.text("from"), "resume");
  EXPECT_EQ(options.text("report"), "");
  EXPECT_THAT(options.list("columns"), IsEmpty());
  EXPECT_FALSE(options.flag("json"));
  EXPECT_FALSE(options.given("window-rows"));
  EXPECT_FALSE(options.given("report"));
  EXPECT_THAT(options.client_properties(), IsEmpty());
  EXPECT_EQ(options.page(), "");
}

TEST(Options, MayDifferInTheirDefaultsFromCommandToCommand) {
  EXPECT_EQ(resolve(train_with()).text("stop"), "never");
  EXPECT_EQ(resolve(evaluate_with()).text("stop"), "end");
  EXPECT_EQ(resolve({"demo"}).text("report"), "millrace-demo.html");
}

TEST(Options, ComeFromFlagsThenEnvironmentThenFile) {
  const ConfigText file("epochs = 4\nbatch = 64\nseed = 9\nkeep = 7\n");
  const OptionValues options = resolve(train_with({"--config", file.path(), "--epochs", "2"}),
                                       {"MILLRACE_EPOCHS=3", "MILLRACE_BATCH=16", "MILLRACE_SEED=8"});
  EXPECT_EQ(options.integer("epochs"), 2);
  EXPECT_EQ(options.integer("batch"), 16);
  EXPECT_EQ(options.integer("seed"), 8);
  EXPECT_EQ(options.integer("keep"), 7);
  EXPECT_EQ(options.written("epochs"), "--epochs");
  EXPECT_EQ(options.written("batch"), "MILLRACE_BATCH");
  EXPECT_EQ(options.written("keep"), "keep in " + file.path() + ":4");
  EXPECT_EQ(options.written("auc-rows"), "--auc-rows");
  EXPECT_TRUE(options.given("keep"));
}

TEST(Options, OfTheCommandLineMayBeGivenWithAnEqualsSign) {
  const OptionValues options =
      resolve(train_with({"--epochs=2", "--report=a=b.html", "--json=false", "--quiet"}));
  EXPECT_EQ(options.integer("epochs"), 2);
  EXPECT_EQ(options.text("report"), "a=b.html");
  EXPECT_FALSE(options.flag("json"));
  EXPECT_TRUE(options.given("json"));
  EXPECT_TRUE(options.flag("quiet"));
}

TEST(Options, OfEveryTypeComeFromTheEnvironment) {
  const OptionValues options = resolve(
      {"train"}, {"MILLRACE_BROKERS=a:1,b:2", "MILLRACE_TOPIC=t,u", "MILLRACE_STATE=s", "MILLRACE_FEATURES=9",
                  "MILLRACE_WINDOW_MS=50", "MILLRACE_MEMORY_BYTES=1GiB", "MILLRACE_STANDARDIZE=true",
                  "MILLRACE_JSON=false", "MILLRACE_LEARNING_RATE=0.01", "PATH=/bin", "NOT_MILLRACE_X=1"});
  EXPECT_EQ(options.text("brokers"), "a:1,b:2");
  EXPECT_THAT(options.list("topic"), ElementsAre("t", "u"));
  EXPECT_EQ(options.duration("window-ms").count(), 50);
  EXPECT_EQ(options.integer("memory-bytes"), 1 << 30);
  EXPECT_TRUE(options.flag("standardize"));
  EXPECT_FALSE(options.flag("json"));
  EXPECT_EQ(options.number("learning-rate"), 0.01);
}

TEST(Options, OfOtherCommandsInTheEnvironmentAreLeftAlone) {
  const OptionValues options =
      resolve(evaluate_with(), {"MILLRACE_EPOCHS=nonsense", "MILLRACE_PARTITIONS=2"});
  EXPECT_THROW(static_cast<void>(options.integer("epochs")), std::logic_error);
}

TEST(Options, EmptyInTheEnvironmentCountAsNotSet) {
  EXPECT_FALSE(resolve(train_with(), {"MILLRACE_EPOCHS=", "MILLRACE_CONFIG="}).given("epochs"));
}

TEST(Options, WithABadValueAreNamedAsTheUserWroteThem) {
  EXPECT_EQ(error_of(train_with({"--epochs", "0"})).option, "--epochs");
  EXPECT_EQ(error_of(train_with({"--epochs", "-1"})).value, "-1");
  const OptionError error = error_of(train_with(), {"MILLRACE_EPOCHS=many"});
  EXPECT_EQ(error.kind, Kind::invalid);
  EXPECT_EQ(error.option, "MILLRACE_EPOCHS");
  EXPECT_EQ(error.value, "many");
}

TEST(Options, ThatAreUnknownSuggestTheNearest) {
  const OptionError flag = error_of(train_with({"--widnow-rows", "5"}));
  EXPECT_EQ(flag.kind, Kind::unknown);
  EXPECT_EQ(flag.option, "--widnow-rows");
  EXPECT_EQ(flag.nearest, "--window-rows");
  EXPECT_EQ(error_of(train_with({"--window_rows=5"})).nearest, "--window-rows");
  EXPECT_EQ(error_of(train_with({"-q"})).kind, Kind::unknown);
  EXPECT_EQ(error_of(train_with({"--zebra"})).nearest, "");

  const OptionError variable = error_of(train_with(), {"MILLRACE_WINDOW_ROW=5"});
  EXPECT_EQ(variable.kind, Kind::unknown);
  EXPECT_EQ(variable.option, "MILLRACE_WINDOW_ROW");
  EXPECT_EQ(variable.nearest, "MILLRACE_WINDOW_ROWS");
  EXPECT_EQ(error_of(train_with(), {"MILLRACE_"}).kind, Kind::unknown);

  const OptionError command = error_of({"trian"});
  EXPECT_EQ(command.kind, Kind::unknown);
  EXPECT_EQ(command.nearest, "train");
}

TEST(Options, ThatAreUnknownDoNotShowTheirValue) {
  EXPECT_THAT(everything_in(error_of(train_with({"--sasl.password=hunter2"}))), Not(HasSubstr("hunter2")));
  EXPECT_THAT(everything_in(error_of(train_with(), {"MILLRACE_SASL_PASSWORD=hunter2"})),
              Not(HasSubstr("hunter2")));
}

TEST(Options, OfAnotherCommandSayWhoseTheyAre) {
  const OptionError error = error_of(evaluate_with({"--epochs", "3"}));
  EXPECT_EQ(error.kind, Kind::unknown);
  EXPECT_THAT(error.reason, HasSubstr("`millrace train`"));
}

TEST(Options, ThatACommandNeedsAreAskedFor) {
  const OptionError error = error_of({"train", "--brokers", "b", "--topic", "t", "--state", "s"});
  EXPECT_EQ(error.kind, Kind::missing);
  EXPECT_EQ(error.option, "--features");
  EXPECT_EQ(error_of({"inspect"}).kind, Kind::missing);
  EXPECT_EQ(error_of({"inspect", "--brokers", "b"}).option, "--topic");
  EXPECT_EQ(error_of({}).kind, Kind::missing);
  EXPECT_EQ(error_of({"--topic", "t"}).kind, Kind::missing);
}

TEST(Options, NeedTheirValues) {
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--epochs"},
                                             {"--epochs", "--json"},
                                             {"--epochs=", "3"},
                                             {"--epochs", "-X"},
                                             {"--epochs", "--help=1"}}) {
    const OptionError error = error_of(train_with(more));
    if (more.size() > 1 && more[1] == "--help=1") {
      EXPECT_EQ(error.kind, Kind::invalid);  // no option is spelt so, so it is a value, and a bad one
    } else {
      EXPECT_EQ(error.kind, Kind::missing);
      EXPECT_THAT(error.option, HasSubstr("--epochs"));
    }
  }
}

TEST(Options, GivenTwiceOnTheCommandLineAreRefused) {
  const OptionError error = error_of(train_with({"--epochs", "2", "--epochs", "3"}));
  EXPECT_EQ(error.kind, Kind::conflict);
  EXPECT_EQ(error.option, "--epochs");
}

TEST(Options, LeaveTheArgumentsOfInspectAndNoOthers) {
  EXPECT_THAT(resolve({"inspect", "--json", "dir"}).positional(), ElementsAre("dir"));
  EXPECT_THAT(resolve({"inspect", "dir", "--json"}).positional(), ElementsAre("dir"));
  EXPECT_THAT(resolve({"inspect", "--", "--dir"}).positional(), ElementsAre("--dir"));
  EXPECT_EQ(error_of({"inspect", "a", "b"}).option, "b");
  EXPECT_EQ(error_of(train_with({"extra"})).option, "extra");
}

TEST(Options, AskedForUnderAWrongNameOrTypeAreABugOfTheProgram) {
  const OptionValues options = resolve(train_with());
  EXPECT_THROW(static_cast<void>(options.text("windows")), std::logic_error);
  EXPECT_THROW(static_cast<void>(options.integer("stop")), std::logic_error);
  EXPECT_THROW(static_cast<void>(options.number("epochs")), std::logic_error);
  EXPECT_THROW(static_cast<void>(options.list("state")), std::logic_error);
  EXPECT_THROW(static_cast<void>(resolve({"produce", "--brokers", "b", "--topic", "t"}).number("rate")),
               std::logic_error);
}

}  // namespace
}  // namespace millrace
