// What ONNX Runtime asks of a provider that comes as a library of its own (its plugin interface), as of version 26 of its API:
// structs of functions, which the runtime calls with the struct as their first argument. Members stand at fixed places, and the
// version that a struct states says how far it is read. What is null is not there. No function may throw.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emulated_provider {

inline constexpr std::uint32_t kApiVersion = 26;

// The runtime's own, never looked into.
struct Status;
struct Graph;
struct Node;
struct ValueInfo;
struct TypeInfo;
struct TensorTypeInfo;
struct Value;
struct KernelContext;
struct KernelInfo;
struct KernelDef;
struct KernelDefBuilder;
struct KernelRegistry;
struct SupportInfo;
struct KeyValuePairs;
struct HardwareDevice;
struct EpDevice;
struct MemoryInfo;
struct MemoryDevice;
struct SyncStream;
struct SessionOptions;
struct RunOptions;
struct Logger;
struct DataType;

struct ApiBase {
  const void* (*GetApi)(std::uint32_t version);
  const char* (*GetVersionString)();
};

struct AllocatorTable {
  std::uint32_t version;
  void* (*Alloc)(AllocatorTable*, std::size_t);
  void (*Free)(AllocatorTable*, void*);
  const MemoryInfo* (*Info)(const AllocatorTable*);
  void* (*Reserve)(AllocatorTable*, std::size_t);
  Status* (*GetStats)(const AllocatorTable*, KeyValuePairs**);
  void* (*AllocOnStream)(AllocatorTable*, std::size_t, SyncStream*);
  Status* (*Shrink)(AllocatorTable*);
};

struct DataTransferTable {
  std::uint32_t version;
  void (*Release)(DataTransferTable*);
  bool (*CanCopy)(const DataTransferTable*, const MemoryDevice* from, const MemoryDevice* to);
  // `streams` may be null, and so may each of them: then the copies are done when it returns.
  Status* (*CopyTensors)(DataTransferTable*, const Value** from, Value** to, SyncStream** streams, std::size_t count);
};

struct NotificationTable {
  std::uint32_t version;
  void (*Release)(NotificationTable*);
  Status* (*Activate)(NotificationTable*);
  Status* (*WaitOnDevice)(NotificationTable*, SyncStream* consumer);  // of another provider's: null
  Status* (*WaitOnHost)(NotificationTable*);
};

struct SyncStreamTable {
  std::uint32_t version;
  void (*Release)(SyncStreamTable*);
  void* (*GetHandle)(SyncStreamTable*);
  Status* (*CreateNotification)(SyncStreamTable*, NotificationTable**);
  Status* (*Flush)(SyncStreamTable*);
  Status* (*OnSessionRunEnd)(SyncStreamTable*);
};

struct KernelTable {
  std::uint32_t version;
  std::uint32_t flags;
  Status* (*Compute)(KernelTable*, KernelContext*);
  void (*Release)(KernelTable*);
  void* PrePackWeight;
  void* SetSharedPrePackedWeight;
};

using CreateKernel = Status* (*)(void* state, const KernelInfo*, KernelTable**);

struct EpTable {
  std::uint32_t version;
  const char* (*GetName)(const EpTable*);
  Status* (*GetCapability)(EpTable*, const Graph*, SupportInfo*);
  void* Compile;
  void* ReleaseNodeComputeInfos;
  void* GetPreferredDataLayout;
  void* ShouldConvertDataLayoutForOp;
  void* SetDynamicOptions;
  Status* (*OnRunStart)(EpTable*, const RunOptions*);
  Status* (*OnRunEnd)(EpTable*, const RunOptions*, bool synchronizes);
  Status* (*CreateAllocator)(EpTable*, const MemoryInfo*, AllocatorTable**);
  Status* (*CreateSyncStreamForDevice)(EpTable*, const MemoryDevice*, SyncStreamTable**);
  void* GetCompiledModelCompatibilityInfo;
  Status* (*GetKernelRegistry)(EpTable*, const KernelRegistry**);
  Status* (*IsConcurrentRunSupported)(EpTable*, bool*);
  Status* (*Sync)(EpTable*);
  void* CreateProfiler;
  bool (*IsGraphCaptureEnabled)(const EpTable*);
  bool (*IsGraphCaptured)(const EpTable*, int id);
  Status* (*ReplayGraph)(EpTable*, int id);
  int (*GetGraphCaptureNodeAssignmentPolicy)(const EpTable*);
  void* GetAvailableResource;
};

struct FactoryTable {
  std::uint32_t version;
  const char* (*GetName)(const FactoryTable*);
  const char* (*GetVendor)(const FactoryTable*);
  Status* (*GetSupportedDevices)(FactoryTable*, const HardwareDevice* const* found, std::size_t count,
                                 EpDevice** devices, std::size_t most, std::size_t* how_many);
  Status* (*CreateEp)(FactoryTable*, const HardwareDevice* const* devices, const KeyValuePairs* const* metadata,
                      std::size_t count, const SessionOptions*, const Logger*, EpTable**);
  void (*ReleaseEp)(FactoryTable*, EpTable*);
  std::uint32_t (*GetVendorId)(const FactoryTable*);
  const char* (*GetVersion)(const FactoryTable*);
  void* ValidateCompiledModelCompatibilityInfo;
  Status* (*CreateAllocator)(FactoryTable*, const MemoryInfo*, const KeyValuePairs*, AllocatorTable**);
  void (*ReleaseAllocator)(FactoryTable*, AllocatorTable*);
  Status* (*CreateDataTransfer)(FactoryTable*, DataTransferTable**);
  bool (*IsStreamAware)(const FactoryTable*);
  Status* (*CreateSyncStreamForDevice)(FactoryTable*, const MemoryDevice*, const KeyValuePairs*, SyncStreamTable**);
  void* of_later_versions[8];
};

}  // namespace emulated_provider
