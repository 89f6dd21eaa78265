// Each mistake inside a kernel that the emulated device promises to find is planted once and found, under
// every seed.

#include <cstdint>
#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "planted_kernels.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using emulated::Failure;
using Kind = Failure::Kind;

constexpr std::uint64_t kSeeds = 20;

// What the device says of a planted kernel.
Failure failure_of(planted::Plant plant, std::uint64_t seed) {
  emulated::EmulatedDevice device({.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES});
  {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(256, stream.view());
    cuda::fill_zero_async(memory.view(), stream.view());
    plant(memory.view(), stream.view());
    EXPECT_NE(cudaStreamSynchronize(stream.view()), cudaSuccess);
  }
  const std::vector<Failure> failures = device.take_failures();
  EXPECT_EQ(failures.size(), 1U);
  return failures.empty() ? Failure{} : failures.front();
}

struct Planted {
  const char* name;
  planted::Plant plant;
  Kind kind;
  const char* kernel;
};

void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

class KernelFindings : public testing::TestWithParam<Planted> {};

TEST_P(KernelFindings, NameTheMistakeAndTheKernelUnderEverySeed) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    const Failure failure = failure_of(GetParam().plant, seed);
    EXPECT_EQ(name_of(failure.kind), name_of(GetParam().kind)) << failure.sentence();
    EXPECT_EQ(failure.work, "millrace::planted::" + std::string(GetParam().kernel)) << failure.sentence();
  }
}

// What is found by meetings and addresses alone; and what only observed accesses show.
std::vector<Planted> promised(bool check_accesses) {
  std::vector<Planted> always = {
      {"LeavesBeforeTheBarrier", planted::leaves_before_the_barrier, Kind::divergent_barrier,
       "leaves_early_kernel"},
      {"WaitsAtTwoBarriers", planted::waits_at_two_barriers, Kind::divergent_barrier, "two_barriers_kernel"},
      {"SkipsAShuffle", planted::skips_a_shuffle, Kind::divergent_barrier, "skipped_shuffle_kernel"},
      {"ShufflesFromOutsideItsMask", planted::shuffles_from_outside_its_mask, Kind::absent_lane,
       "outside_mask_kernel"},
      {"SkipsTheClusterBarrier", planted::skips_the_cluster_barrier, Kind::divergent_barrier,
       "skipped_cluster_barrier_kernel"},
      {"ShufflesOutsideItsMask", planted::shuffles_outside_its_mask, Kind::divergent_barrier,
       "not_in_mask_kernel"},
      {"ShufflesWhileOthersVote", planted::shuffles_while_others_vote, Kind::divergent_barrier,
       "two_meetings_kernel"},
      {"ArrivesTwiceAtTheClusterBarrier", planted::arrives_twice_at_the_cluster_barrier,
       Kind::divergent_barrier, "two_arrivals_kernel"},
      {"WaitsAtTheClusterBarrierWithoutArriving", planted::waits_at_the_cluster_barrier_without_arriving,
       Kind::divergent_barrier, "no_arrival_kernel"},
      {"MapsARankThatIsNotThere", planted::maps_a_rank_that_is_not_there, Kind::out_of_bounds,
       "no_such_rank_kernel"},
      {"MapsGlobalMemory", planted::maps_global_memory, Kind::out_of_bounds, "mapped_global_kernel"},
      {"CopiesMisaligned", planted::copies_misaligned, Kind::misaligned, "misaligned_copy_kernel"},
      {"CopiesToGlobalMemory", planted::copies_to_global_memory, Kind::out_of_bounds,
       "copy_to_global_kernel"},
      {"AsksForTooMuchShared", planted::asks_for_too_much_shared, Kind::too_much_shared,
       "too_much_shared_kernel"},
      {"Traps", planted::traps, Kind::trapped, "trapping_kernel"},
      {"WaitsAtAnUninitialisedBarrier", planted::waits_at_an_uninitialised_barrier, Kind::barrier_misuse,
       "uninitialised_barrier_kernel"},
      {"ForgetsTheBarrierAfterAnInitialisation", planted::forgets_the_barrier_after_an_initialisation,
       Kind::barrier_misuse, "early_barrier_kernel"},
      {"ArrivesMoreOftenThanTheCount", planted::arrives_more_often_than_the_count, Kind::barrier_misuse,
       "many_arrivals_kernel"},
      {"ExpectsBytesThatNeverCome", planted::expects_bytes_that_never_come, Kind::deadlock,
       "missing_bytes_kernel"},
      {"FetchesMisaligned", planted::fetches_misaligned, Kind::misaligned, "misaligned_bulk_kernel"},
      {"FetchesFromPastTheEnd", planted::fetches_from_past_the_end, Kind::out_of_bounds,
       "bulk_past_the_end_kernel"},
      {"FetchesPastShared", planted::fetches_past_shared, Kind::out_of_bounds, "bulk_past_shared_kernel"},
      {"FetchesFreedMemory", planted::fetches_freed_memory, Kind::use_after_free, "bulk_of_freed_kernel"},
      {"LeavesWhileABulkCopyRuns", planted::leaves_while_a_bulk_copy_runs, Kind::use_after_free,
       "left_bulk_kernel"},
      {"ArrivesAtARankThatIsNotThere", planted::arrives_at_a_rank_that_is_not_there, Kind::out_of_bounds,
       "arrival_at_no_rank_kernel"},
      {"LeavesWhileAnotherBlockArrives", planted::leaves_while_another_block_arrives, Kind::use_after_free,
       "left_arrival_kernel"},
      {"WaitsForEachOther", planted::waits_for_each_other, Kind::deadlock, "mutual_wait_kernel"},
      {"WaitsForAFlagThatNobodySets", planted::waits_for_a_flag_that_nobody_sets, Kind::deadlock,
       "unset_flag_kernel"},
  };
  const std::vector<Planted> with_checks = {
      {"WritesPastTheEnd", planted::writes_past_the_end, Kind::out_of_bounds, "past_the_end_kernel"},
      {"ReadsPastShared", planted::reads_past_shared, Kind::out_of_bounds, "past_shared_kernel"},
      {"ReadsPastDynamic", planted::reads_past_dynamic, Kind::out_of_bounds, "past_dynamic_kernel"},
      {"ReadsAHostVariable", planted::reads_a_host_variable, Kind::out_of_bounds, "pointer_kernel"},
      {"ReadsMisaligned", planted::reads_misaligned, Kind::misaligned, "misaligned_kernel"},
      {"ReadsUnwrittenShared", planted::reads_unwritten_shared, Kind::never_written,
       "unwritten_shared_kernel"},
      {"ForgetsTheBarrierAfterAWrite", planted::forgets_the_barrier_after_a_write, Kind::shared_race,
       "write_then_read_kernel"},
      {"ForgetsTheBarrierAfterARead", planted::forgets_the_barrier_after_a_read, Kind::shared_race,
       "read_then_write_kernel"},
      {"ForgetsTheWarpBarrier", planted::forgets_the_warp_barrier, Kind::shared_race, "warp_race_kernel"},
      {"WritesOneAddressTwice", planted::writes_one_address_twice, Kind::shared_race, "same_address_kernel"},
      {"ReadsAnotherBlockTooEarly", planted::reads_another_block_too_early, Kind::use_after_free,
       "early_remote_kernel"},
      {"LeavesWhileAnotherBlockReads", planted::leaves_while_another_block_reads, Kind::use_after_free,
       "left_remote_kernel"},
      {"WritesAnotherBlockWithoutBarrier", planted::writes_another_block_without_barrier, Kind::shared_race,
       "remote_write_kernel"},
      {"ReadsACopyTooEarly", planted::reads_a_copy_too_early, Kind::never_written, "early_copy_kernel"},
      {"ReadsAnothersCopyWithoutBarrier", planted::reads_anothers_copy_without_barrier, Kind::shared_race,
       "others_copy_kernel"},
      {"ReadsPastAnotherBlocksShared", planted::reads_past_another_blocks_shared, Kind::out_of_bounds,
       "past_remote_kernel"},
      {"CopiesFromPastTheEnd", planted::copies_from_past_the_end, Kind::out_of_bounds,
       "copy_past_the_end_kernel"},
      {"CopiesPastShared", planted::copies_past_shared, Kind::out_of_bounds, "copy_past_shared_kernel"},
      {"ReadsWithoutAtomicsWhatOthersCount", planted::reads_without_atomics_what_others_count,
       Kind::shared_race, "half_atomic_kernel"},
      {"ForgetsToCommitACopy", planted::forgets_to_commit_a_copy, Kind::never_written,
       "uncommitted_copy_kernel"},
      {"WaitsForTheOlderOfTwoCopies", planted::waits_for_the_older_of_two_copies, Kind::never_written,
       "newest_copy_kernel"},
      {"CopiesOverWhatOthersRead", planted::copies_over_what_others_read, Kind::shared_race,
       "copy_over_read_kernel"},
      {"ReadsABulkCopyTooEarly", planted::reads_a_bulk_copy_too_early, Kind::shared_race,
       "early_bulk_kernel"},
      {"OverwritesABulkCopy", planted::overwrites_a_bulk_copy, Kind::shared_race, "overwritten_bulk_kernel"},
      {"FetchesOverWhatOthersRead", planted::fetches_over_what_others_read, Kind::shared_race,
       "bulk_over_read_kernel"},
      {"ArrivesTwiceForAnother", planted::arrives_twice_for_another, Kind::shared_race,
       "others_arrival_kernel"},
      {"SpinsOnAPlainRead", planted::spins_on_a_plain_read, Kind::plain_spin, "plain_spin_kernel"},
      {"SpinsOnAPlainSharedRead", planted::spins_on_a_plain_shared_read, Kind::plain_spin,
       "plain_shared_spin_kernel"},
      {"ReadsBeforeTheFlag", planted::reads_before_the_flag, Kind::shared_race, "early_flag_kernel"},
  };
  if (check_accesses) always.insert(always.end(), with_checks.begin(), with_checks.end());
  return always;
}

INSTANTIATE_TEST_SUITE_P(Each, KernelFindings, testing::ValuesIn(promised(MILLRACE_CHECK_ACCESSES)),
                         [](const testing::TestParamInfo<Planted>& of) { return of.param.name; });

TEST(KernelFinding, NamesBlockAndThread) {
  EXPECT_EQ(failure_of(planted::traps, 1).sentence(),
            "trapped in millrace::planted::trapping_kernel, block (0,0,0), thread (3,0,0): the kernel called "
            "trap");
}

TEST(KernelFinding, NamesWhoWaitsForWhomAtADivergentBarrier) {
  const Failure failure = failure_of(planted::leaves_before_the_barrier, 1);
  EXPECT_EQ(failure.block.x, 1U);
  EXPECT_EQ(failure.detail, "waits in block_barrier, while thread (5,0,0) of block (1,0,0) has ended");
}

TEST(KernelFinding, NamesWhatIsMissingWhereABarrierIsWaitedForInVain) {
  const Failure failure = failure_of(planted::expects_bytes_that_never_come, 1);
  EXPECT_EQ(
      failure.detail,
      "waits in barrier_wait, and nothing can end that: 0 arrivals and 16 bytes are missing in phase 0 of "
      "the barrier at shared byte 512 of the block of rank 0");
}

TEST(KernelFinding, NamesTheThreadThatSpinsInVain) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Failure failure = failure_of(planted::waits_for_a_flag_that_nobody_sets, seed);
    EXPECT_EQ(failure.block.x, 2U);
    EXPECT_EQ(failure.thread.x, 5U);
    EXPECT_TRUE(failure.detail.starts_with("waits in spin_until, and nothing can end that"))
        << failure.detail;
  }
}

// Where the later block happens to start before it is waited for, all goes well.
TEST(KernelFinding, NamesAWaitForALaterBlockUnderSomeSeed) {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulated::EmulatedDevice device({.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES});
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(256, stream.view());
    cuda::fill_zero_async(memory.view(), stream.view());
    planted::waits_for_a_later_block(memory.view(), stream.view());
    static_cast<void>(cudaStreamSynchronize(stream.view()));
    for (const Failure& failure : device.take_failures()) {
      EXPECT_EQ(name_of(failure.kind), "deadlock") << failure.sentence();
      EXPECT_EQ(failure.block.x, 1U);
      ++found;
    }
  }
  EXPECT_GT(found, 0U);
}

TEST(KernelFinding, SaysThatOlderDevicesTrapAtCountingBarriers) {
  emulated::EmulatedDevice device({.check_accesses = MILLRACE_CHECK_ACCESSES, .compute_capability = 80});
  {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(256, stream.view());
    planted::arrives_more_often_than_the_count(memory.view(), stream.view());
    EXPECT_NE(cudaStreamSynchronize(stream.view()), cudaSuccess);
  }
  const std::vector<Failure> failures = device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(name_of(failures.front().kind), "trapped");
}

}  // namespace
}  // namespace millrace
