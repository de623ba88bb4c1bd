// What the kernels of transpose() have in common: the words that they move, and where these lie in shared memory.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/kernels/ahead.h"
#include "cuda/kernels/divisor.h"
#include "cuda/kernels/pack.h"

namespace tensorlane::cuda {

// Shared memory has banks of 4 bytes, so elements of 1 and 2 bytes are moved by the word, as many as fill one; a larger
// element is a word of its own. A word is a number, not an array of elements: nvcc takes an array apart as soon as it
// is loaded, which waits for it.
template <typename T>
using Word = std::conditional_t<(sizeof(T) < 4), std::uint32_t, T>;
template <typename T>
inline constexpr int kEach = static_cast<int>(sizeof(Word<T>) / sizeof(T));

template <typename T>
__device__ Word<T> load_word(const T* at) {
  return *reinterpret_cast<const Word<T>*>(at);
}
template <typename T>
__device__ void store_word(T* at, Word<T> word) {
  *reinterpret_cast<Word<T>*>(at) = word;
}

// The word of the elements that element(0), element(1), ... give.
template <typename T, typename Element>
__device__ Word<T> make_word(Element element) {
  if constexpr (kEach<T> == 1) {
    return element(0);
  } else {
    Word<T> word = 0;
    for (int e = 0; e < kEach<T>; ++e) word |= static_cast<Word<T>>(element(e)) << (e * (8 * sizeof(T)));
    return word;
  }
}
template <typename T>
__device__ T element_of(const Word<T>& word, unsigned e) {
  if constexpr (kEach<T> == 1) {
    return word;
  } else {
    return static_cast<T>(word >> (e * (8 * sizeof(T))));
  }
}

// Elements in shared memory, in an order of their own. A word is left out after every 128 bytes, so that words at
// distances of powers of two fall into different banks.
template <typename T>
class Slab {
  static constexpr std::size_t kBytes = 16 << 10;
  static constexpr unsigned kLine = 128 / sizeof(Word<T>);

 public:
  static constexpr unsigned kElements = kBytes / sizeof(Word<T>) / (kLine + 1) * kLine * kEach<T>;
  // Words that a thread loads before it uses the first: 32 bytes, and 64 of elements of 16.
  static constexpr int kAhead = sizeof(Word<T>) == 4 ? 8 : 4;

  __device__ Word<T>& word(unsigned index) { return words_[index + index / kLine]; }
  __device__ T element(unsigned index) { return element_of<T>(word(index / kEach<T>), index % kEach<T>); }

 private:
  Word<T> words_[kBytes / sizeof(Word<T>)];
};

// Runs of elements that lie one after the other in memory, `distance` elements from where one begins to where the next
// does: `runs` of them, of `elements` elements. In the order of places the elements of run r begin at r * span, which
// is a multiple of what a word holds.
struct Runs {
  std::int64_t distance;
  unsigned runs, elements, span;
  Divisor by_span_words;  // of span / kEach
};

template <typename T>
__device__ Runs one_run(unsigned elements) {
  return {0, 1, elements, (elements + kEach<T> - 1) / kEach<T> * kEach<T>, {}};
}

// The run in which a word lies.
__device__ inline unsigned run_of(const Runs& runs, unsigned word) {
  return runs.runs == 1 ? 0 : runs.by_span_words.divide(word);
}

// Whether every run begins where words do and is made of them.
template <typename T>
__device__ bool made_of_words(const T* first, const Runs& runs) {
  return is_aligned(first, sizeof(Word<T>)) && runs.elements % kEach<T> == 0 &&
         (runs.runs == 1 || runs.distance % kEach<T> == 0);
}

// From memory to the slab, in the order of places. Between the runs, where a place has no element, another one is put.
template <typename T>
__device__ void take(Slab<T>& slab, const T* from, const Runs& runs) {
  const unsigned words = runs.runs * (runs.span / kEach<T>);
  const auto put = [&](unsigned place, const Word<T>& word) { slab.word(place) = word; };
  if (made_of_words(from, runs)) {
    for_each_ahead<Slab<T>::kAhead>(
        threadIdx.x, words, blockDim.x,
        [&](unsigned place) {
          const unsigned r = run_of(runs, place);
          const unsigned i = place * kEach<T> - r * runs.span;
          return load_word(from + r * runs.distance + min(i, runs.elements - kEach<T>));
        },
        put);
  } else if constexpr (kEach<T> > 1) {
    for_each_ahead<Slab<T>::kAhead / kEach<T>>(
        threadIdx.x, words, blockDim.x,
        [&](unsigned place) {
          const unsigned r = run_of(runs, place);
          const unsigned i = place * kEach<T> - r * runs.span;
          const T* run = from + r * runs.distance;
          return make_word<T>([&](unsigned e) { return run[min(i + e, runs.elements - 1)]; });
        },
        put);
  }
}

// From the slab to memory: element i of run r is the one at source(r, i) of the slab.
template <typename T, typename Source>
__device__ void give(Slab<T>& slab, T* to, const Runs& runs, Source source) {
  if (made_of_words(to, runs)) {
    const unsigned words = runs.runs * (runs.span / kEach<T>);
    for (unsigned place = threadIdx.x; place < words; place += blockDim.x) {
      const unsigned r = run_of(runs, place);
      const unsigned i = place * kEach<T> - r * runs.span;
      if (i >= runs.elements) continue;
      store_word(to + r * runs.distance + i, make_word<T>([&](unsigned e) { return slab.element(source(r, i + e)); }));
    }
  } else if constexpr (kEach<T> > 1) {
    // Neighbouring elements by neighbouring lanes, so that what a warp writes is without gaps.
    for (unsigned place = threadIdx.x; place < runs.runs * runs.span; place += blockDim.x) {
      const unsigned r = run_of(runs, place / kEach<T>);
      const unsigned i = place - r * runs.span;
      if (i < runs.elements) to[r * runs.distance + i] = slab.element(source(r, i));
    }
  }
}

}  // namespace tensorlane::cuda
