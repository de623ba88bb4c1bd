// The provider's memory: the emulated GPU's, taken and given back in the order of streams where there is one, and copies.
#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "provider/ort.h"

namespace emulated_provider {

inline constexpr std::uint32_t kVendor = 0x10DE;  // what it emulates: NVIDIA, by its number of PCI
inline constexpr int kGpu = 1;                    // OrtMemoryInfoDeviceType, OrtHardwareDeviceType
inline constexpr int kDefaultMemory = 0;          // OrtDeviceMemoryType
inline constexpr std::size_t kAlignment = 256;

// Which of the emulated devices the memory is of, made the thread's current one. Errors: Failure.
int use_device_of(const MemoryDevice* memory);

AllocatorTable* make_allocator(const MemoryInfo* info);
void release_allocator(AllocatorTable* allocator) noexcept;

DataTransferTable* make_data_transfer();

// Memory that the calling thread takes goes to `taken` from now on, and is not given back by whoever took it: it is a graph's, until that
// forgets it. Null: as ever.
void take_for_graph(std::vector<void*>* taken) noexcept;
void forget_memory(const std::vector<void*>& taken) noexcept;

// A stream, from which memory may be taken until it is forgotten. Whoever ends one forgets it first.
void remember_stream(cudaStream_t stream);
void forget_stream(cudaStream_t stream) noexcept;

}  // namespace emulated_provider
