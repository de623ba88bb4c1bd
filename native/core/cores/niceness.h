// How far a thread stands back behind the others of its process.
//
// A lane computes for as long as it can, while the JS thread and libuv's threads want a core often and briefly. With
// equal priorities these wait for a lane's time slice to end, milliseconds each time.
#pragma once

namespace tensorlane {

// For the calling thread; 0 to 19, as nice(1) has it, and 0 changes nothing. Only Linux has a niceness for every
// thread: elsewhere it belongs to the process, whose priority is not ours to change.
void stand_back(int niceness);

}  // namespace tensorlane
