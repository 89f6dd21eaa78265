// The bytes of a row lie in one register. A mask of the separators tells where each field ends; compressing
// the positions by it gives a vector of ends, one lane a field, and three look-ups by position bring the
// digits of all fields under each other. No loop, and no branch that depends on how long a number is.
//
// Bound: some 20 dependent instructions, about 40 cycles a row, of which several overlap.
#include <bit>
#include <immintrin.h>

#include "decode/short_rows.h"

namespace millrace {

bool read_short_row_avx512(const char* value, std::size_t size, const ShortRowLayout& layout, float* row,
                           float& label) {
  if (size == 0 || size > ShortRowLayout::kMostBytes) return false;
  const __mmask64 there = (std::uint64_t{1} << size) - 1;
  const __m512i digits =
      _mm512_sub_epi8(_mm512_maskz_loadu_epi8(there, value), _mm512_set1_epi8('0'));  // of a separator: > 9
  const __mmask64 separators =
      _mm512_mask_cmpeq_epi8_mask(there, digits, _mm512_set1_epi8(static_cast<char>(layout.separator - '0')));
  const __mmask64 numbers = _mm512_mask_cmple_epu8_mask(there, digits, _mm512_set1_epi8(9));
  const auto fields = static_cast<std::uint32_t>(std::popcount(separators)) + 1;
  if ((numbers | separators) != there || fields != layout.fields) return false;

  const __m512i positions =
      _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42,
                      41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20,
                      19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __mmask64 at_ends = separators | (std::uint64_t{1} << size);
  const __m128i ends = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(at_ends, positions));
  const __m128i ends_before = _mm_alignr_epi8(ends, _mm_set1_epi8(-1), 15);
  // Lengths less one: an empty field wraps round.
  const __m128i more = _mm_sub_epi8(_mm_sub_epi8(ends, ends_before), _mm_set1_epi8(2));
  const auto of_row = static_cast<__mmask16>((1U << fields) - 1);
  if (_mm_mask_cmple_epu8_mask(of_row, more, _mm_set1_epi8(2)) != of_row) return false;

  const auto digits_before_end = [&](char distance, __mmask16 of) {
    const __m128i from = _mm_sub_epi8(ends, _mm_set1_epi8(distance));
    const __m512i found = _mm512_permutexvar_epi8(_mm512_castsi128_si512(from), digits);
    return _mm256_cvtepu8_epi16(_mm_maskz_mov_epi8(of, _mm512_castsi512_si128(found)));
  };
  const __m256i ones = digits_before_end(1, of_row);
  const __m256i tens = digits_before_end(2, _mm_mask_cmpge_epu8_mask(of_row, more, _mm_set1_epi8(1)));
  const __m256i hundreds = digits_before_end(3, _mm_mask_cmpge_epu8_mask(of_row, more, _mm_set1_epi8(2)));
  const __m256i whole =
      _mm256_add_epi16(ones, _mm256_add_epi16(_mm256_mullo_epi16(tens, _mm256_set1_epi16(10)),
                                              _mm256_mullo_epi16(hundreds, _mm256_set1_epi16(100))));
  const __m512 values = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(whole));

  if (layout.label >= 0) {
    const auto of_label = static_cast<__mmask16>(1U << layout.label);
    label = _mm512_cvtss_f32(_mm512_maskz_compress_ps(of_label, values));
    if (label > 1) return false;
  }
  const auto of_features = static_cast<__mmask16>(layout.features);
  const auto kept = static_cast<__mmask16>((1U << std::popcount(layout.features)) - 1);
  _mm512_mask_storeu_ps(row, kept, _mm512_maskz_compress_ps(of_features, values));
  return true;
}

}  // namespace millrace
