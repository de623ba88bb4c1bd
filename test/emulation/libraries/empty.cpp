// cuSOLVER's libraries that nothing is asked of: the real ones have to be loaded, so they have to be found.
extern "C" __attribute__((visibility("default"))) int emulation_of_a_library_without_entry_points() { return 0; }
