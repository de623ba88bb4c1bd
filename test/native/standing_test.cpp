// How far a lane stands back: the rules, in made-up time.
#include "core/cores/standing.h"

#include <doctest/doctest.h>

#include <chrono>

using namespace tensorlane;
using namespace std::chrono_literals;

namespace {

constexpr unsigned kCores = 2;

// A thread that wants a core all the time.
struct Thread {
  Share share;
  Standing standing{kCores, share};

  // It had this part of a core for so long, and its process so many cores.
  Standing::Step have(double part, double cores, std::chrono::milliseconds time = 100ms) {
    const auto of = [&](double times) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(time) * times);
    };
    share.ran += of(part);
    share.waited += of(1 - part);
    share.process += of(cores);
    return standing.look(share);
  }
};

}  // namespace

TEST_CASE("standing: back with a core to itself, once") {
  Thread thread;
  CHECK(thread.have(0.95, 1.1) == Standing::Step::Back);
  CHECK(thread.have(0.95, 1.1) == Standing::Step::None);
}

TEST_CASE("standing: not back where a neighbour has half of the core, until it goes") {
  Thread thread;
  for (int i = 0; i < 5; ++i) CHECK(thread.have(0.5, 1) == Standing::Step::None);
  CHECK(thread.have(0.97, 1.9) == Standing::Step::Back);
}

TEST_CASE("standing: forward where neighbours leave next to nothing") {
  Thread thread;
  REQUIRE(thread.have(1, 1) == Standing::Step::Back);
  CHECK(thread.have(0.02, 0.1, 2000ms) == Standing::Step::Forward);
}

TEST_CASE("standing: waiting for threads of the own process is no neighbour's doing") {
  Thread thread;
  CHECK(thread.have(0.3, 1.95) == Standing::Step::Back);
  CHECK(thread.have(0.3, 1.95) == Standing::Step::None);
}

TEST_CASE("standing: of too little nothing is told") {
  Thread thread;
  REQUIRE(thread.have(1, 1) == Standing::Step::Back);
  CHECK(thread.have(0.05, 0.1, 10ms) == Standing::Step::None);
  CHECK(thread.have(0.05, 0.1, 15ms) == Standing::Step::Forward);
}

TEST_CASE("standing: nor is it where its process leaves some of the cores idle, as while a lone caller brings work") {
  Thread thread;
  REQUIRE(thread.have(1, 1) == Standing::Step::Back);
  // Half a core, for two fifths of the time it waited for the threads that help it and for the one that brings work.
  thread.share.ran += 500ms;
  thread.share.waited += 400ms;
  thread.share.process += 1600ms;
  CHECK(thread.standing.look(thread.share) == Standing::Step::None);
}

TEST_CASE("standing: neighbours are told of while they are there, and threads of the own process are none") {
  Thread thread;
  CHECK_FALSE(thread.standing.has_neighbours());
  thread.have(0.5, 1);
  CHECK(thread.standing.has_neighbours());
  thread.have(0.5, 0.5, 10ms);  // too little to tell
  CHECK(thread.standing.has_neighbours());
  thread.have(0.97, 1.9);
  CHECK_FALSE(thread.standing.has_neighbours());
  thread.have(0.3, 1.95);
  CHECK_FALSE(thread.standing.has_neighbours());
  thread.have(0.3, 0.6);
  CHECK(thread.standing.has_neighbours());
}
