#include "app/run_view.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "train/reading.h"

namespace millrace {

namespace {

// AUC costs a sort of its horizon: often enough for the eye and for a curve, rarely enough for the trainer,
// which a horizon of millions of rows would keep from its work.
constexpr double kSecondsPerAuc = 0.1;
constexpr double kMostOfTheTime = 0.02;
constexpr std::uint64_t kWindowsWithAuc = 100;  // the first ones, each

using Points = std::vector<std::pair<double, double>>;  // by rows

Points points_of(const LearningCurve& curve, double CurvePoint::*metric) {
  Points points;
  for (const CurvePoint& point : curve.points())
    points.emplace_back(static_cast<double>(point.rows), point.*metric);
  return points;
}

// What the eye follows through the scatter of single windows: the mean over the newest few, weighted by rows.
Points trailing_means(const Points& points) {
  constexpr std::size_t kNewest = 5;
  Points means;
  for (std::size_t last = 0; last < points.size(); ++last) {
    double sum = 0;
    double rows = 0;
    for (std::size_t i = last + 1 - std::min(last + 1, kNewest); i <= last; ++i) {
      const double point_rows = points[i].first - (i > 0 ? points[i - 1].first : 0);
      sum += points[i].second * point_rows;
      rows += point_rows;
    }
    means.emplace_back(points[last].first, sum / rows);
  }
  return means;
}

Report::Plot plot_of(std::string title, std::string y_label) {
  return {.title = std::move(title), .y_label = std::move(y_label), .x_label = "rows"};
}

Report::Plot window_plot(std::string title, std::string y_label, double CurvePoint::*metric,
                         std::span<const NamedCurve> curves) {
  Report::Plot plot = plot_of(std::move(title), std::move(y_label));
  for (const NamedCurve& named : curves) {
    Points windows = points_of(*named.curve, metric);
    Points means = trailing_means(windows);
    plot.series.push_back({.name = named.name + ", each window",
                           .points = std::move(windows),
                           .mark = Report::Plot::Mark::dots});
    plot.series.push_back({.name = named.name, .points = std::move(means)});
  }
  return plot;
}

Report::Plot horizon_plot(std::string title, std::string y_label, double CurvePoint::*metric,
                          std::span<const NamedCurve> curves) {
  Report::Plot plot = plot_of(std::move(title), std::move(y_label));
  for (const NamedCurve& named : curves) {
    plot.series.push_back({.name = named.name, .points = points_of(*named.curve, metric)});
  }
  return plot;
}

}  // namespace

RunView::RunView(Progress& progress) : progress_(progress), line_(progress) {}

TrainObserver RunView::observer() {
  return {.note = [this](std::string_view sentence) { progress_.note(sentence); },
          .window = [this](const TrainTick& tick, const SourceCounts& source) { take(tick, source); }};
}

void RunView::take(const TrainTick& tick, const SourceCounts& source) {
  const double seconds = tick.elapsed.count();
  const bool has_auc = tick.counts.windows <= kWindowsWithAuc || seconds >= auc_due_;
  newest_.seconds = seconds;
  newest_.rows = tick.counts.rows;
  newest_.windows = tick.counts.windows;
  newest_.steps = tick.counts.steps;
  newest_.bad_records = sum_of(tick.counts.bad_records);
  newest_.lag = offsets_behind(tick.finished, source.log_ends);
  if (has_auc) {
    const StreamMetrics horizon = tick.metrics.horizon();
    newest_.loss = horizon.loss;
    newest_.accuracy = horizon.accuracy;
    const auto begun = std::chrono::steady_clock::now();
    newest_.auc = tick.metrics.auc();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    auc_due_ = seconds + std::max(kSecondsPerAuc, took.count() / kMostOfTheTime);
  }
  line_.take(newest_, source.left);

  if (tick.window.rows == 0) return;
  constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
  const auto rows = static_cast<double>(tick.window.rows);
  const auto trained = static_cast<double>(tick.window.trained_rows);
  curve_.add({.rows = tick.counts.rows,
              .seconds = seconds,
              .loss = tick.window.loss_sum / rows,
              .accuracy = static_cast<double>(tick.window.correct) / rows,
              .auc = newest_.auc.value_or(kUndefined),
              .training_loss = trained > 0 ? tick.window.training_loss_sum / trained : kUndefined});
}

void RunView::finish(const TrainResult& result) {
  newest_.seconds = result.elapsed.count();
  newest_.loss = result.horizon.loss;
  newest_.accuracy = result.horizon.accuracy;
  newest_.auc = result.auc;
  line_.finish(newest_);
}

std::vector<Report::Plot> learning_plots(std::span<const NamedCurve> curves) {
  return {window_plot("Loss", "binary cross-entropy, nats", &CurvePoint::loss, curves),
          window_plot("Accuracy", "share of rows classified right", &CurvePoint::accuracy, curves),
          horizon_plot("AUC", "area under the ROC curve", &CurvePoint::auc, curves)};
}

}  // namespace millrace
