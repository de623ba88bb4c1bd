#include "provider/provider.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/graphs.h"
#include "provider/operators.h"
#include "provider/streams.h"

namespace emulated_provider {
namespace {

constexpr std::string_view kPrefix = "ep.emulatedcudaexecutionprovider.";
constexpr int kFloat = 1;       // ONNXTensorElementDataType
constexpr int kHostInput = -2;  // OrtMemType
constexpr int kHostOutput = -1;
constexpr int kNewest = 1 << 30;  // of the greatest int the runtime thinks that only the first version is meant

// What a kernel is made of.
struct KernelSource {
  const Operator* row;
  bool waits;
};

struct Kernel final : KernelTable {
  Kernel(emulated_provider::Compute work, bool waiting) : KernelTable{}, compute(std::move(work)), waits(waiting) {
    version = kApiVersion;
    Compute = [](KernelTable* self, KernelContext* context) {
      const auto& it = *static_cast<Kernel*>(self);
      return guarded([&] {
        const Run run(context);
        it.compute(run);
        if (it.waits) check(cudaStreamSynchronize(run.stream()), "cudaStreamSynchronize");
      });
    };
    Release = [](KernelTable* self) { delete static_cast<Kernel*>(self); };
  }

  emulated_provider::Compute compute;
  bool waits;
};

Status* create_kernel(void* source, const KernelInfo* info, KernelTable** made) {
  const auto& [row, waits] = *static_cast<const KernelSource*>(source);
  return guarded([&] { *made = new Kernel(row->make(Attributes(info)), waits); });
}

template <typename T, void (*Functions::*Release)(T*)>
struct Released {
  void operator()(T* object) const noexcept { (ort().*Release)(object); }
};
using OwnedBuilder = std::unique_ptr<KernelDefBuilder, Released<KernelDefBuilder, &Functions::ReleaseKernelDefBuilder>>;
using OwnedDef = std::unique_ptr<KernelDef, Released<KernelDef, &Functions::ReleaseKernelDef>>;
using OwnedRegistry = std::unique_ptr<KernelRegistry, Released<KernelRegistry, &Functions::ReleaseKernelRegistry>>;

void add_kernel(KernelRegistry* registry, KernelSource& source) {
  const Operator& row = *source.row;
  KernelDefBuilder* made = nullptr;
  check(ort().CreateKernelDefBuilder(&made));
  const OwnedBuilder builder(made);
  const DataType* floats = nullptr;
  check(ort().GetTensorDataType(kFloat, &floats));
  check(ort().SetOperatorType(made, row.name));
  check(ort().SetDomain(made, ""));
  check(ort().SetSinceVersion(made, row.since, kNewest));
  check(ort().SetExecutionProvider(made, kName));
  check(ort().AddTypeConstraint(made, row.type, &floats, 1));
  if (row.host_input >= 0) check(ort().SetInputMemType(made, static_cast<std::size_t>(row.host_input), kHostInput));
  if (row.host_output) check(ort().SetOutputMemType(made, 0, kHostOutput));
  KernelDef* def = nullptr;
  check(ort().BuildKernelDef(made, &def));
  const OwnedDef owned(def);
  check(ort().KernelRegistry_AddKernel(registry, def, create_kernel, &source));
}

std::vector<KernelSource> sources_of(const ProviderOptions& options) {
  std::vector<KernelSource> sources;
  for (const Operator& row : operators()) sources.push_back({&row, options.waits.contains(row.name)});
  return sources;
}

// Kernels are made of the sources as long as the registry is there.
OwnedRegistry make_registry(std::vector<KernelSource>& sources) {
  KernelRegistry* registry = nullptr;
  check(ort().CreateKernelRegistry(&registry));
  OwnedRegistry owned(registry);
  for (KernelSource& source : sources) add_kernel(registry, source);
  return owned;
}

Shape dims_of(const ValueInfo* value) {
  const TypeInfo* type = nullptr;
  const TensorTypeInfo* tensor = nullptr;
  check(ort().GetValueInfoTypeInfo(value, &type));
  check(ort().CastTypeInfoToTensorInfo(type, &tensor));
  if (tensor == nullptr) return {};
  std::size_t rank = 0;
  check(ort().GetDimensionsCount(tensor, &rank));
  Shape dims(rank);
  check(ort().GetDimensions(tensor, dims.data(), rank));
  return dims;
}

bool takes_shape(const Operator& row, const Node* node) {
  if (row.takes == nullptr) return true;
  std::size_t count = 0;
  check(ort().Node_GetNumInputs(node, &count));
  std::vector<const ValueInfo*> inputs(count);
  check(ort().Node_GetInputs(node, inputs.data(), count));
  return count > 0 && inputs[0] != nullptr && row.takes(dims_of(inputs[0]));
}

struct Provider final : EpTable {
  Provider(int of, ProviderOptions given)
      : EpTable{},
        device(of),
        options(std::move(given)),
        sources(sources_of(options)),
        registry(make_registry(sources)) {
    version = kApiVersion;
    GetName = [](const EpTable*) { return kName; };
    GetCapability = [](EpTable* self, const Graph* graph, SupportInfo* support) {
      return guarded([&] { static_cast<Provider*>(self)->choose(graph, support); });
    };
    GetKernelRegistry = [](EpTable* self, const KernelRegistry** own) -> Status* {
      *own = static_cast<Provider*>(self)->registry.get();
      return nullptr;
    };
    CreateSyncStreamForDevice = [](EpTable* self, const MemoryDevice* memory, SyncStreamTable** made) {
      auto& it = *static_cast<Provider*>(self);
      return guarded(
          [&] { *made = it.options.captures ? lend_stream(it.device, it.graphs.stream()) : make_stream(memory); });
    };
    OnRunStart = [](EpTable* self, const RunOptions* run) {
      auto& it = *static_cast<Provider*>(self);
      return guarded([&] {
        check(cudaSetDevice(it.device), "cudaSetDevice");
        if (it.options.captures) it.graphs.begin_run(graph_of(run));
      });
    };
    if (options.captures) offer_graphs();
    IsConcurrentRunSupported = [](EpTable*, bool* supported) -> Status* {
      *supported = true;
      return nullptr;
    };
    Sync = [](EpTable* self) {
      return guarded([&] {
        check(cudaSetDevice(static_cast<Provider*>(self)->device), "cudaSetDevice");
        check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
      });
    };
  }

  void offer_graphs() {
    OnRunEnd = [](EpTable* self, const RunOptions* run, bool synchronizes) {
      return guarded([&] { static_cast<Provider*>(self)->graphs.end_run(graph_of(run), synchronizes); });
    };
    IsGraphCaptureEnabled = [](const EpTable*) { return true; };
    IsGraphCaptured = [](const EpTable* self, int id) { return static_cast<const Provider*>(self)->graphs.has(id); };
    ReplayGraph = [](EpTable* self, int id) {
      auto& it = *static_cast<Provider*>(self);
      return guarded([&] {
        check(cudaSetDevice(it.device), "cudaSetDevice");
        it.graphs.replay(id);
      });
    };
    GetGraphCaptureNodeAssignmentPolicy = [](const EpTable*) { return 1; };  // the CPU may compute shapes
  }

  void choose(const Graph* graph, SupportInfo* support) const {
    std::size_t count = 0;
    check(ort().Graph_GetNumNodes(graph, &count));
    std::vector<const Node*> nodes(count);
    check(ort().Graph_GetNodes(graph, nodes.data(), count));
    for (const Node* node : nodes) {
      const char* name = nullptr;
      check(ort().Node_GetOperatorType(node, &name));
      if (!options.operators.empty() && !options.operators.contains(name)) continue;
      const auto all = operators();
      const auto row = std::ranges::find(all, std::string_view(name), [](const Operator& one) { return one.name; });
      if (row == all.end() || !takes_shape(*row, node)) continue;
      const KernelDef* found = nullptr;  // of the node's domain, version and types
      check(ort().LookUpKernel(support, node, &found));
      if (found != nullptr) check(ort().AddSingleNode(support, node));
    }
  }

  int device;
  ProviderOptions options;
  Graphs graphs{device};
  std::vector<KernelSource> sources;
  OwnedRegistry registry;
};

}  // namespace

namespace {

std::set<std::string> names_in(std::string_view list) {
  std::set<std::string> names;
  for (std::size_t from = 0; from < list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    names.emplace(list.substr(from, end - from));
    from = end + 1;
  }
  return names;
}

}  // namespace

ProviderOptions read_options(const SessionOptions* options) {
  KeyValuePairs* entries = nullptr;
  check(ort().GetSessionOptionsConfigEntries(options, &entries));
  const std::unique_ptr<KeyValuePairs, Released<KeyValuePairs, &Functions::ReleaseKeyValuePairs>> owned(entries);
  const char* const* keys = nullptr;
  const char* const* values = nullptr;
  std::size_t count = 0;
  ort().GetKeyValuePairs(entries, &keys, &values, &count);
  ProviderOptions read;
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view key = keys[i];
    if (!key.starts_with(kPrefix)) continue;
    key.remove_prefix(kPrefix.size());
    const std::string_view value = values[i];
    if (key == "operators") {
      read.operators = names_in(value);
    } else if (key == "waits") {
      read.waits = names_in(value);
    } else if (key == "enable_cuda_graph") {
      read.captures = value == "1";
    } else if (key == "refuses") {
      read.refuses = value == "1";
    } else {
      throw Failure("the emulated device has no option '" + std::string(key) + "'");
    }
  }
  return read;
}

EpTable* make_provider(int device, ProviderOptions options) {
  if (options.refuses) throw Failure("the emulated device was told to refuse");
  return new Provider(device, std::move(options));
}

void release_provider(EpTable* provider) noexcept { delete static_cast<Provider*>(provider); }

}  // namespace emulated_provider
