#include "report/event_file.h"

#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "support/temp_dir.h"

namespace millrace {
namespace {

// RFC 3720, B.4.
TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(EventFile, MakesItsFolderAndGrowsWithEveryWrite) {
  const support::TempDir folder;
  EventFile file(folder / "a/b", 1'764'000'000.5, 7);
  EXPECT_EQ(file.file().parent_path(), folder / "a/b");
  const auto before = std::filesystem::file_size(file.file());
  const ScalarPoint point{"loss", 0.5};
  file.write(1'764'000'001, 8, {&point, 1});
  // Framing 16, wall time 9, step 2, summary 2, value 2, tag 6, number 5.
  EXPECT_EQ(std::filesystem::file_size(file.file()), before + 42);
}

TEST(EventFile, NamesAFolderThatCannotBeMade) {
  try {
    const EventFile file("/proc/nothing/here", 1, 1);
    FAIL() << "a folder in /proc";
  } catch (const StateError& error) {
    EXPECT_NE(std::string(error.what()).find("/proc/nothing/here"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace
