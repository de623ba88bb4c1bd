#include "cuda/memory/staging.h"

#include <algorithm>
#include <utility>

#include "cuda/runtime/context.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

std::byte* Uploader::next(std::size_t bytes) {
  if (!reuses_) return lane_.pinned(bytes);
  if (blocks_.empty() || staged_ + sizes_.piece_bytes <= sizes_.staged_bytes) {
    staged_ += sizes_.piece_bytes;
    return lane_.pinned(sizes_.piece_bytes);
  }
  const Block oldest = std::move(blocks_.front());
  blocks_.pop_front();
  oldest.free->wait();
  return oldest.data;
}

void Uploader::copy(void* to, const std::byte* from, std::size_t bytes) {
  auto* target = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, sizes_.piece_bytes);
    std::byte* block = next(piece);
    lane_.context().copies().copy(block, from, piece);
    check(cudaMemcpyAsync(target, block, piece, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync");
    if (reuses_) blocks_.push_back({block, lane_.context().events().record(stream_)});
    target += piece;
    from += piece;
    bytes -= piece;
  }
}

std::byte* Downloader::next(std::size_t bytes) {
  if (!reuses_) return lane_.pinned(bytes);
  if (pieces_.empty() || staged_ + sizes_.piece_bytes <= sizes_.staged_bytes) {
    staged_ += sizes_.piece_bytes;
    return lane_.pinned(sizes_.piece_bytes);
  }
  const Piece oldest = std::move(pieces_.front());
  pieces_.pop_front();
  oldest.arrived->wait();
  lane_.context().copies().copy(oldest.to, oldest.data, oldest.bytes);
  return oldest.data;
}

void Downloader::copy(std::byte* to, const void* from, std::size_t bytes) {
  const auto* source = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, sizes_.piece_bytes);
    std::byte* block = next(piece);
    check(cudaMemcpyAsync(block, source, piece, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    pieces_.push_back({block, to, piece, reuses_ ? lane_.context().events().record(stream_) : nullptr});
    source += piece;
    to += piece;
    bytes -= piece;
  }
}

void Downloader::finish() {
  if (pieces_.empty()) return;
  // What is deferred is done before the context ends.
  lane_.defer([pieces = std::exchange(pieces_, {}), &crew = lane_.context().copies()] {
    for (const Piece& piece : pieces) crew.copy(piece.to, piece.data, piece.bytes);
  });
}

}  // namespace tensorlane::cuda
