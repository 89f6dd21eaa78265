// A checkpoint as bytes, format version 1. Everything is little-endian.
//
//   bytes            what
//   0 … 7            the magic `millrace`
//   8 … 11           u32: the format's version
//   12 … 15          zero
//   16 … 23          u64: the length of the file
//   24 … 31          u64: the length H of the header
//   32 … 31+H        the header: JSON with everything that people want to read; `head -c 4000 FILE` shows it
//   …                tensors, in the order of the header's `tensors`, each beginning at a multiple of 64
//   bytes,
//                    zeros between them: float32 parameters, first_moment, second_moment; float64
//                    standardizer_count, standardizer_mean, standardizer_m2
//   last 16          XXH3-128 of all bytes before, in canonical (big-endian) form, after zeros up to a
//   multiple of 64
//
// Every later version keeps the magic, the version, the length of the file and the checksum where they are.
// So a newer file is told from a damaged one, by whoever cannot read it. Readers ignore header members they
// do not know; a change that an old reader must not ignore takes a new version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "state/checkpoint.h"

namespace millrace {

inline constexpr std::uint32_t kCheckpointFormatVersion = 1;
inline constexpr std::size_t kCheckpointPrologueBytes = 32;

// `path` only serves to name the file in errors, here and below.
// Errors: NumericalError, StateError io, as told at write_checkpoint; std::logic_error if the model's arrays
// do not have the lengths that its shape demands.
[[nodiscard]] std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint, const std::string& path);

// Looks at the first 32 bytes of a file of `file_bytes` bytes, so that nothing large is read of a file that
// is none of ours. Errors: StateError damaged.
void check_checkpoint_prologue(std::span<const std::byte> prologue, std::uint64_t file_bytes,
                               const std::string& path);

// Errors: StateError damaged, newer_version.
[[nodiscard]] Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& path);

}  // namespace millrace
