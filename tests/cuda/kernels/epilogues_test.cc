#include "cuda/kernels/epilogues.h"

#include <cmath>
#include <limits>
#include <vector>

#include "cuda/gemm/dense_products.h"
#include "kernel_test.h"

namespace millrace::cuda {
namespace {

constexpr std::uint32_t kWidths[] = {4, 28, 124, 128, 132, 516};

std::string name_of(const RowsShape& shape) {
  return std::to_string(shape.rows) + " rows of " + std::to_string(shape.width);
}

// `body(shape)` for every odd number of rows and width.
template <class Body>
void for_each_shape(Body&& body) {
  for (const std::uint32_t rows : kOddRows) {
    for (const std::uint32_t width : kWidths) {
      SCOPED_TRACE(name_of({rows, width}));
      body(RowsShape{rows, width});
    }
  }
}

std::size_t mask_words(const RowsShape& shape) {
  return std::size_t{shape.rows} * mask_bits(shape.width) / 32;
}

// Where the bit of an element stands: (word, bit).
std::pair<std::size_t, unsigned> place_of(const RowsShape& shape, std::size_t element) {
  const std::size_t row = element / shape.width;
  const std::size_t bit = row * mask_bits(shape.width) + element % shape.width;
  return {bit / 32, static_cast<unsigned>(bit % 32)};
}

template <class T>
struct Rows {
  RowsShape shape;
  std::vector<T> values;
  std::vector<T> bias;

  explicit Rows(const RowsShape& of)
      : shape(of),
        values(rounded_to<T>(scattered(std::size_t{of.rows} * of.width, 1))),
        bias(rounded_to<T>(scattered(of.width, 2))) {
    // Sums that are exactly zero, of either sign, have no bit.
    values[0] = rounded_to<T>(-widened(bias[0]));
    values[1] = rounded_to<T>(-0.0F);
    bias[1] = rounded_to<T>(-0.0F);
  }

  [[nodiscard]] float sum(std::size_t element) const {
    return widened(values[element]) + widened(bias[element % shape.width]);
  }
};

template <class T>
class Epilogues : public testing::Test {};
TYPED_TEST_SUITE(Epilogues, Elements);

TYPED_TEST(Epilogues, AddTheBiasAndCutBelowZero) {
  for_each_shape([](const RowsShape& shape) {
    const Rows<TypeParam> rows(shape);
    std::vector<float> expected;
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      expected.push_back(widened(rounded_to<TypeParam>(rows.sum(i) > 0 ? rows.sum(i) : 0.0F)));
    }
    under_each_seed([&](const Stream& stream) {
      const OnDevice<TypeParam> values(rows.values, stream);
      const OnDevice<TypeParam> bias(rows.bias, stream);
      bias_relu_async<TypeParam>(shape, values.data(), bias.data(), nullptr, stream.view());
      EXPECT_EQ(widened(values.fetch()), expected);
    });
  });
}

TYPED_TEST(Epilogues, NoteInTheMaskWhatIsAboveZeroAndNothingInItsPadding) {
  for_each_shape([](const RowsShape& shape) {
    const Rows<TypeParam> rows(shape);
    std::vector<std::uint32_t> expected(mask_words(shape));
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      const auto [word, bit] = place_of(shape, i);
      if (rows.sum(i) > 0) expected[word] |= 1U << bit;
    }
    under_each_seed([&](const Stream& stream) {
      const OnDevice<TypeParam> values(rows.values, stream);
      const OnDevice<TypeParam> bias(rows.bias, stream);
      const OnDevice<std::uint32_t> mask(mask_words(shape), stream);
      bias_relu_async<TypeParam>(shape, values.data(), bias.data(), mask.data(), stream.view());
      EXPECT_EQ(mask.fetch(), expected);
    });
  });
}

TYPED_TEST(Epilogues, KeepWhatTheMaskHasAndNothingElse) {
  for_each_shape([](const RowsShape& shape) {
    Rows<TypeParam> rows(shape);
    std::vector<std::uint32_t> mask;
    for (const float x : scattered(mask_words(shape), 3))
      mask.push_back(std::bit_cast<std::uint32_t>(x) * 2654435761U);
    std::vector<float> expected;
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      const auto [word, bit] = place_of(shape, i);
      const bool open = (mask[word] >> bit & 1U) != 0;
      // What is masked is gone, whatever it was.
      if (!open && i % 3 == 0)
        rows.values[i] = rounded_to<TypeParam>(std::numeric_limits<float>::quiet_NaN());
      expected.push_back(open ? widened(rows.values[i]) : 0.0F);
    }
    under_each_seed([&](const Stream& stream) {
      const OnDevice<TypeParam> values(rows.values, stream);
      const OnDevice<std::uint32_t> device_mask(mask, stream);
      mask_async<TypeParam>(shape, values.data(), device_mask.data(), stream.view());
      EXPECT_EQ(widened(values.fetch()), expected);
    });
  });
}

TYPED_TEST(Epilogues, SumEachColumnInFloat32) {
  for_each_shape([](const RowsShape& shape) {
    const Rows<TypeParam> rows(shape);
    const std::vector<float> sums = same_under_each_seed([&](const Stream& stream) {
      const OnDevice<TypeParam> values(rows.values, stream);
      const OnDevice<float> device_sums(shape.width, stream);
      column_sums_async<TypeParam>(shape, values.data(), device_sums.data(), stream.view());
      return device_sums.fetch();
    });
    ASSERT_EQ(sums.size(), shape.width);
    for (std::uint32_t k = 0; k < shape.width; ++k) {
      double expected = 0;
      double magnitudes = 0;
      for (std::uint32_t row = 0; row < shape.rows; ++row) {
        const double x = double{widened(rows.values[std::size_t{row} * shape.width + k])};
        expected += x;
        magnitudes += std::fabs(x);
      }
      // A partial sum is at most the magnitudes, and passes few additions of a warp and of eight warps.
      const double bound = (shape.rows / 8 + 8) * 0x1p-24 * magnitudes;
      ASSERT_NEAR(double{sums[k]}, expected, bound) << "column " << k;
    }
  });
}

}  // namespace
}  // namespace millrace::cuda
