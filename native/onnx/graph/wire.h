// Protocol Buffers' wire format, as far as an ONNX model needs it: fields in turn, from bytes or from a file of any size.
// What a reader does not ask for is passed over unread, so that gigabytes of weights cost nothing.
//
// Whatever the bytes are: nothing is read outside of them, and what is no such format is said by Malformed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tensorlane::graph {

class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ByteSource {
 public:
  // The bytes must outlive it.
  explicit ByteSource(std::span<const std::byte> bytes) : bytes_(bytes), size_(bytes.size()) {}
  // Errors: Malformed, where the file cannot be read.
  explicit ByteSource(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // So many bytes from there on, until the next call. Errors: Malformed, past the end.
  std::span<const std::byte> at(std::uint64_t offset, std::size_t count);

 private:
  void fill(std::uint64_t offset, std::size_t count);

  std::span<const std::byte> bytes_;  // of a file: what lies in window_
  std::uint64_t start_ = 0;           // of bytes_
  std::uint64_t size_;
  std::vector<std::byte> window_;
  int file_ = -1;
};

// One message: next() goes from field to field, and one of the functions below reads the field, or none does.
class Message {
 public:
  explicit Message(ByteSource& source) : Message(source, 0, source.size()) {}

  // False at the end.
  bool next();
  [[nodiscard]] std::uint32_t field() const noexcept { return field_; }

  // Errors of all of them: Malformed, where the field is of another kind.
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] float real() const;
  [[nodiscard]] std::string text();
  [[nodiscard]] Message message() const;
  // Repeated numbers, one in a field or all in one.
  void add_integers(std::vector<std::int64_t>& to) const;
  void add_reals(std::vector<float>& to) const;
  // The bytes of a field of bytes, until the source is read again.
  [[nodiscard]] std::span<const std::byte> bytes() const;
  // The first of them, no more than so many; none of a field of another kind.
  [[nodiscard]] std::span<const std::byte> beginning(std::size_t most) const;
  [[nodiscard]] std::uint64_t size() const;

 private:
  enum class Kind { Varint, Fixed64, Bytes, Fixed32 };

  Message(ByteSource& source, std::uint64_t begin, std::uint64_t end) : source_(&source), next_(begin), end_(end) {}
  std::uint64_t varint();
  void require(Kind kind) const;

  ByteSource* source_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::uint32_t field_ = 0;
  Kind kind_ = Kind::Varint;
  std::uint64_t value_ = 0;           // of an integer, or the bits of a fixed one
  std::uint64_t begin_of_bytes_ = 0;  // which end at next_
};

}  // namespace tensorlane::graph
