// The one place that knows every decoder.
#pragma once

#include <memory>

#include "millrace/decoder.h"

#include "decode/decoder_settings.h"

namespace millrace {

// Errors: OptionError where the settings do not fit together.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const DecoderSettings& settings);

}  // namespace millrace
