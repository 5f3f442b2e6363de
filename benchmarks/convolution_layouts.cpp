// Times oneDNN's convolutions on maps with their channels last beside those on maps as oneDNN
// itself would have them (blocks of channels), at the shapes of networks(): why clade/ops keeps
// them last. Prints the least of the repeats in milliseconds: forward, backward by data, backward
// by weights.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>

namespace {

using dnnl::memory;

struct Shape {
  const char* name;
  int64_t batch, channels, size, out, window, stride, before, after;
};

const Shape kShapes[] = {{"gmvae 16c6", 50, 1, 28, 16, 6, 1, 0, 0},
                         {"gmvae 32c6", 50, 16, 23, 32, 6, 1, 0, 0},
                         {"gmvae 64c4s2", 50, 32, 18, 64, 4, 2, 0, 0},
                         {"vlac 64c4s2p1", 100, 3, 32, 64, 4, 2, 1, 1},
                         {"vlac 64c4same", 100, 64, 16, 64, 4, 1, 1, 2},
                         {"vlac 128c4s2p1", 100, 64, 16, 128, 4, 2, 1, 1},
                         {"vlac 128c4same", 100, 128, 8, 128, 4, 1, 1, 2},
                         {"vlac 256c4s2p1", 100, 128, 8, 256, 4, 2, 1, 1},
                         {"vlac 256c4same", 100, 256, 4, 256, 4, 1, 1, 2},
                         {"vlac 1024c4s2p1", 100, 256, 4, 1024, 4, 2, 1, 1},
                         {"vlac 1024c4same", 100, 1024, 2, 1024, 4, 1, 1, 2}};

const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);

memory zeros(const memory::desc& layout) {
  memory made(layout, kEngine);
  std::memset(made.get_data_handle(), 0, layout.get_size());
  return made;
}

double least_ms(const dnnl::primitive& primitive,
                const std::unordered_map<int, memory>& arguments) {
  dnnl::stream stream(kEngine);
  double least = 1e9;
  for (int repeat = 0; repeat < 12; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    primitive.execute(stream, arguments);
    stream.wait();
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - start;
    if (taken.count() < least) least = taken.count();
  }
  return least;
}

void time(const Shape& s, memory::data_type type, memory::format_tag maps) {
  const int64_t places = (s.size + s.before + s.after - s.window) / s.stride + 1;
  const memory::dims stride(2, s.stride), before(2, s.before), after(2, s.after);
  const memory::dims weights = {s.out, s.channels, s.window, s.window};
  const memory::desc src({s.batch, s.channels, s.size, s.size}, type, maps);
  const memory::desc dst({s.batch, s.out, places, places}, type, maps);
  const memory::desc w(weights, type, memory::format_tag::any);
  const memory::desc to_w(weights, memory::data_type::f32, memory::format_tag::any);
  const auto direct = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_forward::primitive_desc forward(
      kEngine, dnnl::prop_kind::forward_training, direct, src, w, dst, stride, before, after);
  const dnnl::convolution_backward_data::primitive_desc by_data(kEngine, direct, src, w, dst,
                                                                stride, before, after, forward);
  const dnnl::convolution_backward_weights::primitive_desc by_weights(
      kEngine, direct, src, to_w, dst, stride, before, after, forward);
#else
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, src, w, dst, stride, before, after}, kEngine);
  const dnnl::convolution_backward_data::primitive_desc by_data(
      {direct, src, w, dst, stride, before, after}, kEngine, forward);
  const dnnl::convolution_backward_weights::primitive_desc by_weights(
      {direct, src, to_w, dst, stride, before, after}, kEngine, forward);
#endif
  std::printf(" %8.2f %8.2f %8.2f",
              least_ms(dnnl::convolution_forward(forward),
                       {{DNNL_ARG_SRC, zeros(forward.src_desc())},
                        {DNNL_ARG_WEIGHTS, zeros(forward.weights_desc())},
                        {DNNL_ARG_DST, zeros(forward.dst_desc())}}),
              least_ms(dnnl::convolution_backward_data(by_data),
                       {{DNNL_ARG_DIFF_SRC, zeros(by_data.diff_src_desc())},
                        {DNNL_ARG_WEIGHTS, zeros(by_data.weights_desc())},
                        {DNNL_ARG_DIFF_DST, zeros(by_data.diff_dst_desc())}}),
              least_ms(dnnl::convolution_backward_weights(by_weights),
                       {{DNNL_ARG_SRC, zeros(by_weights.src_desc())},
                        {DNNL_ARG_DIFF_WEIGHTS, zeros(by_weights.diff_weights_desc())},
                        {DNNL_ARG_DIFF_DST, zeros(by_weights.diff_dst_desc())}}));
}

}  // namespace

int main() {
  std::printf("%-16s %-4s %26s %26s\n", "", "", "channels last", "as oneDNN chooses");
  for (const auto type : {memory::data_type::f32, memory::data_type::bf16}) {
    for (const Shape& shape : kShapes) {
      std::printf("%-16s %-4s", shape.name, type == memory::data_type::f32 ? "fp32" : "bf16");
      for (const auto maps : {memory::format_tag::nhwc, memory::format_tag::any}) {
        time(shape, type, maps);
      }
      std::printf("\n");
    }
  }
  return 0;
}
