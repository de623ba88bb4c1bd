#include "onnx/threads/threads.h"

#include <memory>
#include <thread>

#include "core/cores/niceness.h"
#include "core/thread_name.h"
#include "onnx/threads/unseen.h"

namespace tensorlane::ort {

void* start_thread(int niceness, void (*work)(void*), void* argument) {
  return new std::thread([=] {
    name_thread("lane-onnx");
    stand_back(niceness);
    const Unseen unseen;
    work(argument);
  });
}

void join_thread(void* thread) {
  const std::unique_ptr<std::thread> owner(static_cast<std::thread*>(thread));
  owner->join();
}

}  // namespace tensorlane::ort
