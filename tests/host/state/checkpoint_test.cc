#include "state/checkpoint.h"

#include <cstring>
#include <fcntl.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "millrace/errors.h"

#include "host/state/sample_checkpoints.h"
#include "state/checkpoint_format.h"
#include "state/checkpoint_header.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using support::TempDir;
using testing::bytes_of;
using testing::CheckpointDraw;
using testing::write_bytes;

// The kind of the StateError that reading gives; none if it succeeds.
std::optional<StateError::Kind> kind_of_reading(const std::filesystem::path& file) {
  try {
    (void)read_checkpoint(file);
    return std::nullopt;
  } catch (const StateError& error) {
    return error.kind;
  }
}

// Makes the checksum right again, as a program would that writes nonsense on purpose.
void seal(std::vector<char>& bytes) {
  const std::size_t end = bytes.size() - sizeof(XXH128_canonical_t);
  XXH128_canonical_t checksum;
  XXH128_canonicalFromHash(&checksum, XXH3_128bits(bytes.data(), end));
  std::memcpy(bytes.data() + end, &checksum, sizeof checksum);
}

TEST(Checkpoint, ReadsBackExactlyWhatWasWritten) {
  const TempDir folder;
  CheckpointDraw draw(1);
  for (int round = 0; round < 200; ++round) {
    const Checkpoint written = draw(draw.widths());
    write_checkpoint(folder.path() / "c", written);
    const Checkpoint read = read_checkpoint(folder.path() / "c");
    ASSERT_EQ(read, written) << "round " << round;
    // `==` takes -0.0 for 0.0; the bytes do not.
    ASSERT_EQ(encode_checkpoint(read, ""), encode_checkpoint(written, "")) << "round " << round;
    ASSERT_EQ(state_digest(read), state_digest(written));
  }
}

TEST(Checkpoint, IsAFileThatOnlyItsOwnerReads) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  write_checkpoint(file, CheckpointDraw(2)({3, 2, 1}));
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Checkpoint, FindsEverySingleFlippedBit) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  write_checkpoint(file, CheckpointDraw(3)({2, 3, 1}));
  const std::vector<char> bytes = bytes_of(file);
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto at = static_cast<off_t>(bit / 8);
    const auto flipped = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(::pwrite(descriptor, &flipped, 1, at), 1);
    ASSERT_EQ(kind_of_reading(file), StateError::Kind::damaged) << "bit " << bit;
    ASSERT_EQ(::pwrite(descriptor, &bytes[bit / 8], 1, at), 1);
  }
  ::close(descriptor);
  EXPECT_EQ(kind_of_reading(file), std::nullopt);
}

TEST(Checkpoint, FindsEveryTruncationAndAnyBytesTooMany) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  write_checkpoint(file, CheckpointDraw(4)({2, 3, 1}));
  const std::vector<char> bytes = bytes_of(file);
  for (std::size_t length = 1; length <= 200; ++length) {
    write_bytes(file, bytes);
    std::filesystem::resize_file(file, bytes.size() + length);
    ASSERT_EQ(kind_of_reading(file), StateError::Kind::damaged) << length << " bytes more";
  }
  write_bytes(file, bytes);
  for (std::size_t length = bytes.size(); length-- > 0;) {
    std::filesystem::resize_file(file, length);
    ASSERT_EQ(kind_of_reading(file), StateError::Kind::damaged) << length << " bytes left";
  }
}

TEST(Checkpoint, FindsAThousandRandomCorruptionsOfABiggerOne) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  CheckpointDraw draw(5);
  write_checkpoint(file, draw({9, 64, 32, 1}));
  const std::vector<char> whole = bytes_of(file);
  for (int round = 0; round < 1000; ++round) {
    std::vector<char> bytes = whole;
    for (std::uint64_t changes = 1 + draw.below(40), i = 0; i < changes; ++i) {
      bytes[draw.below(bytes.size())] = static_cast<char>(draw.below(256));
    }
    if (bytes == whole) continue;
    write_bytes(file, bytes);
    ASSERT_EQ(kind_of_reading(file), StateError::Kind::damaged) << "round " << round;
  }
}

// The checksum keeps accidents out; what it lets through on purpose must still be checked before it is
// believed.
TEST(Checkpoint, BelievesNothingThatIsSealedWithARightChecksum) {
  CheckpointDraw draw(6);
  const std::vector<std::byte> whole = encode_checkpoint(draw({2, 2, 1}), "");
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<char> bytes(whole.size());
    std::memcpy(bytes.data(), whole.data(), whole.size());
    for (std::uint64_t changes = 1 + draw.below(3), i = 0; i < changes; ++i) {
      char& changed = bytes[8 + draw.below(bytes.size() - 24)];
      changed =
          draw.below(2) == 0 ? static_cast<char>('0' + draw.below(10)) : static_cast<char>(draw.below(256));
    }
    seal(bytes);
    try {
      const Checkpoint read = decode_checkpoint(std::as_bytes(std::span(bytes)), "c");
      (void)encode_checkpoint(read, "");  // what was accepted is consistent and finite
      ++accepted;
    } catch (const StateError& error) {
      ASSERT_THAT(error.kind, ::testing::AnyOf(StateError::Kind::damaged, StateError::Kind::newer_version));
      ++refused;
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, accepted);
}

TEST(Checkpoint, TrustsNoLengthInItsHeader) {
  const std::vector<std::byte> whole = encode_checkpoint(CheckpointDraw(7)({2, 2, 1}), "");
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{whole.size()}, std::uint64_t{whole.size()} - 48,
        std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() - 63}) {
    std::vector<char> bytes(whole.size());
    std::memcpy(bytes.data(), whole.data(), whole.size());
    std::memcpy(bytes.data() + 24, &length, sizeof length);
    seal(bytes);
    EXPECT_THROW((void)decode_checkpoint(std::as_bytes(std::span(bytes)), "c"), StateError) << length;
  }
}

// A file that ends anywhere among its tensors, and says so consistently.
TEST(Checkpoint, TrustsNoTensorThatLeavesTheFile) {
  const std::vector<std::byte> whole = encode_checkpoint(CheckpointDraw(16)({2, 2, 1}), "");
  for (std::size_t length = 48; length < whole.size(); ++length) {
    std::vector<char> bytes(length);  // of its own size, so that AddressSanitizer sees every step beyond
    std::memcpy(bytes.data(), whole.data(), length);
    const std::uint64_t told = length;
    std::memcpy(bytes.data() + 16, &told, sizeof told);
    seal(bytes);
    EXPECT_THROW((void)decode_checkpoint(std::as_bytes(std::span(bytes)), "c"), StateError) << length;
  }
}

// Each tensor in turn claims as many numbers as a reader could be led astray with.
TEST(Checkpoint, TrustsNoCountOfATensor) {
  Checkpoint checkpoint = CheckpointDraw(17)({2, 2, 1});
  checkpoint.model.standardizer = {{1, 2}, {3, 4}, {5, 6}};
  const std::vector<std::byte> whole = encode_checkpoint(checkpoint, "");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, whole.data() + 24, sizeof header_bytes);
  const auto* const text = reinterpret_cast<const char*>(whole.data()) + 32;
  const auto header = nlohmann::ordered_json::parse(text, text + header_bytes);
  const std::size_t tensors_begin = (32 + header_bytes + 63) / 64 * 64;
  const std::vector<char> tensors(text - 32 + tensors_begin, text - 32 + whole.size());
  for (std::size_t tensor = 0; tensor < 6; ++tensor) {
    for (const char* member : {"count", "begin"}) {
      for (const std::uint64_t value : {std::uint64_t{1} << 40, std::uint64_t{1} << 62,
                                        std::numeric_limits<std::uint64_t>::max(), std::uint64_t{63}}) {
        auto changed = header;
        changed["tensors"][tensor][member] = value;
        const std::string changed_text = changed.dump();
        std::vector<char> bytes(32);
        std::memcpy(bytes.data(), whole.data(), 32);
        bytes.insert(bytes.end(), changed_text.begin(), changed_text.end());
        bytes.resize((bytes.size() + 63) / 64 * 64);
        bytes.insert(bytes.end(), tensors.begin(), tensors.end());
        const std::uint64_t lengths[] = {bytes.size(), changed_text.size()};
        std::memcpy(bytes.data() + 16, lengths, sizeof lengths);
        seal(bytes);
        try {
          (void)decode_checkpoint(std::as_bytes(std::span(bytes)), "c");
          ADD_FAILURE() << "tensor " << tensor << " " << member << " " << value;
        } catch (const StateError& error) {
          EXPECT_THAT(error.detail, ::testing::HasSubstr("the entry of"));
        }
      }
    }
  }
}

TEST(Checkpoint, OfANewerFormatIsRefusedAsSuch) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  write_checkpoint(file, CheckpointDraw(8)({2, 2, 1}));
  std::vector<char> bytes = bytes_of(file);
  const std::uint32_t version = kCheckpointFormatVersion + 1;
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  seal(bytes);
  write_bytes(file, bytes);
  try {
    (void)read_checkpoint(file);
    FAIL() << "it was read";
  } catch (const StateError& error) {
    EXPECT_EQ(error.kind, StateError::Kind::newer_version);
    EXPECT_EQ(error.path, file.string());
    EXPECT_EQ(error.detail, "it has format 2, and this millrace reads formats up to 1");
  }
}

TEST(Checkpoint, SaysWhatIsWrongWithAFileThatIsNone) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  EXPECT_EQ(kind_of_reading(file), StateError::Kind::missing);
  EXPECT_EQ(kind_of_reading(folder.path()), StateError::Kind::damaged);  // a folder
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(kind_of_reading(folder.path() / "pipe"), StateError::Kind::damaged);
  EXPECT_EQ(kind_of_reading("/dev/zero"), StateError::Kind::damaged);
  write_bytes(file, {});
  EXPECT_EQ(kind_of_reading(file), StateError::Kind::damaged);
  write_bytes(file, std::vector<char>(1000, 'x'));
  EXPECT_EQ(kind_of_reading(file), StateError::Kind::damaged);
}

TEST(Checkpoint, ReadsNothingLargeOfAFileThatIsNone) {
  const TempDir folder;
  const auto file = folder.path() / "c";
  write_bytes(file, {'m', 'i', 'l', 'l', 'r', 'a', 'c', 'e'});
  std::filesystem::resize_file(file, std::uintmax_t{1} << 42);  // 4 TiB, all holes
  EXPECT_EQ(kind_of_reading(file), StateError::Kind::damaged);
}

TEST(Checkpoint, NeverHoldsANumberThatIsNotFinite) {
  constexpr auto kInfinity = std::numeric_limits<double>::infinity();
  constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::function<void(Checkpoint&, double)>> places = {
      [](Checkpoint& c, double x) { c.model.parameters.back() = static_cast<float>(x); },
      [](Checkpoint& c, double x) { c.model.first_moment.front() = static_cast<float>(x); },
      [](Checkpoint& c, double x) { c.model.second_moment[1] = static_cast<float>(x); },
      [](Checkpoint& c, double x) { c.model.standardizer.count[0] = x; },
      [](Checkpoint& c, double x) { c.model.standardizer.mean[1] = x; },
      [](Checkpoint& c, double x) { c.model.standardizer.m2[0] = x; },
      [](Checkpoint& c, double x) { c.lifetime.seconds = x; },
      [](Checkpoint& c, double x) { c.settings.training.learning_rate = x; },
      [](Checkpoint& c, double x) { c.settings.training.beta1 = x; },
      [](Checkpoint& c, double x) { c.settings.training.beta2 = x; },
      [](Checkpoint& c, double x) { c.settings.training.epsilon = x; },
  };
  const TempDir folder;
  for (std::size_t place = 0; place < places.size(); ++place) {
    for (const double value : {kInfinity, -kInfinity, kNan}) {
      Checkpoint checkpoint = CheckpointDraw(9)({2, 2, 1});
      checkpoint.model.standardizer = {{1, 2}, {3, 4}, {5, 6}};
      places[place](checkpoint, value);
      EXPECT_THROW(write_checkpoint(folder.path() / "c", checkpoint), NumericalError) << "place " << place;
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Checkpoint, ReadsNoNumberThatIsNotFinite) {
  Checkpoint checkpoint = CheckpointDraw(10)({2, 2, 1});
  checkpoint.model.parameters.assign(checkpoint.model.parameters.size(), 1.5F);
  checkpoint.model.first_moment.assign(checkpoint.model.parameters.size(), 1.5F);
  const std::vector<std::byte> whole = encode_checkpoint(checkpoint, "");
  std::vector<char> bytes(whole.size());
  std::memcpy(bytes.data(), whole.data(), whole.size());
  const float pattern = 1.5F;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto found = std::string_view(bytes.data(), bytes.size())
                         .find(std::string_view(reinterpret_cast<const char*>(&pattern), sizeof pattern));
  ASSERT_NE(found, std::string_view::npos);
  std::memcpy(bytes.data() + found, &nan, sizeof nan);
  seal(bytes);
  EXPECT_THROW((void)decode_checkpoint(std::as_bytes(std::span(bytes)), "c"), StateError);
}

TEST(Checkpoint, RefusesANameThatIsNotUtf8) {
  const TempDir folder;
  Checkpoint checkpoint = CheckpointDraw(11)({2, 2, 1});
  checkpoint.settings.group = "caf\xe9";
  EXPECT_THROW(write_checkpoint(folder.path() / "c", checkpoint), StateError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Checkpoint, CarriesAHeaderThatPeopleAndOtherProgramsRead) {
  Checkpoint checkpoint = CheckpointDraw(12)({9, 4, 1});
  checkpoint.windows = 236;
  checkpoint.written_at_ms = 1'700'000'000'123;
  checkpoint.settings.training.learning_rate = 1e-3;
  const std::vector<std::byte> bytes = encode_checkpoint(checkpoint, "");
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, text + 24, sizeof header_bytes);
  const auto header = nlohmann::json::parse(text + 32, text + 32 + header_bytes);
  EXPECT_EQ(header.at("windows"), 236);
  EXPECT_EQ(header.at("written_at"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(header.at("widths"), (std::vector<int>{9, 4, 1}));
  EXPECT_EQ(header.at("settings").at("training").at("learning_rate").dump(), "0.001");
  // The tensors lie where the header and the rule of alignment say.
  const std::uint64_t tensors = (32 + header_bytes + 63) / 64 * 64;
  EXPECT_EQ(
      std::memcmp(text + tensors + header.at("tensors").at(1).at("begin").get<std::uint64_t>(),
                  checkpoint.model.first_moment.data(), checkpoint.model.first_moment.size() * sizeof(float)),
      0);
}

// One way to change a checkpoint.
using Change = std::function<void(Checkpoint&)>;

// What versions before mathematics and choices were part of a checkpoint wrote.
Checkpoint from_older_version(const Checkpoint& checkpoint) {
  nlohmann::json header = nlohmann::json::parse(write_checkpoint_header(checkpoint, {}, ""));
  header["settings"].erase("engine_choices");
  header["settings"]["training"].erase("math");
  return read_checkpoint_header(header.dump()).checkpoint;
}

TEST(Checkpoint, OfAnOlderVersionComputedInFloat32AndChoseNothing) {
  Checkpoint written = CheckpointDraw(16)({2, 2, 1});
  written.settings.training.math = MathMode::bf16;
  written.settings.engine_choices = "forward";
  const Checkpoint read = from_older_version(written);
  EXPECT_EQ(read.settings.training.math, MathMode::fp32);
  EXPECT_EQ(read.settings.engine_choices, "");
  EXPECT_EQ(read.settings.engine, written.settings.engine);
}

TEST(Checkpoint, RefusesMathematicsThatItDoesNotKnow) {
  nlohmann::json header =
      nlohmann::json::parse(write_checkpoint_header(CheckpointDraw(17)({2, 2, 1}), {}, ""));
  for (const nlohmann::json& math : {nlohmann::json("fp64"), nlohmann::json(1)}) {
    header["settings"]["training"]["math"] = math;
    EXPECT_THROW(static_cast<void>(read_checkpoint_header(header.dump())), CheckpointFormatError) << math;
  }
}

// People compare digests across versions: this one was computed before there were mathematics and choices.
TEST(StateDigest, OfAnOlderStateStaysWhatItWas) {
  Checkpoint checkpoint;
  checkpoint.windows = 3;
  checkpoint.model.shape = {{2, 1}};
  checkpoint.model.parameters = {1, 2, 3};
  checkpoint.settings = {
      .features = 2, .label = "key", .format = "csv", .topics = {"clicks"}, .engine = "cpu"};
  checkpoint.positions = {{{"clicks", 0}, {5, 0}, {}}};
  EXPECT_EQ(state_digest(checkpoint), 0x85418301825c2070ULL);
}

TEST(StateDigest, ChangesWithEverythingThatTrainingDependsOn) {
  const std::vector<Change> changes = {
      [](Checkpoint& c) { c.windows ^= 1; },
      [](Checkpoint& c) { c.model.parameters[0] = -c.model.parameters[0]; },
      [](Checkpoint& c) { c.model.parameters.back() = -c.model.parameters.back(); },
      [](Checkpoint& c) { c.model.first_moment[1] = -c.model.first_moment[1]; },
      [](Checkpoint& c) { c.model.second_moment[2] = -c.model.second_moment[2]; },
      [](Checkpoint& c) { c.model.step ^= 1; },
      [](Checkpoint& c) { c.model.standardizer.count[0] += 1; },
      [](Checkpoint& c) { c.model.standardizer.mean[0] += 1; },
      [](Checkpoint& c) { c.model.standardizer.m2[1] += 1; },
      [](Checkpoint& c) { c.model.standardizer = {}; },
      [](Checkpoint& c) {
        c.model.shape.widths = {3, 2, 1};
      },
      [](Checkpoint& c) { c.positions[0].partition.topic += "x"; },
      [](Checkpoint& c) { c.positions[0].partition.partition ^= 1; },
      [](Checkpoint& c) { c.positions[1].next.offset ^= 1; },
      [](Checkpoint& c) { c.positions[1].next.row ^= 1; },
      [](Checkpoint& c) { c.positions.pop_back(); },
      [](Checkpoint& c) { c.settings.feature_names.emplace_back("x"); },
      [](Checkpoint& c) { c.settings.features ^= 1; },
      [](Checkpoint& c) { c.settings.label += "x"; },
      [](Checkpoint& c) { c.settings.format += "x"; },
      [](Checkpoint& c) { c.settings.columns.emplace_back("x"); },
      [](Checkpoint& c) { c.settings.topics.emplace_back("x"); },
      [](Checkpoint& c) { c.settings.window_rows ^= 1; },
      [](Checkpoint& c) { c.settings.engine += "x"; },
      [](Checkpoint& c) { c.settings.engine_threads ^= 1; },
      [](Checkpoint& c) { c.settings.training.epochs ^= 1; },
      [](Checkpoint& c) { c.settings.training.batch ^= 1; },
      [](Checkpoint& c) { c.settings.training.learning_rate = 2; },
      [](Checkpoint& c) { c.settings.training.beta1 = 2; },
      [](Checkpoint& c) { c.settings.training.beta2 = 2; },
      [](Checkpoint& c) { c.settings.training.epsilon = 2; },
      [](Checkpoint& c) { c.settings.training.seed ^= 1; },
      [](Checkpoint& c) { c.settings.training.standardize = !c.settings.training.standardize; },
      [](Checkpoint& c) { c.settings.training.math = MathMode::tf32; },
      [](Checkpoint& c) { c.settings.training.math = MathMode::bf16; },
      [](Checkpoint& c) { c.settings.engine_choices = "forward 32x12x128=x"; },
      [](Checkpoint& c) { c.settings.engine_choices = "forward 32x12x128=y"; },
  };
  Checkpoint original = CheckpointDraw(13)({2, 2, 1});
  original.settings.training.math = MathMode::fp32;
  original.settings.engine_choices.clear();
  original.model.parameters.assign(9, 1.0F);
  original.model.standardizer = {{1, 2}, {3, 4}, {5, 6}};
  original.positions = {{{"a", 0}, {5, 0}, {}}, {{"a", 1}, {6, 0}, {}}};
  std::set<std::uint64_t> digests = {state_digest(original)};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Checkpoint changed = original;
    changes[i](changed);
    EXPECT_TRUE(digests.insert(state_digest(changed)).second) << "change " << i;
  }
}

TEST(StateDigest, StaysWithWhatNoWeightDependsOn) {
  const std::vector<Change> changes = {
      [](Checkpoint& c) { c.sequence ^= 1; },
      [](Checkpoint& c) { c.lifetime = {}; },
      [](Checkpoint& c) { c.lifetime.seconds = 1; },
      [](Checkpoint& c) { c.written_at_ms ^= 1; },
      [](Checkpoint& c) { c.millrace_version += "x"; },
      [](Checkpoint& c) { c.settings.group += "x"; },
      [](Checkpoint& c) { c.settings.window_ms ^= 1; },
      [](Checkpoint& c) { c.positions[0].last_record.hash ^= 1; },
      [](Checkpoint& c) { std::swap(c.positions[0], c.positions[1]); },
  };
  Checkpoint original = CheckpointDraw(14)({2, 2, 1});
  original.positions = {{{"a", 0}, {5, 0}, {}}, {{"a", 1}, {6, 0}, {}}};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Checkpoint changed = original;
    changes[i](changed);
    EXPECT_EQ(state_digest(changed), state_digest(original)) << "change " << i;
  }
}

TEST(WeightsDigest, DependsOnTheWeightsAlone) {
  const Checkpoint original = CheckpointDraw(15)({2, 2, 1});
  ModelState other = original.model;
  other.step ^= 1;
  other.first_moment[0] = -other.first_moment[0];
  other.standardizer = {};
  EXPECT_EQ(weights_digest(other), weights_digest(original.model));
  other.parameters[3] = -other.parameters[3];
  EXPECT_NE(weights_digest(other), weights_digest(original.model));
}

}  // namespace
}  // namespace millrace
