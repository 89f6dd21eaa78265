// How far copies to the GPU hide behind computing.
#pragma once

#include "millrace/cuda_engine.h"

#include "bench/bench_report.h"

namespace millrace {

[[nodiscard]] BenchReport overlap_report(const OverlapReport& measured);

}  // namespace millrace
