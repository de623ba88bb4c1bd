#include "binding/values/gpus.h"

#include "core/nvml.h"

namespace tensorlane {

namespace {

void set_text(Napi::Object object, const char* name, const std::string& text) {
  if (!text.empty()) object.Set(name, text);
}

void set_memory(Napi::Object object, const std::optional<GpuMemory>& memory) {
  if (!memory) return;
  object.Set("memoryBytes", static_cast<double>(memory->total_bytes));
  object.Set("usedBytes", static_cast<double>(memory->used_bytes));
}

Napi::Object part_of(Napi::Env env, const GpuPart& part) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("uuid", part.uuid);
  object.Set("name", part.name);
  set_memory(object, part.memory);
  return object;
}

Napi::Object gpu_of(Napi::Env env, const GpuReading& gpu) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", gpu.name);
  object.Set("uuid", gpu.uuid);
  object.Set("mig", gpu.mig);
  set_text(object, "pciAddress", gpu.pci_address);
  set_text(object, "computeMode", gpu.compute_mode);
  set_text(object, "problem", gpu.problem);
  set_memory(object, gpu.memory);
  if (gpu.busy) object.Set("busy", *gpu.busy);
  if (gpu.memory_busy) object.Set("memoryBusy", *gpu.memory_busy);
  if (gpu.processes) object.Set("processes", *gpu.processes);
  Napi::Array parts = Napi::Array::New(env, gpu.parts.size());
  for (std::uint32_t i = 0; i < gpu.parts.size(); ++i) parts.Set(i, part_of(env, gpu.parts[i]));
  object.Set("parts", parts);
  return object;
}

}  // namespace

Napi::Object describe_gpus(Napi::Env env) {
  const GpuReadings found = read_gpus();
  Napi::Object object = Napi::Object::New(env);
  Napi::Array gpus = Napi::Array::New(env, found.gpus.size());
  for (std::uint32_t i = 0; i < found.gpus.size(); ++i) gpus.Set(i, gpu_of(env, found.gpus[i]));
  object.Set("gpus", gpus);
  set_text(object, "driver", found.driver);
  set_text(object, "problem", found.problem);
  return object;
}

}  // namespace tensorlane
