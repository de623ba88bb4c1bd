#include "json/outline.h"

#include <algorithm>
#include <utility>

#include "json/element.h"

namespace tensorlane::json {
namespace {

// Walks through the text once. Open arrays are `frames_`, of which the first `spoiled_` hold something else than numbers, or not in a full
// shape: what these hold is taken out by itself.
class Finder {
 public:
  Finder(std::string_view text, std::size_t least) : text_(text), least_(least), frames_(kMostDepth) {}

  std::vector<NumberArray> find() {
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t next = step(at);
      if (next == at) break;
      at = next;
    }
    return std::move(found_);
  }

 private:
  struct Frame {
    std::size_t begin = 0;
    std::size_t found = 0;  // how many arrays had been found before
    std::size_t length = 0;
    std::size_t elements = 0;
    std::vector<std::size_t> inner;  // the shape of each of its values; empty, of elements
    bool after_value = false;
    bool after_comma = false;
  };

  [[nodiscard]] bool in_numbers() const noexcept { return depth_ > spoiled_; }
  Frame& top() { return frames_[depth_ - 1]; }
  void spoil() noexcept { spoiled_ = depth_; }

  // From one token to the next; the same place, where no more is to be found.
  std::size_t step(std::size_t at) {
    switch (text_[at]) {
      case '[':
        return open(at) ? at + 1 : at;
      case ']':
        close(at + 1);
        return at + 1;
      case '"':
        spoil();
        return behind_string(at);
      case ',':
        comma();
        return at + 1;
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        return at + 1;
      default:
        return in_numbers() ? element(at) : at + 1;
    }
  }

  bool open(std::size_t at) {
    if (depth_ == frames_.size()) return false;
    if (in_numbers() && top().after_value) spoil();
    Frame& frame = frames_[depth_++];
    frame.begin = at;
    frame.found = found_.size();
    frame.length = 0;
    frame.elements = 0;
    frame.inner.clear();
    frame.after_value = false;
    frame.after_comma = false;
    return true;
  }

  void close(std::size_t end) {
    if (depth_ == 0) return;
    if (in_numbers() && top().after_comma) spoil();
    const bool is_whole = in_numbers();
    Frame& frame = frames_[--depth_];
    spoiled_ = std::min(spoiled_, depth_);
    if (!is_whole) return;
    if (frame.elements >= least_) {
      found_.resize(frame.found);
      NumberArray array{.place = 0, .begin = frame.begin, .end = end, .dims = {frame.length}};
      array.dims.insert(array.dims.end(), frame.inner.begin(), frame.inner.end());
      found_.push_back(std::move(array));
    }
    if (in_numbers()) add_array(frame);
  }

  void comma() noexcept {
    if (!in_numbers()) return;
    Frame& frame = top();
    if (!frame.after_value) return spoil();
    frame.after_value = false;
    frame.after_comma = true;
  }

  std::size_t element(std::size_t at) {
    const std::size_t size = scan_element(text_.substr(at)).text.size();
    Frame& frame = top();
    if (size == 0 || frame.after_value || (frame.length > 0 && !frame.inner.empty())) {
      spoil();
      return at + std::max<std::size_t>(1, size);
    }
    added(frame, 1);
    return at + size;
  }

  void add_array(const Frame& inner) {
    Frame& frame = top();
    const auto is_same = [&] {
      return frame.inner.size() == inner.inner.size() + 1 && frame.inner[0] == inner.length &&
             std::equal(inner.inner.begin(), inner.inner.end(), frame.inner.begin() + 1);
    };
    if (frame.length == 0) {
      frame.inner.assign(1, inner.length);
      frame.inner.insert(frame.inner.end(), inner.inner.begin(), inner.inner.end());
    } else if (!is_same()) {
      return spoil();
    }
    added(frame, inner.elements);
  }

  static void added(Frame& frame, std::size_t elements) noexcept {
    ++frame.length;
    frame.elements += elements;
    frame.after_value = true;
    frame.after_comma = false;
  }

  [[nodiscard]] std::size_t behind_string(std::size_t at) const noexcept {
    for (++at; at < text_.size() && text_[at] != '"'; ++at) {
      if (text_[at] == '\\') ++at;
    }
    return std::min(at + 1, text_.size());
  }

  std::string_view text_;
  std::size_t least_;
  std::vector<Frame> frames_;  // as many as there may be, so that each keeps its memory
  std::size_t depth_ = 0;
  std::size_t spoiled_ = 0;
  std::vector<NumberArray> found_;
};

// Of UTF-8.
std::size_t utf16_length(std::string_view text) noexcept {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    units += ((byte & 0xc0U) != 0x80U ? 1U : 0U) + (byte >= 0xf0U ? 1U : 0U);
  }
  return units;
}

}  // namespace

Outline outline(std::string_view text, std::size_t least) {
  Outline result;
  result.arrays = Finder(text, std::max<std::size_t>(1, least)).find();
  std::size_t at = 0;
  std::size_t place = 0;
  const auto keep_until = [&](std::size_t end) {
    const std::string_view kept = text.substr(at, end - at);
    result.text += kept;
    place += utf16_length(kept);
  };
  for (NumberArray& array : result.arrays) {
    keep_until(array.begin);
    array.place = place;
    result.text += "[]";
    place += 2;
    at = array.end;
  }
  keep_until(text.size());
  return result;
}

}  // namespace tensorlane::json
