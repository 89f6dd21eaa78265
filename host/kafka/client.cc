#include "kafka/client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstSlice{250};
constexpr std::chrono::milliseconds kElectionPause{50};

struct MetadataDestroyer {
  void operator()(const struct rd_kafka_metadata* metadata) const noexcept {
    rd_kafka_metadata_destroy(metadata);
  }
};
using MetadataOwner = std::unique_ptr<const struct rd_kafka_metadata, MetadataDestroyer>;

std::chrono::milliseconds until(Clock::time_point deadline) {
  return std::max(std::chrono::milliseconds{0},
                  std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
}

// What an election, or a topic made just now, may answer for a while.
bool passes_by_itself(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
         code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
         code == RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION;
}

}  // namespace

struct Client::Background {
  ErrorMemory errors;
  std::atomic<bool> announce = false;
  std::atomic<bool> silent = false;
  std::mutex mutex;
  std::condition_variable changed;
  bool destroyed = false;  // guarded by mutex
  RebalanceListener rebalance;

  // On librdkafka's threads.
  static void on_log(const rd_kafka_t* handle, int /*level*/, const char* facility, const char* text) {
    const auto* background = static_cast<const Background*>(rd_kafka_opaque(handle));
    // Before the handle is whole it has no opaque yet.
    if (background != nullptr && background->silent) return;
    spdlog::debug("librdkafka {}: {}", facility, text);
  }

  // On the thread that polls.
  static void on_error(rd_kafka_t* /*handle*/, int code, const char* text, void* opaque) {
    auto& background = *static_cast<Background*>(opaque);
    background.errors.note(static_cast<rd_kafka_resp_err_t>(code), text);
    if (background.silent) return;
    spdlog::log(background.announce ? spdlog::level::warn : spdlog::level::debug, "kafka: {}", text);
  }

  // On the thread that polls.
  static void on_rebalance(rd_kafka_t* /*handle*/, rd_kafka_resp_err_t what,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    static_cast<Background*>(opaque)->rebalance(what, partitions);
  }
};

Client::Client(ClientRole role, const ClientSettings& settings, const KafkaProperties& defaults,
               const KafkaProperties& owned, DeliveryCallback on_delivery, RebalanceListener on_rebalance)
    : brokers_(settings.brokers), timeout_(settings.timeout), background_(std::make_shared<Background>()) {
  check_features(builtin_features(), settings.properties);
  ConfOwner conf = make_conf();
  set_properties(conf.get(), {{"client.id", "millrace"}, {"log.connection.close", "false"}});
  set_properties(conf.get(), defaults);
  set_properties(conf.get(), settings.properties);
  set_properties(conf.get(), owned);
  if (!settings.brokers.empty()) set_properties(conf.get(), {{"bootstrap.servers", settings.brokers}});
  rd_kafka_conf_set_opaque(conf.get(), background_.get());
  rd_kafka_conf_set_log_cb(conf.get(), &Background::on_log);
  rd_kafka_conf_set_error_cb(conf.get(), &Background::on_error);
  if (on_delivery != nullptr) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  if (on_rebalance) {
    background_->rebalance = std::move(on_rebalance);
    rd_kafka_conf_set_rebalance_cb(conf.get(), &Background::on_rebalance);
  }

  std::array<char, 512> reason{};
  handle_ = rd_kafka_new(role == ClientRole::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf.get(),
                         reason.data(), reason.size());
  if (handle_ == nullptr) throw OptionError(OptionError::Kind::conflict, "-X", "", reason.data());
  static_cast<void>(conf.release());  // the handle owns it now
}

Client::~Client() {
  if (!close(kDestroyPatience))
    spdlog::warn("kafka: left a connection to {} alone: it did not close", brokers_);
}

ErrorMemory& Client::errors() const { return background_->errors; }

void Client::announce_errors() { background_->announce = true; }

std::optional<std::int32_t> Client::partition_count(const std::string& topic,
                                                    std::chrono::milliseconds at_most) const {
  const std::string operation = "reading the metadata of topic " + topic;
  const TopicOwner name(rd_kafka_topic_new(handle_, topic.c_str(), nullptr));
  if (!name) kafka_check(rd_kafka_last_error(), operation, {}, topic);

  const Clock::time_point deadline = Clock::now() + at_most;
  // Slices, so that refused security ends the wait; growing ones, so that a slow cluster can answer.
  for (std::chrono::milliseconds slice = kFirstSlice;; slice = std::min(slice * 2, at_most)) {
    const struct rd_kafka_metadata* raw = nullptr;
    const auto patience = static_cast<int>(std::min(slice, until(deadline)).count());
    rd_kafka_resp_err_t code = rd_kafka_metadata(handle_, 0, name.get(), &raw, patience);
    const MetadataOwner metadata(raw);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const rd_kafka_metadata_topic& found = metadata->topics[0];
      if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR) return found.partition_cnt;
      if (kind_of(found.err) == KafkaError::Kind::topic_missing) return std::nullopt;
      code = found.err;
      if (passes_by_itself(code)) std::this_thread::sleep_for(std::min(kElectionPause, until(deadline)));
    }
    if (!passes_by_itself(code)) kafka_check(code, operation, {}, topic);
    rd_kafka_poll(handle_, 0);  // lets the error callback speak
    if (errors().hopeless() || Clock::now() >= deadline) throw no_answer(code, operation);
  }
}

std::optional<std::int32_t> Client::partition_count_within(const std::string& topic,
                                                           std::chrono::milliseconds at_most) const {
  const TopicOwner name(rd_kafka_topic_new(handle_, topic.c_str(), nullptr));
  const struct rd_kafka_metadata* raw = nullptr;
  if (!name || rd_kafka_metadata(handle_, 0, name.get(), &raw, static_cast<int>(at_most.count())) !=
                   RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  const MetadataOwner metadata(raw);
  const rd_kafka_metadata_topic& found = metadata->topics[0];
  return found.err == RD_KAFKA_RESP_ERR_NO_ERROR ? std::optional(found.partition_cnt) : std::nullopt;
}

std::int32_t Client::require_topic(const std::string& topic, std::chrono::milliseconds at_most) const {
  const std::optional<std::int32_t> count = partition_count(topic, at_most);
  if (count) return *count;
  throw KafkaError(KafkaError::Kind::topic_missing, "reading the metadata of topic " + topic,
                   rd_kafka_err2name(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART),
                   "the cluster at " + brokers_ + " has no such topic", topic);
}

KafkaError Client::no_answer(rd_kafka_resp_err_t code, std::string_view operation) const {
  const std::optional<ErrorMemory::Told> told = errors().most_telling();
  if (told && kind_of(told->code) != KafkaError::Kind::other) {
    return {kind_of(told->code), std::string(operation), rd_kafka_err2name(told->code), told->text};
  }
  return {KafkaError::Kind::unreachable, std::string(operation), rd_kafka_err2name(code),
          fmt::format("no answer from {} within {} ms", brokers_, timeout_.count())};
}

bool Client::close(std::chrono::milliseconds at_most, bool worth_trying) {
  if (handle_ == nullptr) return true;
  rd_kafka_t* const handle = std::exchange(handle_, nullptr);
  bool destroyed = false;
  if (worth_trying) {
    std::thread destroyer([handle, background = background_] {
      rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
      const std::lock_guard lock(background->mutex);
      background->destroyed = true;
      background->changed.notify_all();
    });
    std::unique_lock lock(background_->mutex);
    destroyed = background_->changed.wait_for(lock, at_most, [&] { return background_->destroyed; });
    lock.unlock();
    if (destroyed) {
      destroyer.join();
      return true;
    }
    destroyer.detach();
  }
  background_->silent = true;
  static std::mutex mutex;
  static auto& left_alone =
      *new std::vector<std::shared_ptr<Background>>;  // librdkafka's threads still use it
  const std::lock_guard lock(mutex);
  left_alone.push_back(background_);
  return false;
}

}  // namespace millrace
