#include "onnx/threads/park_model.h"

#include <cstdint>
#include <memory>
#include <string>

#include "onnx/graph/encode.h"

namespace tensorlane {
namespace {

constexpr const char* kParkDomain = "tensorlane";
constexpr const char* kPark = "Park";
constexpr int kParkFloat = 1;  // ONNXTensorElementDataType, and TensorProto.DataType

// y = Park()
graph::Encoded park_graph() {
  using graph::integer, graph::text;
  const graph::Encoded node = text(2, "y") + text(4, kPark) + text(7, kParkDomain);
  const graph::Encoded no_elements = text(2, text(1, integer(1, 0)));
  const graph::Encoded tensor = text(1, integer(1, kParkFloat) + no_elements);
  const graph::Encoded graph = text(1, node) + text(2, "park") + text(12, text(1, "y") + text(2, tensor));
  return integer(1, 8) + text(7, graph) + text(8, integer(2, 15)) + text(8, text(1, kParkDomain) + integer(2, 1));
}

}  // namespace

// The runtime is given the address of the table, which is that of the whole.
struct ParkModel::Operator {
  // OrtCustomOp as of version 12 of the API: what the runtime asks of an operator. `version` tells it to read no further.
  struct Table {
    std::uint32_t version;
    void* (*create_kernel)(const Table*, const void* api, const void* info);
    const char* (*name)(const Table*);
    const char* (*provider)(const Table*);  // null: the CPU
    int (*input_type)(const Table*, std::size_t);
    std::size_t (*input_count)(const Table*);
    int (*output_type)(const Table*, std::size_t);
    std::size_t (*output_count)(const Table*);
    void (*compute)(void* kernel, ort::KernelContext*);
    void (*destroy)(void* kernel);
    int (*input_characteristic)(const Table*, std::size_t);
    int (*output_characteristic)(const Table*, std::size_t);
    int (*input_memory)(const Table*, std::size_t);
  };

  Table table;
  const ort::Api& api;
  std::size_t threads;
  Occupation occupation;

  static void compute(void* kernel, ort::KernelContext* context) {
    auto& self = *static_cast<Operator*>(kernel);
    const Occupation& occupation = self.occupation;
    const std::int64_t none = 0;
    ort::Value* y = nullptr;
    for (ort::Status* status :
         {self.api.KernelContext_ParallelFor(context, occupation.call, self.threads, self.threads, occupation.of),
          self.api.KernelContext_GetOutput(context, 0, &none, 1, &y)}) {
      if (status != nullptr) self.api.ReleaseStatus(status);  // without its output, the run fails
    }
  }
};

ParkModel::ParkModel(const ort::Runtime& runtime, unsigned threads, Occupation occupation)
    : runtime_(runtime),
      operator_(new Operator{{.version = 12,
                              .create_kernel = [](const Operator::Table* table, const void*, const void*) -> void* {
                                return const_cast<Operator::Table*>(table);
                              },
                              .name = [](const Operator::Table*) { return kPark; },
                              .provider = [](const Operator::Table*) -> const char* { return nullptr; },
                              .input_type = [](const Operator::Table*, std::size_t) { return kParkFloat; },
                              .input_count = [](const Operator::Table*) -> std::size_t { return 0; },
                              .output_type = [](const Operator::Table*, std::size_t) { return kParkFloat; },
                              .output_count = [](const Operator::Table*) -> std::size_t { return 1; },
                              .compute = Operator::compute,
                              .destroy = [](void*) {},  // the kernel is the operator
                              .input_characteristic = [](const Operator::Table*, std::size_t) { return 0; },
                              .output_characteristic = [](const Operator::Table*, std::size_t) { return 0; },
                              .input_memory = [](const Operator::Table*, std::size_t) { return 0; }},
                             runtime.api,
                             threads,
                             occupation}),
      domain_(runtime.api),
      session_(runtime.api) {
  const ort::Api& api = runtime.api;
  const ort::Attempt making(runtime, "sharing ONNX Runtime's threads");
  making(api.CreateCustomOpDomain(kParkDomain, domain_.out()));
  making(api.CustomOpDomain_Add(domain_.get(), reinterpret_cast<const ort::CustomOp*>(&operator_->table)));
  ort::OwnedSessionOptions options(api);
  making(api.CreateSessionOptions(options.out()));
  making(api.DisablePerSessionThreads(options.get()));
  making(api.SetSessionGraphOptimizationLevel(options.get(), 0));
  making(api.AddCustomOpDomain(options.get(), domain_.get()));
  const graph::Encoded bytes = park_graph();
  making(api.CreateSessionFromArray(runtime.env, bytes.data(), bytes.size(), options.get(), session_.out()));
}

ParkModel::~ParkModel() = default;

void ParkModel::run() {
  const ort::Attempt parking(runtime_, "parking ONNX Runtime's threads");
  const char* name = "y";
  ort::OwnedValue value(runtime_.api);
  parking(runtime_.api.Run(session_.get(), nullptr, nullptr, nullptr, 0, &name, 1, value.out()));
}

}  // namespace tensorlane
