#include "app/interrupt.h"

#include <csignal>

namespace {

volatile std::sig_atomic_t interrupted = 0;

void note(int) {
  interrupted = 1;
}

}  // namespace

StopOnInterrupt::StopOnInterrupt()
    : interrupt_(std::signal(SIGINT, note)), terminate_(std::signal(SIGTERM, note)) {}

StopOnInterrupt::~StopOnInterrupt() {
  std::signal(SIGINT, interrupt_);
  std::signal(SIGTERM, terminate_);
}

bool StopOnInterrupt::asked() {
  return interrupted != 0;
}
