#pragma once

#include <exception>

namespace millrace {

// What `decode` throws where it had to wait for something else than records, and the run was stopped
// meanwhile.
class DecodeStopped : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "stopped while decoding"; }
};

}  // namespace millrace
