#include "app/interrupt.h"

#include <unistd.h>

#include <string_view>

#include "clade/core/error.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

void ask_to_stop(int) {
  interrupted = 1;
}

// Calls nothing but what may be called while anything else goes on.
void end_now(int) {
  constexpr std::string_view said = "clade: stopped; begin again with the same command\n";
  static_cast<void>(::write(STDERR_FILENO, said.data(), said.size()) > 0);
  ::_exit(kInterrupted);
}

}  // namespace

void end_on_interrupt() {
  for (const int signal : StopOnInterrupt::kSignals) {
    if (std::signal(signal, end_now) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

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
