#include "config/client_property.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

OptionError property_error(const std::string& text) { return error_of(evaluate_with({"-X", text})); }

TEST(ClientProperties, MayHoldEqualsSignsInTheirValues) {
  const OptionValues options = resolve(evaluate_with({"-X", "sasl.password=a=b==", "-Xclient.id=x=y"}));
  EXPECT_THAT(options.client_properties(),
              ElementsAre(Pair("sasl.password", "a=b=="), Pair("client.id", "x=y")));
}

TEST(ClientProperties, AreKeptOnceWithTheLastValue) {
  const OptionValues options =
      resolve(evaluate_with({"-X", "client.id=1", "-X", "debug=broker", "-X", "client.id=2"}));
  EXPECT_THAT(options.client_properties(), ElementsAre(Pair("debug", "broker"), Pair("client.id", "2")));
}

TEST(ClientProperties, MayBePropertiesOfTopicsAndAliases) {
  EXPECT_NO_THROW(static_cast<void>(resolve(evaluate_with({"-X", "acks=all", "-X", "linger.ms=5"}))));
}

TEST(ClientProperties, NeedAKeyAnEqualsSignAndAValue) {
  for (const char* const text : {"hunter2", "=hunter2"}) {
    const OptionError error = property_error(text);
    EXPECT_EQ(error.kind, OptionError::Kind::invalid);
    EXPECT_EQ(error.option, "-X");
    EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2")));
  }
  // The value that was meant is the next argument, which must not be shown either.
  const OptionError error = error_of(evaluate_with({"-X", "sasl.password=", "hunter2"}));
  EXPECT_EQ(error.option, "-X sasl.password");
  EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2")));
}

TEST(ClientProperties, ThatAreUnknownSuggestTheNearestEvenOfThoseWithoutADefault) {
  const std::vector<std::pair<std::string, std::string>> slips = {
      {"securty.protocol", "security.protocol"},
      {"ssl.ca.locaton", "ssl.ca.location"},
      {"sasl.pasword", "sasl.password"},
      {"sasl.mechansim", "sasl.mechanism"},
      {"linger.sm", "linger.ms"},
      {"ack", "acks"},
  };
  for (const auto& [slip, meant] : slips) {
    const OptionError error = property_error(slip + "=hunter2");
    EXPECT_EQ(error.kind, OptionError::Kind::unknown);
    EXPECT_EQ(error.option, "-X " + slip);
    EXPECT_EQ(error.nearest, meant);
    EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2"))) << "a misspelt name may hide a secret";
  }
}

TEST(ClientProperties, ThatAreUnknownNeverSuggestOneThatIsRefused) {
  EXPECT_EQ(property_error("group.ids=1").nearest, "");
  EXPECT_EQ(property_error("log_cbs=1").nearest, "");
}

TEST(ClientProperties, ThatMillraceOwnsAreRefusedWithTheOptionToUse) {
  const std::vector<std::pair<std::string, std::string>> owned = {
      {"group.id", "--group"},
      {"enable.auto.commit", "--checkpoint-ms"},
      {"enable.auto.offset.store", "--checkpoint-ms"},
      {"auto.commit.interval.ms", "--checkpoint-ms"},
      {"auto.offset.reset", "--from"},
      {"enable.partition.eof", "--stop"},
      {"isolation.level", "committed"},
      {"queued.min.messages", "--memory-bytes"},
      {"queued.max.messages.kbytes", "--memory-bytes"},
      {"bootstrap.servers", "--brokers"},
      {"metadata.broker.list", "--brokers"},
      {"partitioner", "--partitioner"},
  };
  for (const auto& [name, remedy] : owned) {
    const OptionError error = property_error(name + "=1");
    EXPECT_EQ(error.kind, OptionError::Kind::conflict) << name;
    EXPECT_EQ(error.option, "-X " + name);
    EXPECT_THAT(error.reason, HasSubstr(remedy)) << name;
  }
}

TEST(ClientProperties, WithABadValueSayWhatLibrdkafkaSays) {
  const OptionError error = property_error("security.protocol=TLS");
  EXPECT_EQ(error.kind, OptionError::Kind::invalid);
  EXPECT_EQ(error.value, "TLS");
  EXPECT_THAT(error.reason, HasSubstr("security.protocol"));
}

TEST(ClientProperties, WithASecretNeverShowIt) {
  for (const char* const name : {"sasl.jaas.config", "ssl_key", "enable.sasl.oauthbearer.unsecure.jwt"}) {
    const OptionError error = property_error(std::string(name) + "=hunter2");
    EXPECT_EQ(error.kind, OptionError::Kind::invalid) << name;
    EXPECT_THAT(everything_in(error), Not(HasSubstr("hunter2"))) << name;
    EXPECT_THAT(error.reason, HasSubstr("librdkafka says")) << name;
  }
}

TEST(ClientProperties, KnowWhatMayBeSecret) {
  for (const char* const name :
       {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "sasl.jaas.config"}) {
    EXPECT_TRUE(may_be_secret(name)) << name;
  }
  for (const char* const name : {"security.protocol", "sasl.mechanism", "client.id", "ssl.ca.location"}) {
    EXPECT_FALSE(may_be_secret(name)) << name;
  }
}

}  // namespace
}  // namespace millrace
