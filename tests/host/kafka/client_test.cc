#include "kafka/client.h"

#include <arpa/inet.h>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "millrace/errors.h"

#include "config/client_property.h"
#include "host/kafka/topics.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

// A port of this machine that serves nobody.
class Port {
 public:
  enum class Kind { refusing, silent, talking_plain_text };

  explicit Port(Kind kind) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    // Bound, so that nobody else gets it.
    if (bind(socket_, plain, size) != 0 || getsockname(socket_, plain, &size) != 0 ||
        (kind != Kind::refusing && listen(socket_, 8) != 0)) {
      throw std::runtime_error("no free port");
    }
    port_ = ntohs(address.sin_port);
    if (kind == Kind::talking_plain_text) talker_ = std::thread([this] { talk(); });
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() {
    shutdown(socket_, SHUT_RDWR);  // ends accept
    if (talker_.joinable()) talker_.join();
    close(socket_);
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void talk() const {
    for (int peer = accept(socket_, nullptr, nullptr); peer >= 0; peer = accept(socket_, nullptr, nullptr)) {
      constexpr std::string_view kAnswer = "this is no TLS\n";
      [[maybe_unused]] const ssize_t sent = send(peer, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      close(peer);
    }
  }

  int socket_;
  int port_ = 0;
  std::thread talker_;
};

Client consumer(const ClientSettings& settings) { return {ClientRole::consumer, settings, {}, {}}; }

OptionError option_error_of(const KafkaProperties& properties) {
  try {
    const Client client = consumer({"127.0.0.1:1", properties});
  } catch (const OptionError& error) {
    return error;
  }
  throw std::runtime_error("the properties were taken");
}

KafkaError broker_error_of(const ClientSettings& settings) {
  try {
    static_cast<void>(consumer(settings).partition_count("rows"));
  } catch (const KafkaError& error) {
    return error;
  }
  throw std::runtime_error("the cluster answered");
}

TEST(KafkaCheck, ThrowsWithTheNameAndTheKindOfTheCode) {
  EXPECT_NO_THROW(kafka_check(RD_KAFKA_RESP_ERR_NO_ERROR, "resting"));
  try {
    kafka_check(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "reading", "not yours", "rows", 3);
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::authentication);
    EXPECT_EQ(error.operation, "reading");
    EXPECT_EQ(error.code, "TOPIC_AUTHORIZATION_FAILED");
    EXPECT_EQ(error.detail, "not yours");
    EXPECT_EQ(error.topic, "rows");
    EXPECT_EQ(error.partition, 3);
  }
}

TEST(KafkaCheck, TellsTheKindsApart) {
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__TRANSPORT), KafkaError::Kind::unreachable);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__RESOLVE), KafkaError::Kind::unreachable);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), KafkaError::Kind::topic_missing);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION), KafkaError::Kind::partition_missing);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__AUTHENTICATION), KafkaError::Kind::authentication);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__SSL), KafkaError::Kind::tls);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__TIMED_OUT), KafkaError::Kind::timed_out);
  EXPECT_EQ(kind_of(RD_KAFKA_RESP_ERR__BAD_MSG), KafkaError::Kind::other);
}

TEST(ErrorMemory, KeepsTheMostTellingErrorWhateverCameLater) {
  ErrorMemory errors;
  EXPECT_FALSE(errors.most_telling());
  errors.note(RD_KAFKA_RESP_ERR__TRANSPORT, "connection refused");
  errors.note(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down");
  EXPECT_EQ(errors.most_telling()->text, "connection refused");
  EXPECT_FALSE(errors.hopeless());
  errors.note(RD_KAFKA_RESP_ERR__AUTHENTICATION, "wrong password");
  errors.note(RD_KAFKA_RESP_ERR__TRANSPORT, "disconnected");
  EXPECT_EQ(errors.most_telling()->text, "wrong password");
  EXPECT_TRUE(errors.hopeless());
}

TEST(ErrorMemory, TellsOnceOfATopicThatVanished) {
  ErrorMemory errors;
  errors.note(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "rows [0]: topic does not exist");
  ASSERT_TRUE(errors.take_vanished());
  EXPECT_FALSE(errors.take_vanished());
}

TEST(KafkaProperties, UnknownNamesAreNamed) {
  const OptionError error = option_error_of({{"fetch.wait.max.mss", "5"}});
  EXPECT_EQ(error.kind, OptionError::Kind::unknown);
  EXPECT_EQ(error.option, "-X fetch.wait.max.mss");
}

TEST(KafkaProperties, InvalidValuesAreShown) {
  const OptionError error = option_error_of({{"fetch.wait.max.ms", "soon"}});
  EXPECT_EQ(error.kind, OptionError::Kind::invalid);
  EXPECT_EQ(error.value, "soon");
  EXPECT_THAT(error.reason, HasSubstr("fetch.wait.max.ms"));
}

TEST(KafkaProperties, SecretsAreNeverShown) {
  EXPECT_TRUE(may_be_secret("sasl.password"));
  EXPECT_TRUE(may_be_secret("ssl.key.pem"));
  EXPECT_TRUE(may_be_secret("sasl.oauthbearer.client.secret"));
  EXPECT_FALSE(may_be_secret("security.protocol"));
  const OptionError error = option_error_of({{"enable.ssl.key.x", "hunter2"}, {"sasl.password", "hunter2"}});
  EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
  EXPECT_EQ(error.value, "");
}

TEST(KafkaProperties, ContradictionsAreTold) {
  const OptionError error =
      option_error_of({{"security.protocol", "sasl_plaintext"}, {"sasl.mechanisms", "NONSENSE"}});
  EXPECT_EQ(error.option, "-X");
  EXPECT_THAT(error.reason, HasSubstr("NONSENSE"));
}

TEST(ClientFeatures, ThisBuildOfLibrdkafkaNamesItsOwn) { EXPECT_THAT(builtin_features(), HasSubstr("lz4")); }

TEST(ClientFeatures, AMissingOneIsNamedWithThePropertyThatNeedsIt) {
  try {
    check_features("gzip,lz4,sasl,sasl_plain", {{"client.id", "x"}, {"security.protocol", "SASL_SSL"}});
    FAIL();
  } catch (const OptionError& error) {
    EXPECT_EQ(error.option, "-X security.protocol");
    EXPECT_THAT(error.reason, HasSubstr("without TLS"));
  }
  EXPECT_THROW(check_features("ssl,sasl", {{"sasl.mechanisms", "SCRAM-SHA-512"}}), OptionError);
  EXPECT_NO_THROW(check_features("ssl,sasl,sasl_scram",
                                 {{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "SCRAM-SHA-512"}}));
}

TEST(Client, CountsPartitionsAndKnowsWhatIsMissing) {
  const EmbeddedBroker broker({{"rows", 3}});
  const Client client = consumer(client_of(broker));
  EXPECT_EQ(client.partition_count("rows"), 3);
  deny_topic(broker, "missing");
  EXPECT_EQ(client.partition_count("missing"), std::nullopt);
}

TEST(Client, ARefusedConnectionIsUnreachableWithinTheTimeoutAndNamesTheAddress) {
  const Port port(Port::Kind::refusing);
  const auto begin = Clock::now();
  const KafkaError error = broker_error_of({port.address(), {}, std::chrono::milliseconds{1000}});
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{3});
  EXPECT_EQ(error.kind, KafkaError::Kind::unreachable);
  EXPECT_THAT(error.detail, HasSubstr(port.address()));
  EXPECT_THAT(error.detail, HasSubstr("refused"));
}

TEST(Client, ASilentPeerIsUnreachableWithinTheTimeoutAndNamesTheAddress) {
  const Port port(Port::Kind::silent);
  const auto begin = Clock::now();
  const KafkaError error = broker_error_of({port.address(), {}, std::chrono::milliseconds{1000}});
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{3});
  EXPECT_EQ(error.kind, KafkaError::Kind::unreachable);
  EXPECT_THAT(error.detail, HasSubstr(port.address()));
}

TEST(Client, AQuestionWithALimitOfItsOwnDoesNotWaitForTheTimeout) {
  const Port silent(Port::Kind::silent);
  const Client client(ClientRole::consumer, {silent.address(), {}, std::chrono::minutes{5}}, {}, {});
  const auto begin = Clock::now();
  try {
    static_cast<void>(client.require_topic("rows", std::chrono::milliseconds{200}));
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::unreachable);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{30});
}

TEST(Client, ANameThatDoesNotResolveIsUnreachable) {
  const KafkaError error =
      broker_error_of({"no-such-host.invalid:9092", {}, std::chrono::milliseconds{1000}});
  EXPECT_EQ(error.kind, KafkaError::Kind::unreachable);
  EXPECT_THAT(error.detail, HasSubstr("no-such-host.invalid"));
}

TEST(Client, AFailedHandshakeEndsTheWaitAtOnce) {
  const Port port(Port::Kind::talking_plain_text);
  const auto begin = Clock::now();
  const KafkaError error =
      broker_error_of({port.address(), {{"security.protocol", "ssl"}}, std::chrono::milliseconds{20000}});
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{10});
  EXPECT_EQ(error.kind, KafkaError::Kind::tls);
  EXPECT_THAT(error.detail, HasSubstr("SSL"));
}

}  // namespace
}  // namespace millrace
