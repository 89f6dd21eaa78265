// From the options of `millrace predict` to its jobs: the edge where the one becomes the other.
#pragma once

#include "config/options.h"
#include "decode/decoder_settings.h"
#include "predict/line_job.h"
#include "predict/row_scorer.h"
#include "predict/topic_job.h"
#include "state/checkpoint.h"

namespace millrace {

// Refuses options of topics beside --stdin, and missing ones without it. Errors: OptionError.
void check_predict_options(const OptionValues& options);

// Fields come from the state where the command line names none. The label, which training needed and
// predictions do not, is no field unless --columns has it: then it is passed over.
[[nodiscard]] DecoderSettings predict_decoder(const OptionValues& options, const StreamSettings& state);
[[nodiscard]] ScoringEngine scoring_engine(const OptionValues& options);
[[nodiscard]] LineJob line_job(const OptionValues& options);
[[nodiscard]] TopicJob topic_job(const OptionValues& options);

}  // namespace millrace
