#include "kafka/embedded_broker.h"

#include "millrace/errors.h"

namespace millrace {

EmbeddedBroker::EmbeddedBroker(const std::vector<std::pair<std::string, int>>& topics)
    : client_(ClientRole::producer, ClientSettings{}, {}, {}),
      cluster_(rd_kafka_mock_cluster_new(client_.handle(), 1)) {
  if (!cluster_) kafka_check(RD_KAFKA_RESP_ERR__FAIL, "starting the embedded broker");
  for (const auto& [topic, partitions] : topics) {
    kafka_check(rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1),
                "making a topic in the embedded broker", {}, topic);
  }
}

std::string EmbeddedBroker::brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }

}  // namespace millrace
