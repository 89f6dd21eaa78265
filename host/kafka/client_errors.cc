#include "kafka/client_errors.h"

#include <utility>

namespace millrace {
namespace {

// How much an error says of why nothing works.
int telling(rd_kafka_resp_err_t code) {
  switch (kind_of(code)) {
    case KafkaError::Kind::authentication:
      return 4;
    case KafkaError::Kind::tls:
      return 3;
    case KafkaError::Kind::unreachable:
      return code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? 1 : 2;
    default:
      return 0;
  }
}

}  // namespace

KafkaError::Kind kind_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
      return KafkaError::Kind::unreachable;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return KafkaError::Kind::topic_missing;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return KafkaError::Kind::partition_missing;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return KafkaError::Kind::authentication;
    case RD_KAFKA_RESP_ERR__SSL:
      return KafkaError::Kind::tls;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return KafkaError::Kind::timed_out;
    default:
      return KafkaError::Kind::other;
  }
}

bool consumer_recovers_from(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
      return true;
    default:
      return false;
  }
}

bool tells_of_vanishing(rd_kafka_resp_err_t code) {
  const KafkaError::Kind kind = kind_of(code);
  return kind == KafkaError::Kind::topic_missing || kind == KafkaError::Kind::partition_missing;
}

void kafka_check(rd_kafka_resp_err_t code, std::string_view operation, std::string_view detail,
                 const std::string& topic, std::int32_t partition) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw KafkaError(kind_of(code), std::string(operation), rd_kafka_err2name(code),
                   detail.empty() ? rd_kafka_err2str(code) : std::string(detail), topic, partition);
}

void kafka_check(KafkaErrorOwner error, std::string_view operation, const std::string& topic,
                 std::int32_t partition) {
  if (!error) return;
  kafka_check(rd_kafka_error_code(error.get()), operation, rd_kafka_error_string(error.get()), topic,
              partition);
}

void ErrorMemory::note(rd_kafka_resp_err_t code, std::string_view text) {
  // Some failures of a TLS handshake come as failures of the transport, with OpenSSL's own words.
  if (code == RD_KAFKA_RESP_ERR__TRANSPORT && text.find("SSL routines") != std::string_view::npos) {
    code = RD_KAFKA_RESP_ERR__SSL;
  }
  const std::lock_guard lock(mutex_);
  if (tells_of_vanishing(code)) vanished_ = Told{code, std::string(text)};
  if (!most_telling_ || telling(code) >= telling(most_telling_->code)) {
    most_telling_ = Told{code, std::string(text)};
  }
}

std::optional<ErrorMemory::Told> ErrorMemory::most_telling() const {
  const std::lock_guard lock(mutex_);
  return most_telling_;
}

bool ErrorMemory::hopeless() const {
  const std::lock_guard lock(mutex_);
  if (!most_telling_) return false;
  const KafkaError::Kind kind = kind_of(most_telling_->code);
  return kind == KafkaError::Kind::authentication || kind == KafkaError::Kind::tls;
}

std::optional<ErrorMemory::Told> ErrorMemory::take_vanished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(vanished_, std::nullopt);
}

}  // namespace millrace
