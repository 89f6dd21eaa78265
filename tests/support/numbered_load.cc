#include "support/numbered_load.h"

#include <array>
#include <atomic>
#include <chrono>
#include <librdkafka/rdkafka.h>
#include <stdexcept>
#include <thread>
#include <utility>

namespace millrace::support {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPauseMs = 5;
constexpr int kFinishMs = 300'000;

}  // namespace

class NumberedLoad::State {
 public:
  State(const std::string& brokers, std::string topic, int partitions, double rows_per_s, std::int64_t rows)
      : topic_(std::move(topic)), partitions_(partitions), rows_per_s_(rows_per_s), rows_(rows) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 512> text{};
    for (const auto& [name, value] :
         std::array<std::pair<const char*, const char*>, 7>{{{"bootstrap.servers", brokers.c_str()},
                                                             {"acks", "all"},
                                                             {"enable.idempotence", "true"},
                                                             {"message.timeout.ms", "300000"},
                                                             {"queue.buffering.max.messages", "2000000"},
                                                             {"reconnect.backoff.max.ms", "1000"},
                                                             {"linger.ms", "5"}}}) {
      if (rd_kafka_conf_set(conf, name, value, text.data(), text.size()) != RD_KAFKA_CONF_OK)
        throw std::runtime_error(text.data());
    }
    rd_kafka_conf_set_log_cb(conf, nullptr);
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
      auto& state = *static_cast<State*>(self);
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++state.written_;
      } else {
        state.failed_ = message->err;
      }
    });
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    if (handle_ == nullptr) throw std::runtime_error(text.data());
    thread_ = std::thread([this] { run(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    stop();
    rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(handle_, 1000);
    rd_kafka_destroy(handle_);
  }

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  std::int64_t finish() {
    if (rows_ == kWithoutEnd) stopping_ = true;
    thread_.join();
    rd_kafka_flush(handle_, kFinishMs);
    if (failed_ != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw std::runtime_error(std::string("a row was refused: ") + rd_kafka_err2str(failed_));
    if (written_ != sent_) throw std::runtime_error("not all rows were acknowledged");
    return sent_;
  }

  [[nodiscard]] std::int64_t written() const { return written_; }

 private:
  void run() {
    const Clock::time_point begun = Clock::now();
    while (!stopping_ && sent_ != rows_) {
      const std::chrono::duration<double> since = Clock::now() - begun;
      const auto due = static_cast<std::int64_t>(since.count() * rows_per_s_);
      while (sent_ < due && sent_ != rows_ && send(sent_)) ++sent_;
      rd_kafka_poll(handle_, kPauseMs);
    }
  }

  // False: there is no room now.
  bool send(std::int64_t number) {
    const std::string value = std::to_string(number) + "," + std::to_string(number % 7);
    const char* const key = number % 2 == 0 ? "0" : "1";
    return rd_kafka_producev(handle_, RD_KAFKA_V_TOPIC(topic_.c_str()),
                             RD_KAFKA_V_PARTITION(static_cast<std::int32_t>(number % partitions_)),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, std::size_t{1}),
                             RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR;
  }

  // Constant after construction.
  const std::string topic_;
  const int partitions_;
  const double rows_per_s_;
  const std::int64_t rows_;
  rd_kafka_t* handle_ = nullptr;

  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> written_ = 0;
  std::atomic<rd_kafka_resp_err_t> failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t sent_ = 0;  // the thread's, until it has ended
  std::thread thread_;
};

NumberedLoad::NumberedLoad(const std::string& brokers, const std::string& topic, int partitions,
                           double rows_per_s, std::int64_t rows)
    : state_(std::make_unique<State>(brokers, topic, partitions, rows_per_s, rows)) {}
NumberedLoad::~NumberedLoad() = default;
std::int64_t NumberedLoad::written() const { return state_->written(); }
std::int64_t NumberedLoad::finish() { return state_->finish(); }

}  // namespace millrace::support
