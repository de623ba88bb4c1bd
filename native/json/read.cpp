#include "json/read.h"

#include <string>

#include "core/error.h"
#include "json/element.h"

namespace tensorlane::json {
namespace {

// What is between elements. The shape of what outline() took out is known.
constexpr bool is_between(char c) noexcept { return is_blank(c) || c == ',' || c == '[' || c == ']'; }

}  // namespace

std::optional<Refused> read_numbers(std::span<const std::string_view> arrays, DType type, std::span<std::byte> to) {
  const Store store = store_of(type);
  const std::size_t bytes = byte_size(type, 1);
  if (store == nullptr || bytes == 0) {
    throw Error(Code::NotSupported, "JSON has no numbers for elements of " + std::string(dtype_name(type)));
  }
  const std::size_t most = to.size() / bytes;
  std::size_t count = 0;
  for (const std::string_view array : arrays) {
    for (std::size_t at = 0; at < array.size();) {
      if (is_between(array[at])) {
        ++at;
        continue;
      }
      const Element element = scan_element(array.substr(at));
      // What is here now is not what was found: someone has written to it since.
      if (element.text.empty() || count == most) throw Error(Code::Argument, "the text is not that of these arrays");
      if (!store(element, to.data() + count * bytes)) return Refused{count, element.text};
      ++count;
      at += element.text.size();
    }
  }
  if (count != most) throw Error(Code::Argument, "the text is not that of these arrays");
  return std::nullopt;
}

}  // namespace tensorlane::json
