#pragma once
#include <functional>
#include <memory>
#include <string>

#include "clade/core/random.h"

namespace clade {

/// A step that is repeated on the same tensors, whatever they hold: it never waits for a value.
/// Between epochs, other things may change. On a CUDA device it is captured once as a CUDA graph
/// and from then on replayed, one launch in place of hundreds; elsewhere it is called.
class StepGraph {
 public:
  /// `generator` is the one the step draws from. `capture` false: called everywhere.
  StepGraph(std::function<void()> step, Generator generator, const torch::Device& device,
            bool capture);
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  void run();

  /// Something that the step reads and that is not a tensor has changed: captures it anew.
  void forget();

  /// The step will use other tensors of its own: forgets them with what was captured, so that the
  /// next calls make them before a capture.
  void forget_buffers();

  /// Why the step is called although a capture was asked for on a CUDA device; empty if it is not.
  const std::string& fallback() const { return fallback_; }

 private:
  struct Captured;

  void capture();

  std::function<void()> step_;
  Generator generator_;
  bool capture_;
  int64_t calls_ = 0;
  std::unique_ptr<Captured> captured_;
  std::string fallback_;
};

}  // namespace clade
