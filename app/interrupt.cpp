#include "app/interrupt.h"

#include <unistd.h>

#include <array>
#include <string_view>

#include "app/exit_codes.h"
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

// Kernels that oneDNN makes for long products point the stack register into a buffer on the heap: a
// handler on the same stack would write over what lies beside it. So this thread gets another for
// its handlers; the workers of a loop take no signals.
struct sigaction handler(void (*handle)(int)) {
  static std::array<char, 1 << 16> stack;
  stack_t own{};
  own.ss_sp = stack.data();
  own.ss_size = stack.size();
  ::sigaltstack(&own, nullptr);
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  return action;
}

bool is_ignored(int signal) {
  struct sigaction now {};
  ::sigaction(signal, nullptr, &now);
  return now.sa_handler == SIG_IGN;
}

}  // namespace

void end_on_interrupt() {
  const auto end = handler(end_now);
  for (const int signal : StopOnInterrupt::kSignals) {
    if (!is_ignored(signal)) ::sigaction(signal, &end, nullptr);
  }
}

StopOnInterrupt::StopOnInterrupt() {
  const auto ask = handler(ask_to_stop);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    const bool by_nohup = kSignals[i] == SIGHUP && is_ignored(SIGHUP);
    ::sigaction(kSignals[i], by_nohup ? nullptr : &ask, &before_[i]);
  }
}

StopOnInterrupt::~StopOnInterrupt() {
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

bool StopOnInterrupt::asked() {
  return interrupted != 0;
}

void StopOnInterrupt::check(const std::string& message) {
  if (asked()) throw clade::Interrupted(message);
}
