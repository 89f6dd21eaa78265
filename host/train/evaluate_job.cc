#include "train/evaluate_job.h"

#include <memory>

#include "millrace/engine_choice.h"

#include "decode/decoder_choice.h"
#include "train/position_ledger.h"
#include "train/reading.h"
#include "window/assembler.h"

namespace millrace {

namespace {

// Rows scored at a time: large enough for the engine's largest batches, small enough to stay in cache.
constexpr std::uint32_t kWindowRows = 4096;
constexpr std::chrono::milliseconds kWindowLimit{1000};
constexpr std::size_t kSlots = 3;

using Clock = std::chrono::steady_clock;

}  // namespace

EvaluateResult run_evaluate_job(const EvaluateJob& job, const Checkpoint& checkpoint,
                                const std::function<void(const EvaluateTick&)>& observe,
                                std::stop_token stop) {
  const std::unique_ptr<Decoder> decoder = make_decoder(job.decoder);
  SourceSettings from = job.source;
  from.record_size = record_size(*decoder);
  KafkaSource source(from);
  PositionLedger positions(source.partitions(), source.starts(), {});
  // On the CPU, whatever trained: float32 scores any weights.
  EngineRequest request{.choice = "cpu",
                        .shape = checkpoint.model.shape,
                        .training = checkpoint.settings.training,
                        .max_window_rows = kWindowRows,
                        .threads = job.engine_threads};
  request.training.math = MathMode::fp32;
  const std::unique_ptr<Engine> engine = make_engine(request);
  engine->restore(checkpoint.model);

  source.start();
  AssemblerSettings reading = reading_from(source, job.stop);
  reading.window_rows = kWindowRows;
  reading.window_limit = kWindowLimit;
  reading.decode_threads = job.decode_threads;
  reading.slots = kSlots;
  Assembler assembler(source, *decoder, reading,
                      [&](std::size_t bytes) { return engine->allocate_host(bytes); });
  const std::stop_callback on_stop(stop, [&] { assembler.request_stop(); });

  const Clock::time_point begun = Clock::now();
  Prequential scores(job.auc_rows);
  EvaluateResult result;
  while (WindowSlot* slot = assembler.take()) {
    positions.read_also(slot->new_partitions);
    refuse_bad_records(*slot, job.errors_tolerance, positions.partitions(), *decoder);
    if (slot->rows > 0) {
      engine->stage(slot->view());
      engine->score();
      const WindowOutcome outcome = engine->wait();
      scores.add(outcome.logits, outcome.labels);
    }
    result.records += slot->records;
    add_to(result.bad_records, slot->bad_records);
    positions.trained(slot->ranges);
    assembler.give_back(slot);
    observe({sum_of(result.bad_records), scores.run(), Clock::now() - begun,
             records_left(job.stop, source.ends_at_start(), positions.commits(), result.records)});
  }
  result.metrics = scores.run();
  result.auc = scores.auc();
  result.confusion = scores.confusion();
  result.elapsed = Clock::now() - begun;
  result.data_losses = source.losses().count();
  result.lost_offsets = source.losses().lost_offsets();
  result.read = positions.positions();
  source.close(std::chrono::seconds{1});
  return result;
}

}  // namespace millrace
