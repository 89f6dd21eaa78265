#include "host/app/breast_cancer_rows.h"

#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace millrace::test {

BreastCancerRows read_breast_cancer_rows() {
  const std::string path = MILLRACE_SOURCE_DIR "/data/breast-cancer-wisconsin.csv";
  std::ifstream file(path);
  BreastCancerRows rows;
  std::string line, field;
  std::getline(file, line);  // the header
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    for (std::uint32_t f = 0; f < kBreastCancerFeatures; ++f) {
      std::getline(fields, field, ',');
      rows.values.push_back(field == "?" ? std::numeric_limits<float>::quiet_NaN() : std::stof(field));
    }
    std::getline(fields, field, ',');
    rows.labels.push_back(std::stoi(field) == 4 ? 1.0F : 0.0F);
  }
  if (rows.labels.size() != 699) throw std::runtime_error(path + ": 699 rows are expected");
  return rows;
}

}  // namespace millrace::test
