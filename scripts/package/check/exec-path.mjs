// Loaded into each emulated Node before all else: a program that it starts by its own name is emulated too.
process.execPath = process.env.TENSORLANE_TEST_NODE ?? process.execPath;
