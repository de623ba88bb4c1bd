// When ONNX Runtime's shared threads are parked: the rules of parking.h, by a clock of the test's own.
#include "onnx/threads/parking.h"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <utility>
#include <vector>

using namespace tensorlane;
using namespace std::chrono_literals;

namespace {

constexpr auto kLinger = Parking::kLinger;

struct Scene {
  explicit Scene(unsigned cores) : parking(cores) {}
  void enter(bool wants_help = true) { parking.entered(wants_help, now); }
  void leave(bool wants_help = true) { parking.left(wants_help, now); }
  // As the watch does: looks when it is told to, until so much later.
  void pass(Parking::Duration time) {
    const auto until = now + time;
    for (auto next = parking.look(now); next.has_value() && *next <= until; next = parking.look(now)) {
      REQUIRE_MESSAGE(*next > now, "it would look again and again at once");
      now = *next;
      ++looks;
    }
    now = until;
  }

  Parking parking;
  Parking::Time now{1h};
  int looks = 0;
};

}  // namespace

TEST_CASE("parking: at rest they are parked, and nobody looks") {
  Scene scene(4);
  CHECK(scene.parking.parked());
  scene.pass(1h);
  CHECK(scene.looks == 0);
}

TEST_CASE("parking: one run is helped at once; with as many as cores they are parked at once") {
  Scene scene(2);
  scene.enter();
  CHECK_FALSE(scene.parking.parked());
  scene.enter();
  CHECK(scene.parking.parked());
  CHECK(scene.parking.running() == 2);
}

TEST_CASE("parking: a moment with a core to spare lets nobody go; a longer one does") {
  Scene scene(2);
  scene.enter();
  scene.enter();
  for (int i = 0; i < 100; ++i) {
    scene.pass(10ms);
    scene.leave();
    scene.pass(Parking::kSettle / 2);
    CHECK(scene.parking.parked());
    scene.enter();
    CHECK(scene.parking.parked());
  }
  scene.leave();
  scene.pass(Parking::kSettle + Parking::kGlanceFull);
  CHECK_MESSAGE(!scene.parking.parked(), "the run that is left is helped while it goes on");
}

TEST_CASE("parking: short runs wake nobody, and count all the same") {
  Scene scene(2);
  scene.enter(false);
  CHECK(scene.parking.parked());
  scene.pass(1s);
  CHECK_MESSAGE(scene.looks == 0, "there is nothing to look for");
  scene.leave(false);
  scene.enter();
  CHECK_FALSE(scene.parking.parked());
  scene.enter(false);
  CHECK(scene.parking.parked());
}

TEST_CASE(
    "parking: after the last run they are awake for a while, where the next one came soon; else they are "
    "parked") {
  Scene scene(2);
  scene.enter();
  scene.leave();
  CHECK_MESSAGE(scene.parking.parked(), "nothing is known of the next one");
  scene.pass(kLinger / 2);
  scene.enter();
  scene.leave();
  CHECK_FALSE(scene.parking.parked());
  scene.pass(kLinger / 2);
  CHECK_FALSE(scene.parking.parked());
  scene.pass(kLinger);
  CHECK(scene.parking.parked());
  scene.looks = 0;
  scene.pass(1h);
  CHECK(scene.looks == 0);
  scene.enter();
  scene.leave();
  CHECK_MESSAGE(scene.parking.parked(), "the last one came late");
}

TEST_CASE(
    "parking: while runs go it is looked a thousand times a second at most, and with all cores busy two hundred") {
  Scene scene(2);
  scene.enter();
  scene.pass(1s);
  CHECK(scene.looks <= 1000);
  scene.looks = 0;
  scene.enter();
  scene.pass(1s);
  CHECK(scene.looks <= 200);
}

TEST_CASE("parking: whatever comes, with all cores busy they are parked, and at rest in the end") {
  std::mt19937 random(7);
  for (unsigned cores = 2; cores <= 5; ++cores) {
    Scene scene(cores);
    std::vector<char> wants;
    for (int i = 0; i < 20'000; ++i) {
      if (wants.size() > 8 || (!wants.empty() && random() % 2 == 0)) {
        std::swap(wants[random() % wants.size()], wants.back());
        scene.leave(wants.back() != 0);
        wants.pop_back();
      } else {
        wants.push_back(random() % 3 != 0 ? 1 : 0);
        scene.enter(wants.back() != 0);
      }
      scene.pass(std::chrono::microseconds(random() % 2 == 0 ? random() % 50 : random() % 5000));
      REQUIRE(scene.parking.running() == wants.size());
      if (wants.size() >= cores) REQUIRE(scene.parking.parked());
    }
    for (const char one : wants) scene.leave(one != 0);
    scene.pass(kLinger);
    CHECK(scene.parking.parked());
  }
}

TEST_CASE("parking: what a run took says whether the next one is helped") {
  CHECK_FALSE(Parking::is_long(99us, false));
  CHECK(Parking::is_long(100us, false));
  CHECK_FALSE(Parking::is_long(49us, true));
  CHECK(Parking::is_long(50us, true));
}
