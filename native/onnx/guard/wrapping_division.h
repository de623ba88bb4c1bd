// The smallest integer divided by -1, which no integer of its type is the quotient of: on x86-64 the processor raises SIGFPE for it, and
// kernels of ONNX Runtime's (Div and Mod of int32 and int64) end the process. Nobody can know before: the operands may be computed in the
// graph. Elsewhere the result wraps, as numpy has it, and ONNX Runtime for int8 and int16: the number itself, with remainder 0.
//
// So here a signal handler gives that result and goes on after the instruction, which is a whole one: nothing is left half done. It does
// so for code of one library alone, and for this division alone; a divisor of 0, which has no such result, and SIGFPE of anybody else's go
// to the handler that was there before, or end the process as they would have. A handler that is set after this one takes its place.
#pragma once

#include <csignal>

namespace tensorlane::ort {

// For the library's code that `inside` lies in, from then on, on every thread that does not block SIGFPE, as the calling one does not any
// more. From any thread. Does nothing where the processor raises nothing.
void wrap_division_in(const void* inside);

#if defined(__x86_64__) && defined(__linux__)
// What the handler does about a signal; false where it is not for this.
bool wrap_division(const siginfo_t* info, void* context);
#endif

}  // namespace tensorlane::ort
