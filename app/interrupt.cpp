#include "app/interrupt.h"

#include "clade/core/error.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

void ask_to_stop(int) {
  interrupted = 1;
}

}  // namespace

StopOnInterrupt::StopOnInterrupt() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    before_[i] = std::signal(kSignals[i], ask_to_stop);
    if (kSignals[i] == SIGHUP && before_[i] == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  }
}

StopOnInterrupt::~StopOnInterrupt() {
  for (size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], before_[i]);
}

bool StopOnInterrupt::asked() {
  return interrupted != 0;
}

void StopOnInterrupt::check(const std::string& message) {
  if (asked()) throw clade::Interrupted(message);
}
