#include "train/reading.h"

#include "kafka/fingerprint.h"

namespace millrace {

AssemblerSettings reading_from(const KafkaSource& source, const StopRule& stop) {
  AssemblerSettings settings{.stop = stop,
                             .starts = {source.starts().begin(), source.starts().end()},
                             .fingerprint = &fingerprint_of};
  if (stop.when == StopRule::When::end) {
    settings.ends.assign(source.ends_at_start().begin(), source.ends_at_start().end());
  }
  return settings;
}

}  // namespace millrace
