#include "cpu/small/crew.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "core/cores/cores.h"
#include "core/cores/niceness.h"
#include "core/cores/standing.h"
#include "core/thread_name.h"

namespace tensorlane::cpu::small {

// Never destroyed: a helper may still sleep in it while the process ends.
Crew& Crew::shared() {
  static auto* crew = new Crew;
  return *crew;
}

void Crew::run(std::size_t parts, std::size_t helpers, const Body& body) {
  Job job{body, parts, std::min(helpers, parts == 0 ? 0 : parts - 1)};
  std::unique_lock lock(mutex_);
  if (job.helpers > 0) {
    start(job.helpers);
    jobs_.push_back(&job);
    work_.notify_all();
  }
  work(job, 0, lock);
  std::erase(jobs_, &job);
  done_.wait(lock, [&job] { return job.working == 0; });
}

void Crew::start(std::size_t helpers) {
  while (threads_ < helpers) {
    try {
      std::thread([this] { help(); }).detach();
    } catch (const std::system_error&) {
      return;  // the system has no more threads to give
    }
    ++threads_;
  }
}

void Crew::help() {
  name_thread("lane-small");
  unbind_thread();
  stand_back(Standing::kBack);
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return wanting() != nullptr; });
    Job& job = *wanting();
    ++job.working;
    const std::size_t slot = ++job.joined;
    work(job, slot, lock);
    --job.working;
    if (job.working == 0) done_.notify_all();
  }
}

void Crew::work(Job& job, std::size_t slot, std::unique_lock<std::mutex>& lock) {
  while (job.begun < job.parts) {
    const std::size_t part = job.begun++;
    lock.unlock();
    job.body(slot, part);
    lock.lock();
  }
}

Crew::Job* Crew::wanting() noexcept {
  const auto found = std::ranges::find_if(jobs_, [](const Job* job) { return job->wants_help(); });
  return found == jobs_.end() ? nullptr : *found;
}

}  // namespace tensorlane::cpu::small
