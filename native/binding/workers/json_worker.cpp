#include "binding/workers/json_worker.h"

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "binding/values/pin.h"
#include "binding/values/result_block.h"
#include "binding/workers/lane_worker.h"
#include "core/words.h"
#include "json/outline.h"
#include "json/print.h"
#include "json/read.h"

namespace tensorlane {
namespace {

class FindNumbersWorker final : public LaneWorker {
 public:
  FindNumbersWorker(Napi::Env env, const Napi::Value& text, const Napi::Value& least)
      : LaneWorker(env), text_(Pin::input(text)), least_(static_cast<std::size_t>(to_int(least, "least"))) {}

 private:
  void Execute(Lane& /*lane*/) override {
    const auto bytes = text_.bytes();
    json::Outline found = json::outline({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, least_);
    outline_ = std::make_unique<std::string>(std::move(found.text));
    arrays_ = std::make_unique<std::vector<double>>();
    for (const json::NumberArray& array : found.arrays) {
      for (const std::size_t number : {array.place, array.begin, array.end, array.dims.size()}) add(number);
      for (const std::size_t dim : array.dims) add(dim);
    }
  }

  void add(std::size_t number) { arrays_->push_back(static_cast<double>(number)); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    const std::string& outline = *outline_;
    result.Set("outline", give_to_js(env, outline.data(), outline.size(), std::move(outline_)));
    const std::vector<double>& arrays = *arrays_;
    result.Set("arrays", give_to_js(env, arrays.data(), arrays.size() * sizeof(double), std::move(arrays_)));
    return result;
  }

  Pin text_;
  std::size_t least_;
  std::unique_ptr<std::string> outline_;
  std::unique_ptr<std::vector<double>> arrays_;
};

DType to_dtype(const Napi::Value& value) {
  const std::string name = value.ToString();
  if (const DTypeInfo* info = find_dtype(std::string_view(name))) return info->type;
  throw Error(Code::Argument, "there is no type '" + name + "'");
}

class ReadNumbersWorker final : public LaneWorker {
 public:
  ReadNumbersWorker(Napi::Env env, const Napi::Object& request)
      : LaneWorker(env),
        text_(Pin::input(request.Get("text"))),
        type_(to_dtype(request.Get("type"))),
        count_(static_cast<std::size_t>(to_int(request.Get("count"), "count"))) {
    const std::string_view all(reinterpret_cast<const char*>(text_.bytes().data()), text_.bytes().size());
    const std::vector<std::int64_t> places = to_ints(request.Get("places"), "places");
    for (std::size_t i = 0; i + 1 < places.size(); i += 2) {
      const auto begin = static_cast<std::size_t>(places[i]);
      const auto end = static_cast<std::size_t>(places[i + 1]);
      if (begin > end || end > all.size()) throw Error(Code::Argument, "an array is not within the text");
      arrays_.push_back(all.substr(begin, end - begin));
    }
    // An element has a character at least, and another one that parts it from the next.
    if (count_ > all.size()) throw Error(Code::Argument, "the text has fewer elements");
  }

 private:
  void Execute(Lane& /*lane*/) override {
    data_ = ResultBlock(byte_size(type_, count_));
    const std::span data(static_cast<std::byte*>(data_.data()), data_.bytes());
    if (const auto refused = json::read_numbers(arrays_, type_, data)) {
      index_ = refused->index;
      refused_ = refused->text;
      data_ = {};
    }
  }

  Napi::Value Result(Napi::Env env) override {
    if (!index_.has_value()) return give_to_js(env, std::move(data_));
    Napi::Object refused = Napi::Object::New(env);
    refused.Set("index", static_cast<double>(*index_));
    refused.Set("text", from_view(env, refused_));
    return refused;
  }

  Pin text_;
  DType type_;
  std::size_t count_;
  std::vector<std::string_view> arrays_;
  ResultBlock data_;
  std::optional<std::size_t> index_;  // of an element that was refused
  std::string refused_;
};

template <typename Enum>
Enum to_word(const Napi::Value& value, const char* what) {
  const std::string word = value.ToString();
  if (const auto found = find_word<Enum>(word)) return *found;
  throw Error(Code::Argument, std::string(what) + " cannot be '" + word + "'; expected " + all_words<Enum>());
}

// What is to be printed; pinned, where that is done elsewhere.
struct PrintRequest {
  explicit PrintRequest(const Napi::Object& request)
      : type(to_dtype(request.Get("type"))),
        dims(to_ints(request.Get("dims"), "dims")),
        format{.style = to_word<json::Style>(request.Get("style"), "style"),
               .layout = to_word<json::Layout>(request.Get("layout"), "layout"),
               .indent = static_cast<std::size_t>(to_int(request.Get("indent"), "indent"))},
        data(Pin::input(request.Get("data"))) {
    constexpr std::size_t kMostIndent = 64;
    if (format.indent > kMostIndent) throw Error(Code::Argument, "indent is too large");
  }

  [[nodiscard]] json::Printed print() const { return json::print_numbers(type, data.bytes(), dims, format); }

  DType type;
  std::vector<std::int64_t> dims;
  json::Format format;
  Pin data;
};

Napi::Object result_of(Napi::Env env, const Napi::Value& text, const std::vector<double>& ends) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("text", text);
  Napi::ArrayBuffer places = new_array(env, ends.size() * sizeof(double));
  if (!ends.empty()) std::memcpy(places.Data(), ends.data(), ends.size() * sizeof(double));
  result.Set("ends", places);
  return result;
}

class PrintNumbersWorker final : public LaneWorker {
 public:
  PrintNumbersWorker(Napi::Env env, const Napi::Object& request) : LaneWorker(env), request_(request) {}

 private:
  void Execute(Lane& /*lane*/) override { printed_ = std::make_unique<json::Printed>(request_.print()); }

  Napi::Value Result(Napi::Env env) override {
    const std::vector<double> ends = std::move(printed_->ends);
    const std::string& text = printed_->text;
    return result_of(env, give_to_js(env, text.data(), text.size(), std::move(printed_)), ends);
  }

  PrintRequest request_;
  std::unique_ptr<json::Printed> printed_;
};

template <typename Worker, typename... Arguments>
Napi::Promise queue(Napi::Env env, const Arguments&... arguments) {
  auto worker = std::make_unique<Worker>(env, arguments...);
  return LaneWorker::queue(std::move(worker), Environment::of(env)->own_lanes());
}

}  // namespace

Napi::Promise queue_find_numbers(Napi::Env env, const Napi::Value& text, const Napi::Value& least) {
  return queue<FindNumbersWorker>(env, text, least);
}

Napi::Promise queue_read_numbers(Napi::Env env, const Napi::Object& request) {
  return queue<ReadNumbersWorker>(env, request);
}

Napi::Promise queue_print_numbers(Napi::Env env, const Napi::Object& request) {
  return queue<PrintNumbersWorker>(env, request);
}

Napi::Object print_numbers_now(Napi::Env env, const Napi::Object& request) {
  const json::Printed printed = PrintRequest(request).print();
  napi_value text = nullptr;
  if (napi_create_string_latin1(env, printed.text.data(), printed.text.size(), &text) != napi_ok) {
    if (env.IsExceptionPending()) static_cast<void>(env.GetAndClearPendingException());
    throw Error(Code::OutOfMemory, "the text is more than one JS string can hold");
  }
  return result_of(env, {env, text}, printed.ends);
}

}  // namespace tensorlane
