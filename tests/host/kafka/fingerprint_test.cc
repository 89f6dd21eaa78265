#include "kafka/fingerprint.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace millrace {
namespace {

RecordView record_of(const char* key, const char* value) {
  RecordView record;
  record.offset = 7;
  record.timestamp_ms = 1000;
  record.has_key = key != nullptr;
  if (record.has_key) record.key = key;
  record.has_value = value != nullptr;
  if (record.has_value) record.value = value;
  return record;
}

TEST(Fingerprint, DependsOnContentsAndNotOnWhereTheyLie) {
  const std::string key = "some key";
  const std::string value = "1,2,3";
  EXPECT_EQ(fingerprint_of(record_of(key.c_str(), value.c_str())),
            fingerprint_of(record_of("some key", "1,2,3")));
}

TEST(Fingerprint, TellsKeysFromValuesAndNullFromEmpty) {
  std::set<std::uint64_t> hashes;
  const std::vector<RecordView> records{
      record_of("", ""),     record_of(nullptr, ""),      record_of("", nullptr),
      record_of("ab", "c"),  record_of("a", "bc"),        record_of("", "abc"),
      record_of("abc", ""),  record_of(nullptr, "abc"),   record_of("abc", nullptr),
      record_of("abd", "c"), record_of(nullptr, nullptr), record_of("ab", "d")};
  for (const RecordView& record : records) hashes.insert(fingerprint_of(record).hash);
  EXPECT_EQ(hashes.size(), records.size());
}

TEST(Fingerprint, CarriesOffsetAndTimestamp) {
  RecordView record = record_of("k", "v");
  const RecordFingerprint first = fingerprint_of(record);
  EXPECT_EQ(first.offset, 7);
  EXPECT_EQ(first.timestamp_ms, 1000);
  record.timestamp_ms = 1001;
  EXPECT_NE(fingerprint_of(record), first);
}

// Fingerprints stand in checkpoints: the function may never change. Computed by python-xxhash from the bytes
// that millrace/position.h describes: length 1, "k", length 5, "1,2,3" (lengths as 64-bit little-endian).
TEST(Fingerprint, IsTheHashThatOldCheckpointsHold) {
  EXPECT_EQ(fingerprint_of(record_of("k", "1,2,3")).hash, 0xc82fca0d96e829ccU);
}

}  // namespace
}  // namespace millrace
