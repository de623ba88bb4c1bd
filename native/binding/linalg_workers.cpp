#include "binding/linalg_workers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "binding/host_block.h"
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

std::size_t bytes_of(DType type, std::int64_t elements) {
  return static_cast<std::size_t>(checked_product({elements, static_cast<std::int64_t>(byte_size(type, 1))}));
}

class SvdWorker final : public LaneWorker {
 public:
  SvdWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : LaneWorker(env), device_(std::move(device)), a_(Pin::input(options.Get("a"))) {
    args_.type = float_type(options);
    const std::string mode = options.Get("mode").ToString();
    args_.mode = mode == "values" ? SvdMode::Values : (mode == "full" ? SvdMode::Full : SvdMode::Thin);
    args_.batch = to_int(options.Get("batch"), "batch");
    args_.m = to_int(options.Get("m"), "m");
    args_.n = to_int(options.Get("n"), "n");
    check_bytes(a_, args_.type, checked_product({args_.batch, args_.m, args_.n}), "a");
    const std::int64_t k = std::min(args_.m, args_.n);
    const bool full = args_.mode == SvdMode::Full;
    s_bytes_ = bytes_of(args_.type, checked_product({args_.batch, k}));
    if (args_.mode == SvdMode::Values) return;
    u_bytes_ = bytes_of(args_.type, checked_product({args_.batch, args_.m, full ? args_.m : k}));
    vt_bytes_ = bytes_of(args_.type, checked_product({args_.batch, full ? args_.n : k, args_.n}));
  }

 private:
  void Execute(Lane& lane) override {
    s_ = HostBlock(s_bytes_);
    u_ = HostBlock(u_bytes_);
    vt_ = HostBlock(vt_bytes_);
    const bool vectors = args_.mode != SvdMode::Values;
    args_.a = a_.bytes().data();
    args_.s = s_.data();
    args_.u = vectors ? u_.data() : nullptr;
    args_.vt = vectors ? vt_.data() : nullptr;
    device_->svd(lane, args_);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("s", give_to_js(env, std::move(s_)));
    if (args_.mode == SvdMode::Values) return result;
    result.Set("u", give_to_js(env, std::move(u_)));
    result.Set("vt", give_to_js(env, std::move(vt_)));
    return result;
  }

  std::shared_ptr<Device> device_;
  Pin a_;
  std::size_t s_bytes_ = 0, u_bytes_ = 0, vt_bytes_ = 0;
  HostBlock s_, u_, vt_;
  SvdArgs args_{};
};

// An operation on two operands whose leading dimensions broadcast, with one result.
template <typename Args>
class TwoOperandWorker : public LaneWorker {
 protected:
  TwoOperandWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : LaneWorker(env),
        device_(std::move(device)),
        a_(Pin::input(options.Get("a"))),
        b_(Pin::input(options.Get("b"))) {
    args_.type = float_type(options);
  }

  // The rows and columns of one matrix of each.
  struct Shape {
    std::int64_t rows, columns;
  };

  void set_shapes(const Napi::Object& options, Shape a, Shape b, Shape result) {
    Broadcast batch(options);
    check_operand(a_, args_.type, checked_product({batch.matrices(batch.a_strides), a.rows, a.columns}), "a");
    check_operand(b_, args_.type, checked_product({batch.matrices(batch.b_strides), b.rows, b.columns}), "b");
    result_bytes_ = bytes_of(args_.type, checked_product({batch.total, result.rows, result.columns}));
    args_.batch_dims = std::move(batch.dims);
    args_.a_strides = std::move(batch.a_strides);
    args_.b_strides = std::move(batch.b_strides);
  }

  void prepare() {
    result_ = HostBlock(result_bytes_);
    args_.a = a_.bytes().data();
    args_.b = b_.bytes().data();
  }

  Napi::Value Result(Napi::Env env) override { return give_to_js(env, std::move(result_)); }

  std::shared_ptr<Device> device_;
  Pin a_, b_;
  std::size_t result_bytes_ = 0;
  HostBlock result_;
  Args args_{};
};

class MatmulWorker final : public TwoOperandWorker<MatmulArgs> {
 public:
  MatmulWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : TwoOperandWorker(env, std::move(device), options) {
    args_.m = to_int(options.Get("m"), "m");
    args_.k = to_int(options.Get("k"), "k");
    args_.n = to_int(options.Get("n"), "n");
    set_shapes(options, {args_.m, args_.k}, {args_.k, args_.n}, {args_.m, args_.n});
  }

 private:
  void Execute(Lane& lane) override {
    prepare();
    args_.c = result_.data();
    device_->matmul(lane, args_);
  }
};

class SolveWorker final : public TwoOperandWorker<SolveArgs> {
 public:
  SolveWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options)
      : TwoOperandWorker(env, std::move(device), options) {
    args_.n = to_int(options.Get("n"), "n");
    args_.nrhs = to_int(options.Get("nrhs"), "nrhs");
    set_shapes(options, {args_.n, args_.n}, {args_.n, args_.nrhs}, {args_.n, args_.nrhs});
  }

 private:
  void Execute(Lane& lane) override {
    prepare();
    args_.x = result_.data();
    device_->solve(lane, args_);
  }
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
