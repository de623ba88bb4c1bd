// What orders lanes by hand: recording an event on one, waiting for it on another, waiting for all that a lane was
// given.
#pragma once

#include <memory>
#include <utility>

#include "binding/workers/lane_worker.h"
#include "core/lanes/event.h"

namespace tensorlane {

// The event is done when this is destroyed, so that whoever waits is let go also when the task is discarded unrun.
class RecordTask final : public Task {
 public:
  explicit RecordTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}
  RecordTask(const RecordTask&) = delete;
  RecordTask& operator=(const RecordTask&) = delete;
  ~RecordTask() override { event_->mark_done(); }

  [[nodiscard]] bool pipelines() const noexcept override { return true; }

 private:
  void run(Lane& lane) noexcept override {
    try {
      if (lane.state() != nullptr) lane.state()->record(*event_);
    } catch (const Error&) {
      // The device is lost: every operation says so, and nobody has to wait for this.
    }
    event_->mark_recorded();
  }

  std::shared_ptr<Event> event_;
};

class WaitTask final : public Task {
 public:
  explicit WaitTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}

  [[nodiscard]] bool pipelines() const noexcept override { return true; }

 private:
  void run(Lane& lane) noexcept override {
    if (lane.state() == nullptr) {
      event_->wait_done();
      return;
    }
    try {
      lane.state()->wait(*event_);
    } catch (const Error&) {
      event_->wait_done();  // the device could not be told to wait, so the lane does
    }
  }

  std::shared_ptr<Event> event_;
};

class SynchronizeWorker final : public LaneWorker {
 public:
  explicit SynchronizeWorker(Napi::Env env) : LaneWorker(env) {}

 private:
  void Execute(Lane& /*lane*/) override {}  // having been reached, with all before it finished, is the point
};

}  // namespace tensorlane
