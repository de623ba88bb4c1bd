#include "onnx/threads/parking.h"

namespace tensorlane {

void Parking::entered(bool wants_help, Time now) {
  ++running_;
  if (wants_help) {
    if (wanting_ == 0) came_soon_ = now - left_at_ <= kLinger;
    ++wanting_;
  }
  if (full()) {
    full_at_ = now;
    parked_ = true;
  } else if (wanting_ > 0 && now - full_at_ >= kSettle) {
    parked_ = false;
  }
}

void Parking::left(bool wants_help, Time now) {
  if (full()) full_at_ = now;
  --running_;
  if (!wants_help) return;
  --wanting_;
  left_at_ = now;
  if (wanting_ == 0 && !came_soon_) parked_ = true;
}

std::optional<Parking::Time> Parking::look(Time now) {
  if (wanting_ == 0) {
    if (parked_) return std::nullopt;
    if (now < left_at_ + kLinger) return left_at_ + kLinger;
    parked_ = true;
    return std::nullopt;
  }
  if (!parked_) return now + kGlanceHelping;
  if (full()) return now + kGlanceFull;
  if (now < full_at_ + kSettle) return full_at_ + kSettle;
  parked_ = false;
  return now + kGlanceHelping;
}

}  // namespace tensorlane
