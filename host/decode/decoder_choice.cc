#include "decode/decoder_choice.h"

#include <stdexcept>

#include "decode/avro_decoder.h"
#include "decode/csv_decoder.h"
#include "decode/json_decoder.h"
#include "decode/packed_decoder.h"

namespace millrace {

std::unique_ptr<Decoder> make_decoder(const DecoderSettings& settings) {
  switch (settings.format) {
    case RecordFormat::csv:
      return std::make_unique<CsvDecoder>(settings);
    case RecordFormat::json:
      return std::make_unique<JsonDecoder>(settings);
    case RecordFormat::avro:
      return std::make_unique<AvroDecoder>(settings);
    case RecordFormat::packed:
      return std::make_unique<PackedDecoder>(settings);
  }
  throw std::invalid_argument("a format without a decoder");
}

}  // namespace millrace
