// How ONNX Runtime's threads are made and ended where it asks us to: as ours are.
#pragma once

namespace tensorlane::ort {

// Standing back by so much (core/cores/niceness.h). What is returned is for join_thread.
void* start_thread(int niceness, void (*work)(void*), void* argument);

void join_thread(void* thread);

}  // namespace tensorlane::ort
