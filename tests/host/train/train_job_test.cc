// What a run refuses before it asks any broker: there is none here.
#include "train/train_job.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/errors.h"

#include "state/state_folder.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TrainJob job_over(const std::filesystem::path& state) {
  TrainJob job;
  job.source.client = {.brokers = "127.0.0.1:1", .timeout = std::chrono::milliseconds{10}};
  job.source.topics = {"clicks"};
  job.decoder = {.features = 2, .feature_names = {}, .columns = {"a", "b"}};
  job.shape = {{2, 4, 1}};
  job.state = state;
  return job;
}

// A state as job_over's first run would leave it.
void begin_state(
    const std::filesystem::path& folder,
    const std::function<void(Checkpoint&)>& change = [](Checkpoint&) {}) {
  const TrainJob job = job_over(folder);
  Checkpoint checkpoint;
  checkpoint.model = initial_model_state(job.shape, job.training.seed);
  checkpoint.settings.features = 2;
  checkpoint.settings.topics = {"rows"};  // records were read with it
  checkpoint.settings.columns = job.decoder.columns;
  checkpoint.settings.training = job.training;
  change(checkpoint);
  StateFolder::open(folder).save(checkpoint);
}

void run(const TrainJob& job, std::vector<std::string>* notes = nullptr) {
  const TrainObserver observer{.note =
                                   [&](std::string_view sentence) {
                                     if (notes != nullptr) notes->emplace_back(sentence);
                                   },
                               .window = [](const TrainTick&, const SourceCounts&) {}};
  static_cast<void>(run_train_job(job, observer, {}));
}

std::string refused_setting(const TrainJob& job) {
  try {
    run(job);
  } catch (const MismatchError& error) {
    return error.setting;
  } catch (const KafkaError&) {
    return "nothing";  // it went as far as the broker
  }
  return "no error";
}

class ResumingTrainJob : public testing::Test {
 protected:
  ResumingTrainJob() { begin_state(folder_.path()); }
  const support::TempDir folder_;
  TrainJob job_ = job_over(folder_.path());
};

TEST_F(ResumingTrainJob, GoesOnWithTheSameCommandLine) { EXPECT_EQ(refused_setting(job_), "nothing"); }

TEST_F(ResumingTrainJob, MayChangeHowItTrains) {
  job_.training.epochs = 9;
  job_.training.batch = 8;
  job_.training.learning_rate = 0.1;
  job_.window_rows = 77;
  EXPECT_EQ(refused_setting(job_), "nothing");
}

// What a run over a state of that engine and mathematics says, until it asks for the broker.
std::vector<std::string> notes_over(const std::string& engine, MathMode math) {
  const support::TempDir folder;
  TrainJob job = job_over(folder.path());
  job.engine = "cpu";
  begin_state(folder.path(), [&](Checkpoint& checkpoint) {
    checkpoint.millrace_version = "0.1.0";
    checkpoint.settings.engine = engine;
    checkpoint.settings.training.math = math;
  });
  std::vector<std::string> notes;
  EXPECT_THROW(run(job, &notes), KafkaError);
  return notes;
}

TEST(ResumedTrainJob, SaysThatAnotherEngineAndOtherMathematicsGoOn) {
  EXPECT_THAT(notes_over("cuda", MathMode::bf16),
              ElementsAre(StartsWith("Going on from checkpoint"), "The engine changed from cuda to cpu.",
                          "The mathematics changed from bf16 to fp32."));
}

TEST(ResumedTrainJob, SaysNothingOfAnEngineAndMathematicsThatStayed) {
  EXPECT_THAT(notes_over("cpu", MathMode::fp32), ElementsAre(StartsWith("Going on from checkpoint")));
}

TEST(TrainJob, RefusesMathematicsThatTheCpuEngineDoesNotHave) {
  const support::TempDir folder;
  TrainJob job = job_over(folder / "state");
  job.engine = "cpu";
  job.training.math = MathMode::tf32;
  EXPECT_THROW(run(job), OptionError);
}

TEST_F(ResumingTrainJob, RefusesOtherLayers) {
  job_.shape = {{2, 5, 1}};
  EXPECT_EQ(refused_setting(job_), "layers");
}

TEST_F(ResumingTrainJob, RefusesAnotherNumberOfFeatures) {
  job_.decoder = {.features = 3, .columns = {"a", "b", "c"}};
  job_.shape = {{3, 4, 1}};
  EXPECT_EQ(refused_setting(job_), "features");
}

TEST_F(ResumingTrainJob, RefusesUnnamedFeaturesInAnotherOrder) {
  job_.decoder.columns = {"b", "a"};
  EXPECT_EQ(refused_setting(job_), "columns");
}

TEST_F(ResumingTrainJob, RefusesNamesWhereThereWereNone) {
  job_.decoder.feature_names = {"b", "a"};
  EXPECT_EQ(refused_setting(job_), "features");
}

TEST_F(ResumingTrainJob, RefusesAnotherScalingAndAnotherSeed) {
  job_.training.standardize = true;
  EXPECT_EQ(refused_setting(job_), "standardize");
  job_.training.standardize = false;
  job_.training.seed = 2;
  EXPECT_EQ(refused_setting(job_), "seed");
}

TEST(TrainJob, LeavesNoStateBehindWhereColumnsAndFeaturesDoNotFit) {
  const support::TempDir folder;
  TrainJob job = job_over(folder / "state");
  job.decoder.features = 5;
  EXPECT_THROW(run(job), OptionError);
  EXPECT_FALSE(std::filesystem::exists(job.state));
}

TEST(TrainJob, RefusesWindowsThatDoNotFitTheMemoryBudget) {
  const support::TempDir folder;
  TrainJob job = job_over(folder / "state");
  job.window_rows = 10'000'000;
  job.source.memory_bytes = 1 << 20;
  EXPECT_THROW(run(job), OptionError);
}

TEST(TrainJob, NamesTheGroupAfterTheFolderAndItsPath) {
  EXPECT_EQ(default_group("/a/cancer"), default_group("/a/b/../cancer/"));
  EXPECT_NE(default_group("/a/cancer"), default_group("/b/cancer"));
  EXPECT_EQ(default_group("/a/cancer").substr(0, 16), "millrace-cancer-");
}

}  // namespace
}  // namespace millrace
