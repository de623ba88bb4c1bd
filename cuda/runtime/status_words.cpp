#include "cuda/runtime/status_words.h"

#include <utility>
#include <vector>

#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

StatusWords::StatusWords(CudaLane& lane, std::int64_t batch) : lane_(lane), batch_(batch) {
  if (batch == 0) return;
  words_ = lane.temporary(static_cast<std::size_t>(batch) * sizeof(int));
  cuda::check(cudaMemsetAsync(words_.as(), 0, words_.bytes(), lane.stream()), "cudaMemsetAsync");
}

void StatusWords::check(std::function<void(std::span<const int>)> look) {
  const auto count = static_cast<std::size_t>(batch_);
  if (count == 0) return;
  std::byte* words = lane_.pinned(words_.bytes());
  cuda::check(cudaMemcpyAsync(words, words_.as(), words_.bytes(), cudaMemcpyDeviceToHost, lane_.stream()),
              "cudaMemcpyAsync");
  lane_.defer([words, count, look = std::move(look)] { look({reinterpret_cast<const int*>(words), count}); });
}

void StatusWords::check(Code code, const char* what) {
  check([code, what, batch = batch_](std::span<const int> words) {
    std::vector<std::int64_t> failed;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] != 0) failed.push_back(static_cast<std::int64_t>(i));
    }
    throw_for(failed, batch, code, what);
  });
}

}  // namespace tensorlane::cuda
