#include "binding/linalg_workers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "binding/pin.h"

namespace tensorlane {
namespace {

DType float_type(const Napi::Object& options) {
  const std::string name = options.Get("type").ToString();
  const DTypeInfo* info = find_dtype(name);
  if (info == nullptr || (info->type != DType::Float32 && info->type != DType::Float64)) {
    throw Error(Code::DType, "linear algebra takes float32 or float64, not " + name);
  }
  return info->type;
}

void check_bytes(const Pin& pin, DType type, std::int64_t elements, const char* what) {
  const std::int64_t bytes = checked_product({elements, static_cast<std::int64_t>(byte_size(type, 1))});
  if (pin.bytes().size() == static_cast<std::size_t>(bytes)) return;
  throw Error(Code::Shape, std::string(what) + " has " + std::to_string(pin.bytes().size()) + " bytes, not " +
                               std::to_string(bytes));
}

// The batch dimensions that two operands share after broadcasting, with each operand's strides counted in matrices.
struct Broadcast {
  std::vector<std::int64_t> dims, a_strides, b_strides;
  std::int64_t total = 1;

  explicit Broadcast(const Napi::Object& options)
      : dims(to_ints(options.Get("batchDims"), "batchDims")),
        a_strides(to_ints(options.Get("aStrides"), "aStrides")),
        b_strides(to_ints(options.Get("bStrides"), "bStrides")) {
    if (a_strides.size() != dims.size() || b_strides.size() != dims.size()) {
      throw Error(Code::Argument, "one stride for every batch dimension is needed");
    }
    for (const std::int64_t dim : dims) total = checked_product({total, dim});
  }

  // How many matrices an operand with these strides must have.
  [[nodiscard]] std::int64_t matrices(const std::vector<std::int64_t>& strides) const {
    if (total == 0) return 0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) last += checked_product({strides[i], dims[i] - 1});
    return last + 1;
  }
};

// An operand may hold more than the walk over it touches (where the other one's batch is empty), never less.
void check_operand(const Pin& pin, DType type, std::int64_t elements, const char* what) {
  const std::int64_t bytes = checked_product({elements, static_cast<std::int64_t>(byte_size(type, 1))});
  if (pin.bytes().size() >= static_cast<std::size_t>(bytes)) return;
  throw Error(Code::Shape, std::string(what) + " has " + std::to_string(pin.bytes().size()) + " bytes, fewer than " +
                               std::to_string(bytes));
}

class SvdWorker final : public LaneWorker {
 public:
  SvdWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : LaneWorker(env), device_(std::move(device)), a_(Pin::input(options.Get("a"))), s_(Pin::own(options.Get("s"))) {
    args_.type = float_type(options);
    const std::string mode = options.Get("mode").ToString();
    args_.mode = mode == "values" ? SvdMode::Values : (mode == "full" ? SvdMode::Full : SvdMode::Thin);
    args_.batch = to_int(options.Get("batch"), "batch");
    args_.m = to_int(options.Get("m"), "m");
    args_.n = to_int(options.Get("n"), "n");
    const std::int64_t k = std::min(args_.m, args_.n);
    check_bytes(a_, args_.type, checked_product({args_.batch, args_.m, args_.n}), "a");
    check_bytes(s_, args_.type, checked_product({args_.batch, k}), "s");
    args_.a = a_.bytes().data();
    args_.s = s_.bytes().data();
    args_.u = nullptr;
    args_.vt = nullptr;
    if (args_.mode == SvdMode::Values) return;
    const bool full = args_.mode == SvdMode::Full;
    u_ = Pin::own(options.Get("u"));
    vt_ = Pin::own(options.Get("vt"));
    check_bytes(u_, args_.type, checked_product({args_.batch, args_.m, full ? args_.m : k}), "u");
    check_bytes(vt_, args_.type, checked_product({args_.batch, full ? args_.n : k, args_.n}), "vt");
    args_.u = u_.bytes().data();
    args_.vt = vt_.bytes().data();
  }

 private:
  void Execute(Lane& lane) override { device_->svd(lane, args_); }

  std::shared_ptr<Device> device_;
  Pin a_, u_, s_, vt_;
  SvdArgs args_{};
};

class MatmulWorker final : public LaneWorker {
 public:
  MatmulWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : LaneWorker(env),
        device_(std::move(device)),
        a_(Pin::input(options.Get("a"))),
        b_(Pin::input(options.Get("b"))),
        c_(Pin::own(options.Get("c"))) {
    Broadcast batch(options);
    args_.type = float_type(options);
    args_.m = to_int(options.Get("m"), "m");
    args_.k = to_int(options.Get("k"), "k");
    args_.n = to_int(options.Get("n"), "n");
    check_operand(a_, args_.type, checked_product({batch.matrices(batch.a_strides), args_.m, args_.k}), "a");
    check_operand(b_, args_.type, checked_product({batch.matrices(batch.b_strides), args_.k, args_.n}), "b");
    check_bytes(c_, args_.type, checked_product({batch.total, args_.m, args_.n}), "c");
    args_.batch_dims = std::move(batch.dims);
    args_.a_strides = std::move(batch.a_strides);
    args_.b_strides = std::move(batch.b_strides);
    args_.a = a_.bytes().data();
    args_.b = b_.bytes().data();
    args_.c = c_.bytes().data();
  }

 private:
  void Execute(Lane& lane) override { device_->matmul(lane, args_); }

  std::shared_ptr<Device> device_;
  Pin a_, b_, c_;
  MatmulArgs args_{};
};

class SolveWorker final : public LaneWorker {
 public:
  SolveWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : LaneWorker(env),
        device_(std::move(device)),
        a_(Pin::input(options.Get("a"))),
        b_(Pin::input(options.Get("b"))),
        x_(Pin::own(options.Get("x"))) {
    Broadcast batch(options);
    args_.type = float_type(options);
    args_.n = to_int(options.Get("n"), "n");
    args_.nrhs = to_int(options.Get("nrhs"), "nrhs");
    check_operand(a_, args_.type, checked_product({batch.matrices(batch.a_strides), args_.n, args_.n}), "a");
    check_operand(b_, args_.type, checked_product({batch.matrices(batch.b_strides), args_.n, args_.nrhs}), "b");
    check_bytes(x_, args_.type, checked_product({batch.total, args_.n, args_.nrhs}), "x");
    args_.batch_dims = std::move(batch.dims);
    args_.a_strides = std::move(batch.a_strides);
    args_.b_strides = std::move(batch.b_strides);
    args_.a = a_.bytes().data();
    args_.b = b_.bytes().data();
    args_.x = x_.bytes().data();
  }

 private:
  void Execute(Lane& lane) override { device_->solve(lane, args_); }

  std::shared_ptr<Device> device_;
  Pin a_, b_, x_;
  SolveArgs args_{};
};

}  // namespace

std::unique_ptr<LaneWorker> make_svd_worker(Napi::Env env, std::shared_ptr<Device> device,
                                            const Napi::Object& options) {
  return std::make_unique<SvdWorker>(env, std::move(device), options);
}

std::unique_ptr<LaneWorker> make_matmul_worker(Napi::Env env, std::shared_ptr<Device> device,
                                               const Napi::Object& options) {
  return std::make_unique<MatmulWorker>(env, std::move(device), options);
}

std::unique_ptr<LaneWorker> make_solve_worker(Napi::Env env, std::shared_ptr<Device> device,
                                              const Napi::Object& options) {
  return std::make_unique<SolveWorker>(env, std::move(device), options);
}

}  // namespace tensorlane
