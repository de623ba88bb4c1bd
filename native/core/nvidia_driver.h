// Which CUDA NVIDIA's driver runs, asked of its library and of nothing else: the CPU's addon can tell, too.
#pragma once

#include <string>

namespace tensorlane {

// Such as "12.4"; empty where there is no driver. It loads libcuda, which stays in the process: for a process that was started to
// ask.
std::string newest_cuda_of_driver();

}  // namespace tensorlane
