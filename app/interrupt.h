#pragma once
#include <array>
#include <csignal>
#include <string>

/// From now on Ctrl-C, SIGTERM and a terminal that closes end the process with a line on standard
/// error: while data are read there is nothing to save yet. What is ignored stays so.
void end_on_interrupt();

/// Ctrl-C, SIGTERM and a terminal that closes ask work to stop, rather than end the process, for as
/// long as this lives. `nohup` goes on keeping the last of them away.
class StopOnInterrupt {
 public:
  StopOnInterrupt();
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

  static bool asked();

  /// Throws clade::Interrupted with `message` if that was asked.
  static void check(const std::string& message);

  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

 private:
  std::array<struct sigaction, kSignals.size()> before_;
};
