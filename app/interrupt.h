#pragma once

/// Ctrl-C and SIGTERM ask work to stop, rather than end the process, for as long as this lives.
class StopOnInterrupt {
 public:
  StopOnInterrupt();
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;

  static bool asked();

 private:
  void (*interrupt_)(int);
  void (*terminate_)(int);
};
