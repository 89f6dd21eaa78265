#include "bench/own_topic.h"

#include <algorithm>
#include <exception>
#include <spdlog/spdlog.h>
#include <utility>

#include "millrace/errors.h"

#include "bench/sample_rows.h"
#include "kafka/admin.h"
#include "kafka/producer.h"

namespace millrace {
namespace {

// They are sent again and again.
constexpr std::uint64_t kDifferentRows = 10'000;

}  // namespace

OwnTopic::OwnTopic(ClientSettings client, std::string name, int partitions)
    : client_(std::move(client)), name_(std::move(name)) {
  if (describe_topic(client_, name_)) {
    throw OptionError(
        OptionError::Kind::conflict, "--topic", name_,
        "it is there already, and this stage makes a topic of its own and deletes it; choose another "
        "name");
  }
  create_topic(client_, name_, partitions);
}

OwnTopic::~OwnTopic() {
  try {
    delete_topic(client_, name_);
  } catch (const std::exception& error) {
    spdlog::warn("the topic {} is left behind: {}", name_, error.what());
  }
}

void fill_topic(const ClientSettings& client, const std::string& topic, std::uint64_t rows,
                std::uint32_t features) {
  const SampleRecords sample(std::min(rows, kDifferentRows), features, SampleValues::small_integers);
  TopicProducer producer(client, topic, "consistent_random");
  const auto partitions = static_cast<std::uint64_t>(producer.partitions());
  for (std::uint64_t row = 0; row < rows; ++row) {
    const RecordView& record = sample.records()[row % sample.records().size()];
    producer.send_to(static_cast<std::int32_t>(row % partitions), record.key, record.value);
  }
  producer.flush();
}

}  // namespace millrace
