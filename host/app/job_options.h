// From the options of a command to the small structs of the rooms: the edge where the one becomes the other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.h"
#include "decode/decoder_settings.h"
#include "kafka/client.h"
#include "kafka/kafka_source.h"
#include "train/errors_tolerance.h"
#include "train/evaluate_job.h"
#include "train/replay_job.h"
#include "train/train_job.h"

namespace millrace {

[[nodiscard]] ClientSettings client_settings(const OptionValues& options);
[[nodiscard]] NetworkShape network_shape(const OptionValues& options);  // --features, --layers
// --format, --features, --columns, --label, --separator
[[nodiscard]] DecoderSettings decoder_settings(const OptionValues& options);
[[nodiscard]] MathMode math_mode(const OptionValues& options);
[[nodiscard]] CudaSettings cuda_settings(const OptionValues& options);  // --device, --tune
[[nodiscard]] TrainJob train_job(const OptionValues& options);
// Features, columns and label come from the state where the command line names none.
[[nodiscard]] EvaluateJob evaluate_job(const OptionValues& options, const StreamSettings& state);

[[nodiscard]] OnDataLoss on_data_loss(const OptionValues& options);

// Without `note`; `options` names the state as DIR.
[[nodiscard]] ReplayJob replay_job(const OptionValues& options);

// What evaluate and predict are told of records, by the options and else by the state; without the label.
[[nodiscard]] DecoderSettings decoder_of_state(const OptionValues& options, const StreamSettings& state);
[[nodiscard]] ErrorsTolerance errors_tolerance(const OptionValues& options);

[[nodiscard]] unsigned decode_threads(const OptionValues& options);  // --threads
// What `--threads 0` means: one decoder keeps up with about two engine threads.
[[nodiscard]] unsigned decode_threads_of_this_machine();

}  // namespace millrace
