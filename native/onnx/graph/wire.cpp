#include "onnx/graph/wire.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

namespace tensorlane::graph {
namespace {

constexpr std::size_t kWindow = std::size_t{64} << 10U;

}  // namespace

ByteSource::ByteSource(const std::string& path)
    : size_(0),
      file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // which waits for nobody where it is a pipe
  struct stat status{};
  if (file_ < 0 || fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (file_ >= 0) close(file_);
    throw Malformed("'" + path + "' cannot be read");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

ByteSource::~ByteSource() {
  if (file_ >= 0) close(file_);
}

std::span<const std::byte> ByteSource::at(std::uint64_t offset, std::size_t count) {
  if (offset > size_ || count > size_ - offset) throw Malformed("it ends in the middle of a field");
  if (file_ >= 0 && (offset < start_ || offset - start_ > bytes_.size() || count > bytes_.size() - (offset - start_))) {
    fill(offset, count);
  }
  return bytes_.subspan(static_cast<std::size_t>(offset - start_), count);
}

void ByteSource::fill(std::uint64_t offset, std::size_t count) {
  const std::uint64_t rest = size_ - offset;
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(rest, std::max(count, kWindow)));
  window_.resize(std::max(window_.size(), wanted));
  std::size_t got = 0;
  while (got < wanted) {
    const ssize_t some = pread(file_, window_.data() + got, wanted - got, static_cast<off_t>(offset + got));
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) break;
    got += static_cast<std::size_t>(some);
  }
  bytes_ = std::span(window_).first(got);
  start_ = offset;
  if (got < count) throw Malformed("its file became shorter while it was read");
}

std::uint64_t Message::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (next_ >= end_) break;
    const auto byte = std::to_integer<std::uint64_t>(source_->at(next_++, 1).front());
    value |= (byte & 0x7fU) << shift;
    if (byte < 0x80U) return value;
  }
  throw Malformed("a number in it does not end");
}

bool Message::next() {
  if (next_ >= end_) return false;
  const std::uint64_t tag = varint();
  const std::uint64_t number = tag >> 3U;
  if (number == 0 || number > std::numeric_limits<std::uint32_t>::max())
    throw Malformed("it has a field without a number");
  field_ = static_cast<std::uint32_t>(number);
  const auto fixed = [this]<typename Bits>(Bits bits) {
    if (sizeof(Bits) > end_ - next_) throw Malformed("it ends in the middle of a field");
    std::memcpy(&bits, source_->at(next_, sizeof(Bits)).data(), sizeof(Bits));
    next_ += sizeof(Bits);
    value_ = bits;
  };
  switch (tag & 7U) {
    case 0:
      kind_ = Kind::Varint;
      value_ = varint();
      return true;
    case 1:
      kind_ = Kind::Fixed64;
      fixed(std::uint64_t{0});
      return true;
    case 2: {
      kind_ = Kind::Bytes;
      const std::uint64_t length = varint();
      if (length > end_ - next_) throw Malformed("a field in it is longer than all of it");
      begin_of_bytes_ = next_;
      next_ += length;
      return true;
    }
    case 5:
      kind_ = Kind::Fixed32;
      fixed(std::uint32_t{0});
      return true;
    default:
      throw Malformed("it has a field of an unknown kind");
  }
}

void Message::require(Kind kind) const {
  if (kind_ != kind) throw Malformed("its field " + std::to_string(field_) + " is of another kind than ONNX has there");
}

std::int64_t Message::integer() const {
  require(Kind::Varint);
  return static_cast<std::int64_t>(value_);
}

float Message::real() const {
  require(Kind::Fixed32);
  return std::bit_cast<float>(static_cast<std::uint32_t>(value_));
}

std::uint64_t Message::size() const {
  require(Kind::Bytes);
  return next_ - begin_of_bytes_;
}

std::span<const std::byte> Message::bytes() const {
  const std::uint64_t length = size();
  return source_->at(begin_of_bytes_, static_cast<std::size_t>(length));
}

std::span<const std::byte> Message::beginning(std::size_t most) const {
  if (kind_ != Kind::Bytes) return {};
  return source_->at(begin_of_bytes_, static_cast<std::size_t>(std::min<std::uint64_t>(size(), most)));
}

std::string Message::text() {
  const auto read = bytes();
  return {reinterpret_cast<const char*>(read.data()), read.size()};
}

Message Message::message() const {
  require(Kind::Bytes);
  return {*source_, begin_of_bytes_, next_};
}

void Message::add_integers(std::vector<std::int64_t>& to) const {
  if (kind_ == Kind::Varint) {
    to.push_back(integer());
    return;
  }
  Message packed = message();
  while (packed.next_ < packed.end_) to.push_back(static_cast<std::int64_t>(packed.varint()));
}

void Message::add_reals(std::vector<float>& to) const {
  if (kind_ == Kind::Fixed32) {
    to.push_back(real());
    return;
  }
  const auto packed = bytes();
  if (packed.size() % sizeof(float) != 0) throw Malformed("a list of numbers in it ends in the middle of one");
  if (packed.empty()) return;  // there may be nothing to copy to, either
  const std::size_t before = to.size();
  to.resize(before + packed.size() / sizeof(float));
  std::memcpy(to.data() + before, packed.data(), packed.size());
}

}  // namespace tensorlane::graph
