#include "clade/training/step_graph.h"

#include <torch/torch.h>
#include <torch/version.h>

// Before 2.4 a graph could draw from torch's own generator alone, never from one of ours.
#if defined(CLADE_WITH_CUDA) && \
    (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4))
#define CLADE_CAPTURES
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace clade {

#ifdef CLADE_CAPTURES
struct StepGraph::Captured {
  // Capture must not happen on the default stream, and what is warmed up there stays there.
  c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
  at::cuda::CUDAGraph graph;
  bool ready = false;
};

namespace {

/// Whatever `stream` is given from now on begins when `other` has done what it has now.
void wait_for(const c10::cuda::CUDAStream& stream, const c10::cuda::CUDAStream& other) {
  at::cuda::CUDAEvent event;
  event.record(other);
  event.block(stream);
}

}  // namespace
#else
struct StepGraph::Captured {};
#endif

StepGraph::StepGraph(std::function<void()> step, Generator generator, const torch::Device& device,
                     bool capture)
    : step_(std::move(step)), generator_(std::move(generator)), capture_(false) {
  if (!capture || !device.is_cuda()) return;
#ifdef CLADE_CAPTURES
  capture_ = true;
  captured_ = std::make_unique<Captured>();
#else
  fallback_ = "this build cannot capture CUDA graphs (it needs libtorch 2.4 or later with CUDA)";
#endif
}

StepGraph::~StepGraph() = default;

void StepGraph::forget() {
  if (captured_) captured_ = std::make_unique<Captured>();
}

void StepGraph::forget_buffers() {
  forget();
  calls_ = 0;
}

void StepGraph::capture() {
#ifdef CLADE_CAPTURES
  try {
    captured_->graph.register_generator_state(generator_);
    captured_->graph.capture_begin();
    step_();
    captured_->graph.capture_end();
    captured_->ready = true;
  } catch (const c10::Error& error) {
    capture_ = false;
    fallback_ = error.what_without_backtrace();
    try {
      captured_->graph.capture_end();  // until then the stream takes no other work
    } catch (const c10::Error&) {
    }
  }
#endif
}

void StepGraph::run() {
#ifdef CLADE_CAPTURES
  // The first calls let libraries choose their algorithms and buffers, which a capture may not.
  constexpr int64_t kCallsBefore = 3;
  if (capture_) {
    const auto outside = c10::cuda::getCurrentCUDAStream();
    wait_for(captured_->stream, outside);
    {
      const c10::cuda::CUDAStreamGuard guard(captured_->stream);
      if (calls_++ < kCallsBefore) {
        step_();
      } else {
        if (!captured_->ready) capture();
        captured_->ready ? captured_->graph.replay() : step_();
      }
    }
    wait_for(outside, captured_->stream);
    return;
  }
#endif
  step_();
}

}  // namespace clade
