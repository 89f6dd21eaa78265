#include "train/trainer.h"

#include <numeric>
#include <spdlog/spdlog.h>
#include <utility>

#include "millrace/errors.h"

#include "window/rows_digest.h"

namespace millrace {

Trainer::Trainer(Parts parts, Checkpoint checkpoint, TrainerSettings settings)
    : parts_(std::move(parts)),
      checkpoint_(std::move(checkpoint)),
      before_(checkpoint_.lifetime),
      settings_(settings),
      begun_(Clock::now()),
      next_checkpoint_(begun_ + settings_.checkpoint_every),
      bad_share_(settings_.max_bad_share),
      metrics_(settings_.auc_rows) {}

std::chrono::duration<double> Trainer::elapsed() const { return Clock::now() - begun_; }

void Trainer::run(const Observer& observe) {
  // A run that stopped so must not spend another window on finding out again.
  if (checkpoint_.model.skipped_in_a_row >= settings_.max_skipped_steps) {
    if (!settings_.rolls_back) throw NumericalError(checkpoint_.windows - 1);
    roll_back();
  }
  try {
    train_stream(observe);
  } catch (const BadRecordError&) {
    finish_all(observe);
    save();
    throw;
  } catch (const BadShareError&) {
    finish_all(observe);
    save();
    throw;
  } catch (const KafkaError&) {
    finish_all(observe);
    save();
    throw;
  }
  if (!dropped_) parts_.positions.committable(parts_.assembler.end().commit_offsets);
  save();
}

void Trainer::train_stream(const Observer& observe) {
  while (WindowSlot* slot = take(observe)) {
    begin(slot);
    const bool engine_is_full = in_flight_.size() >= parts_.engine.windows_in_flight();
    if (engine_is_full || !parts_.assembler.ready()) finish_oldest(observe);
    if (diverged_) {
      finish_all(observe);
      roll_back();
    }
  }
  finish_all(observe);
  if (diverged_) roll_back();
}

WindowSlot* Trainer::take(const Observer& observe) {
  // A topic that falls quiet is checkpointed in time as well.
  while (Clock::now() >= next_checkpoint_ || !parts_.assembler.ready_by(next_checkpoint_)) {
    finish_all(observe);
    const bool anything_new = counts_.records + counts_.rows > saved_amount_;
    if (anything_new) save();
    next_checkpoint_ = Clock::now() + settings_.checkpoint_every;
  }
  return parts_.assembler.take();
}

bool Trainer::letters_are_safe(const WindowSlot& slot) {
  return slot.letters == 0 || parts_.letters->wait(slot.last_letter);
}

void Trainer::begin(WindowSlot* slot) {
  if (!letters_are_safe(*slot)) {  // the next run takes it again
    dropped_ = true;
    return parts_.assembler.give_back(slot);
  }
  parts_.positions.read_also(slot->new_partitions);
  refuse_bad_records(*slot, settings_.errors_tolerance, parts_.positions.partitions(), parts_.decoder);
  bad_share_.add(slot->records, slot->bad_records);
  write_to_journal(*slot);
  parts_.activity(RunActivity::training);
  in_flight_.push_back(slot);
  if (slot->rows == 0) return;  // bad records only: positions move, weights do not
  parts_.engine.stage(slot->view());
  parts_.engine.score();
  parts_.engine.train();
}

void Trainer::write_to_journal(const WindowSlot& slot) {
  Journal& journal = parts_.state.journal();
  for (const PartitionStart& found : slot.new_partitions) journal.append(found);
  entry_.index = slot.index;
  entry_.records = slot.records;
  entry_.rows = slot.rows;
  entry_.rows_digest = slot.rows > 0 ? rows_digest(slot.view()) : 0;
  entry_.ranges.assign(slot.ranges.begin(), slot.ranges.end());
  entry_.bad_records = slot.bad_records;
  journal.append(entry_);
}

void Trainer::finish_all(const Observer& observe) {
  while (!in_flight_.empty()) finish_oldest(observe);
}

void Trainer::finish_oldest(const Observer& observe) {
  WindowSlot* slot = in_flight_.front();
  const WindowOutcome outcome = slot->rows > 0 ? parts_.engine.wait() : WindowOutcome{};
  account(*slot, outcome);
  if (outcome.most_skipped_in_a_row >= settings_.max_skipped_steps) {
    if (!settings_.rolls_back) throw NumericalError(outcome.window);
    diverged_ = true;
  }
  in_flight_.pop_front();
  observe({outcome, counts_, metrics_, elapsed(), parts_.positions.commits(), *slot,
           parts_.assembler.ring_fill()});
  parts_.assembler.give_back(slot);
  parts_.activity(in_flight_.empty() ? RunActivity::waiting : RunActivity::training);
}

void Trainer::account(const WindowSlot& slot, const WindowOutcome& outcome) {
  metrics_.add(outcome.logits, outcome.labels);
  counts_.records += slot.records;
  counts_.rows += slot.rows;
  if (slot.rows > 0) {
    ++counts_.windows;
    checkpoint_.windows = slot.index + 1;
  }
  counts_.steps += outcome.steps;
  counts_.skipped_steps += outcome.skipped_steps;
  add_to(counts_.bad_records, slot.bad_records);
  counts_.dead_letters += slot.letters;
  parts_.positions.trained(slot.ranges);
  parts_.positions.committable(slot.commit_offsets);
}

void Trainer::roll_back() {
  const std::optional<Checkpoint> good = parts_.state.newest_good();
  // A second time without an update in between would go on for ever.
  if (!good || steps_at_roll_back_ == counts_.steps) throw NumericalError(checkpoint_.windows - 1);
  const std::uint64_t lost = before_.rows + counts_.rows - good->lifetime.rows;
  parts_.state.journal().append(JournalRollBack{good->sequence, lost});
  parts_.state.journal().sync();
  parts_.engine.restore(good->model);
  spdlog::warn(
      "training diverged: went back to the weights of checkpoint {}; what {} rows had taught is lost",
      good->sequence, lost);
  counts_.rolled_back_rows += lost;
  steps_at_roll_back_ = counts_.steps;
  diverged_ = false;
  save();
}

void Trainer::save() {
  parts_.activity(RunActivity::saving);
  const std::chrono::duration<double> begun = elapsed();
  checkpoint_.model = parts_.engine.snapshot();
  checkpoint_.positions = parts_.positions.positions();
  Lifetime& lifetime = checkpoint_.lifetime;
  lifetime = before_;
  lifetime.rows += counts_.rows;
  lifetime.records += counts_.records;
  lifetime.windows += counts_.windows;
  lifetime.steps += counts_.steps;
  lifetime.skipped_steps += counts_.skipped_steps;
  lifetime.rolled_back_rows += counts_.rolled_back_rows;
  const BadRecordCounts& bad = counts_.bad_records;
  lifetime.bad_records = std::accumulate(bad.begin(), bad.end(), lifetime.bad_records);
  add_to(lifetime.bad_records_by_reason, counts_.bad_records);
  lifetime.seconds += elapsed().count();
  checkpoint_file_ = parts_.state.save(checkpoint_, parts_.positions.starts());
  saved_amount_ = counts_.records + counts_.rows;
  parts_.commit_async(parts_.positions.commits());
  parts_.saved({checkpoint_, checkpoint_file_, elapsed() - begun});
  parts_.activity(RunActivity::waiting);
}

}  // namespace millrace
