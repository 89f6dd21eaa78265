// A run's status in which nothing is at its default.
#pragma once

#include "report/run_status.h"

namespace millrace {

inline RunStatus sample_status() {
  RunStatus status;
  status.version = "1.2.3";
  status.kafka_client = "2.0.2";
  status.engine = "cpu, \"quoted\"";
  status.activity = "training";
  status.ready = true;
  status.started_at_ms = 1'764'000'000'000;
  status.run = {.records = 1'234'567'890'129,
                .rows = 1'234'567'890'123,
                .windows = 300,
                .steps = 9000,
                .skipped_steps = 2,
                .bad_records = 6,
                .bad_records_by_reason = {{"tombstone", 1}, {"column_count", 5}, {"not_finite", 0}},
                .seconds = 60};
  status.dead_letters = 4;
  status.data_losses = 1;
  status.lost_offsets = 250;
  status.lifetime_rows = 2'000'000'000'000;
  status.horizon_rows = 10'000;
  status.loss = 0.25;
  status.accuracy = 0.9;
  status.auc = 0.95;
  status.training_loss = 0.2;
  status.partitions = {{"clicks", 0, 100, 100}, {"clicks", 1, 70, 100}};
  status.broker_silence_s = 0.4;
  status.decoded_rows = 1'234'567'890'999;
  status.window_slots = 3;
  status.full_window_slots = 1;
  status.waiting_s = 10;
  status.training_s = 45;
  status.saving_s = 5;
  status.checkpoints = 6;
  status.checkpoint_at_ms = 1'764'000'050'000;
  status.checkpoint_s = 0.02;
  status.checkpoint_bytes = 812'345;
  status.commits = 5;
  status.failed_commits = 1;
  status.memory_budget_bytes = 268'435'456;
  status.resident_bytes = 123'456'789;
  status.cpu_s = 61.5;
  status.open_files = 23;
  status.drift = {{"age", 40, 60, 2.0}, {"amount \xff", 5, 4, -0.5}};
  status.curve = {{.rows = 100, .seconds = 1, .loss = 0.7, .accuracy = 0.5},
                  {.rows = 200, .seconds = 2, .loss = 0.4, .accuracy = 0.8, .auc = 0.9}};
  status.rates = {{1, 100, 90, 40}, {2, 120, 110, 30}};
  status.messages = {{1'764'000'001'000, "Going on from checkpoint 3 </script>"}};
  status.settings = {{"topic", std::vector<std::string>{"clicks"}}, {"epochs", std::uint64_t{3}}};
  return status;
}

}  // namespace millrace
