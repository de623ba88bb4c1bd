// The end of the process while lanes still work.
//
// exit() runs the destructors of shared libraries, and those of BLAS or ONNX Runtime crash under a thread that is
// inside them. So at exit no task is started any more and running ones get a moment to end; if they do not, the process
// ends without those destructors. (An environment that ends in an orderly way has joined its lanes already.)
#pragma once

namespace tensorlane {

// Handlers run last in, first out, so this is to be called after each library that has such destructors was loaded. It
// may be called any number of times.
void guard_process_exit();

}  // namespace tensorlane
