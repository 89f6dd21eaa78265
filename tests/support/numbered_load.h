// Writes rows to a topic without end, each acknowledged by all replicas in sync and, being idempotent, in the
// log exactly once; the first feature of row n is n, so that whoever has seen the rows can tell which.
//
// The value is "n,n mod 7", the key a label of 0 or 1; partitions come in turns. What cannot be sent now
// waits in memory for up to five minutes. A thread of its own writes; one thread calls everything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::support {

class NumberedLoad {
 public:
  static constexpr std::int64_t kWithoutEnd = -1;

  // Stops by itself after `rows`.
  NumberedLoad(const std::string& brokers, const std::string& topic, int partitions, double rows_per_s,
               std::int64_t rows = kWithoutEnd);
  NumberedLoad(const NumberedLoad&) = delete;
  NumberedLoad& operator=(const NumberedLoad&) = delete;
  ~NumberedLoad();

  // Rows that are acknowledged.
  [[nodiscard]] std::int64_t written() const;

  // Writes no more, waits for all acknowledgements, and says how many rows there are: those from 0 on.
  // Throws std::runtime_error where one was refused.
  std::int64_t finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::support
