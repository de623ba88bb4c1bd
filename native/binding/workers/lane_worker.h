// Napi::AsyncWorker's shape on a lane: Execute() on the lane's thread, then OnOK() or OnError() on the JS thread, which
// settle one promise. Every operation that runs on a lane is one of these. Where the device works behind its lane, the
// promise is settled when the device has done what Execute() handed it.
//
// Where it may be destroyed: on the JS thread, always. Either after it settled its promise, or (its environment having
// ended) by the cleanup hook that discards what is queued, or when the thread-safe function hands it back.
#pragma once

#include <napi.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/values/convert.h"
#include "core/error.h"
#include "core/lanes/lane.h"
#include "core/lanes/use_order.h"

namespace tensorlane {

class LaneWorker : public Task, public Completion {
 public:
  LaneWorker(const LaneWorker&) = delete;
  LaneWorker& operator=(const LaneWorker&) = delete;
  ~LaneWorker() override {
    if (mine_ != nullptr) mine_->mark_recorded();  // also of a worker that was discarded unrun
  }

  // Hands the worker to the pool; the promise it will settle. Rejects with Disposed when the pool has been stopped.
  static Napi::Promise queue(std::unique_ptr<LaneWorker> worker, const std::shared_ptr<LanePool>& pool,
                             std::size_t lane = LanePool::kAnyLane) {
    const Napi::Env env = worker->env_;
    worker->pool_ = pool;
    const Napi::Promise promise = worker->deferred_.Promise();
    const std::shared_ptr<Environment> environment = worker->environment_;
    environment->begin(env);
    std::unique_ptr<Task> task(std::move(worker));
    if (!pool->submit(task, lane)) {
      environment->end(env);
      auto& refused = static_cast<LaneWorker&>(*task);
      refused.deferred_.Reject(to_js(env, Error(Code::Disposed, "the device has been disposed")).Value());
    }
    return promise;
  }

 protected:
  explicit LaneWorker(Napi::Env env)
      : env_(env), deferred_(Napi::Promise::Deferred::New(env)), environment_(Environment::of(env)) {}

  // Before it is queued: that it uses a buffer, in the order in which workers say so.
  void uses(UseOrder& order, bool writes) {
    if (mine_ == nullptr) mine_ = std::make_shared<Event>();
    if (writes) {
      order.write(mine_, after_);
    } else {
      order.read(mine_, after_);
    }
  }

  // On the lane's thread. What it throws rejects the promise. One that needs the device is refused when that is lost.
  virtual void Execute(Lane& lane) = 0;

  // Whether it takes a few milliseconds at most once it runs.
  [[nodiscard]] virtual bool takes_little() const noexcept { return false; }

  // On the JS thread: what the promise resolves to.
  virtual Napi::Value Result(Napi::Env env) { return env.Undefined(); }

  virtual void OnOK(Napi::Env env) { deferred_.Resolve(Result(env)); }
  virtual void OnError(Napi::Env env, const Error& error) { deferred_.Reject(to_js(env, error).Value()); }

 private:
  // One that has to wait for others would hold up what comes behind it.
  [[nodiscard]] bool small() const noexcept final {
    return takes_little() && std::ranges::all_of(after_, [](const auto& use) { return use->recorded(); });
  }

  void run(Lane& lane) noexcept final {
    for (const auto& use : after_) use->wait_recorded();
    attempt([&] {
      if (lane.state() != nullptr && needs_device()) lane.state()->begin();
      Execute(lane);
    });
  }

  void handed_over() noexcept final {
    if (mine_ != nullptr) mine_->mark_recorded();
  }

  void completed(Pending& pending) noexcept final {
    attempt([&] { pending.complete(); });
  }

  // The first failure is the one that is told.
  template <typename Work>
  void attempt(Work work) noexcept {
    std::optional<Error> failure;
    try {
      work();
    } catch (const Error& error) {
      failure = error;
    } catch (const std::bad_alloc&) {
      failure = Error(Code::OutOfMemory, "out of host memory");
    } catch (const std::exception& error) {
      failure = Error(Code::Internal, error.what());
    }
    if (!error_.has_value()) error_ = std::move(failure);
  }

  void finished(std::unique_ptr<Task> self) noexcept final {
    Environment& environment = *environment_;
    static_cast<void>(self.release());
    environment.complete(std::unique_ptr<Completion>(this));
  }

  void settle(Napi::Env env) final {
    const Napi::HandleScope scope(env);
    try {
      if (error_.has_value()) {
        OnError(env, *error_);
      } else {
        OnOK(env);
      }
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    } catch (const Error& error) {
      OnError(env, error);
    } catch (const std::bad_alloc&) {
      OnError(env, Error(Code::OutOfMemory, "out of host memory"));
    } catch (const std::exception& error) {
      deferred_.Reject(to_js(env, Error(Code::Internal, error.what())).Value());
    }
  }

  Napi::Env env_;
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Environment> environment_;
  std::shared_ptr<LanePool> pool_;  // a device that is collected while it works goes on until its promises are settled
  std::shared_ptr<Event> mine_;     // recorded when others may use the buffers that this uses
  UseOrder::Uses after_;
  std::optional<Error> error_;
};

}  // namespace tensorlane
