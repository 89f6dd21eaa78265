// A broker in this process whose one topic is written to for as long as standard input stays open:
//
//   row_stream TOPIC PARTITIONS ROWS_PER_SECOND
//
// Prints the broker's address. Rows have three features and belong to two classes that can be told apart.
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kafka/embedded_broker.h"
#include "kafka/producer.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 3) return 2;
  const std::string& topic = words[0];
  const int partitions = std::stoi(words[1]);
  const std::chrono::duration<double> interval(1 / std::stod(words[2]));

  const millrace::EmbeddedBroker broker({{topic, partitions}});
  millrace::TopicProducer producer({.brokers = broker.brokers()}, topic, "random");
  std::cout << broker.brokers() << std::endl;

  std::atomic<bool> over = false;
  std::thread watcher([&] {
    std::string line;
    while (std::getline(std::cin, line)) continue;
    over = true;
  });
  std::mt19937 random(7);
  std::normal_distribution<float> noise(0, 1);
  auto due = std::chrono::steady_clock::now();
  for (int row = 0; !over; ++row) {
    const bool positive = random() % 2 == 0;
    const float centre = positive ? 1.0F : -1.0F;
    producer.send_to(row % partitions, positive ? "1" : "0",
                     fmt::format("{:.3f},{:.3f},{:.3f}", noise(random) + centre, noise(random) * 10 + 50,
                                 noise(random) - centre));
    due += std::chrono::duration_cast<std::chrono::steady_clock::duration>(interval);
    std::this_thread::sleep_until(due);
  }
  watcher.join();
  producer.flush();
}
