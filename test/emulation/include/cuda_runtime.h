// CUDA's runtime for C++, for the emulation: the functions, their typed forms, kernel launches and what kernels use.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda_runtime_api.h"
#include "emulated_device.h"
#include "emulated_launch.h"
#include "library_types.h"
#include "vector_functions.h"

template <typename T>
cudaError_t cudaMalloc(T** devPtr, std::size_t size) {
  return ::cudaMalloc(reinterpret_cast<void**>(devPtr), size);
}

template <typename T>
cudaError_t cudaMallocAsync(T** devPtr, std::size_t size, cudaStream_t stream) {
  return ::cudaMallocAsync(reinterpret_cast<void**>(devPtr), size, stream);
}

template <typename T>
cudaError_t cudaMallocAsync(T** devPtr, std::size_t size, cudaMemPool_t memPool, cudaStream_t stream) {
  return ::cudaMallocFromPoolAsync(reinterpret_cast<void**>(devPtr), size, memPool, stream);
}

template <typename T>
cudaError_t cudaMallocFromPoolAsync(T** devPtr, std::size_t size, cudaMemPool_t memPool, cudaStream_t stream) {
  return ::cudaMallocFromPoolAsync(reinterpret_cast<void**>(devPtr), size, memPool, stream);
}

template <typename T>
cudaError_t cudaHostAlloc(T** pHost, std::size_t size, unsigned int flags) {
  return ::cudaHostAlloc(reinterpret_cast<void**>(pHost), size, flags);
}

template <typename T>
cudaError_t cudaMallocHost(T** ptr, std::size_t size) {
  return ::cudaMallocHost(reinterpret_cast<void**>(ptr), size);
}

template <typename T>
cudaError_t cudaFuncSetAttribute(T* func, cudaFuncAttribute attr, int value) {
  return ::cudaFuncSetAttribute(reinterpret_cast<const void*>(func), attr, value);
}

template <typename T>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attr, T* func) {
  return ::cudaFuncGetAttributes(attr, reinterpret_cast<const void*>(func));
}

template <typename T>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, T* func, int blockSize,
                                                          std::size_t dynamicSMemSize) {
  return ::cudaOccupancyMaxActiveBlocksPerMultiprocessor(numBlocks, reinterpret_cast<const void*>(func), blockSize,
                                                         dynamicSMemSize);
}
