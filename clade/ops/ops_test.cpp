// Every operation against its plain reference in float64, values and gradients, over shapes that
// broadcast in every way the models use and sizes that no vector register divides.
#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <bit>
#include <limits>
#include <thread>
#include <utility>

#include "clade/ops/activation.h"
#include "clade/ops/adam.h"
#include "clade/ops/bernoulli.h"
#include "clade/ops/comparison_for_tests.h"
#include "clade/ops/discretised_logistic.h"
#include "clade/ops/gaussian.h"
#include "clade/ops/gemm.h"
#include "clade/ops/linear.h"
#include "clade/ops/noise.h"
#include "clade/ops/precision.h"
#include "clade/ops/rows.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

void expect_bernoulli(const torch::Tensor& logits, const torch::Tensor& x) {
  expect_same(
      {logits}, [&](const auto& in) { return bernoulli_log_prob(in[0], x); },
      [&](const auto& in) { return bernoulli_log_prob_by_aten(in[0], x); }, kFloat, "bernoulli");
}

/// inputs: z, mean and log variance.
void expect_log_density(const std::vector<torch::Tensor>& inputs) {
  expect_same(
      inputs, [](const auto& in) { return gaussian_log_prob(in[0], in[1], in[2]); },
      [](const auto& in) { return gaussian_log_prob_per_unit(in[0], in[1], in[2]).sum(-1); },
      kFloat, "log density");
}

TEST(Gemm, ReadsTransposedViewsInPlace) {
  auto generator = make_generator(1);
  for (const auto& [m, k, n] : {std::tuple{7, 5, 3}, {1, 300, 41}, {130, 1, 17}, {33, 64, 1}}) {
    const auto a = noise({m, k}, generator);
    const auto b = noise({k, n}, generator);
    const auto bias = noise({n}, generator);
    const auto expected =
        torch::matmul(a.to(torch::kFloat64), b.to(torch::kFloat64)) + bias.to(torch::kFloat64);
    for (const auto& left : {a, a.t().contiguous().t()}) {
      for (const auto& right : {b, b.t().contiguous().t()}) {
        auto c = torch::empty({m, n});
        ops::gemm(c, left, right, bias);
        EXPECT_LT(distance(c, expected), kFloat);
        ops::gemm(c, left.to(torch::kBFloat16), right.to(torch::kBFloat16), bias);
        EXPECT_LT(distance(c, expected), kBf16);
      }
    }
  }
}

TEST(Precision, RoundsNoOperandToTf32UnlessAskedTo) {
  const auto allowed = [] {
    const auto& context = at::globalContext();
    return std::pair(context.allowTF32CuBLAS(), context.allowTF32CuDNN());
  };
  EXPECT_EQ(allowed(), std::pair(false, false));  // libtorch itself begins with (false, true)
  {
    const PrecisionScope scope(Precision::tf32);
    EXPECT_EQ(allowed(), std::pair(true, true));
    std::thread([] { const PrecisionScope of_a_backward_pass(Precision::fp32); }).join();
    EXPECT_EQ(allowed(), std::pair(true, true));
    const PrecisionScope inner(Precision::bf16);
    EXPECT_EQ(allowed(), std::pair(false, false));
  }
  EXPECT_EQ(allowed(), std::pair(false, false));
}

TEST(Linear, AgreesWithTheReference) {
  auto generator = make_generator(2);
  for (const std::vector<int64_t>& lead : {std::vector<int64_t>{}, {6}, {3, 5}, {2, 1, 7}}) {
    auto shape = lead;
    shape.push_back(13);
    const std::vector<torch::Tensor> inputs = {noise(shape, generator), noise({9, 13}, generator),
                                               noise({9}, generator)};
    const auto ours = [](const auto& in) { return linear(in[0], in[1], in[2], torch::kFloat32); };
    const auto reference = [](const auto& in) { return torch::linear(in[0], in[1], in[2]); };
    expect_same(inputs, ours, reference, kFloat, "fp32");
    const PrecisionScope scope(Precision::bf16);
    expect_same(inputs, ours, reference, kBf16, "bf16");
  }
}

TEST(Linear, TakesACategoryForItsOneHotVector) {
  auto generator = make_generator(11);
  const auto y = torch::randint(4, {3, 5}, generator, torch::kInt64);
  const std::vector<torch::Tensor> inputs = {noise({9, 4}, generator), noise({9}, generator)};
  expect_same(
      inputs, [&](const auto& in) { return linear(y, in[0], in[1], torch::kFloat32); },
      [&](const auto& in) {
        return torch::linear(torch::one_hot(y, 4).to(torch::kFloat64), in[0], in[1]);
      },
      kFloat, "category");
}

TEST(Linear, KeepsTheNarrowTypeWhenAsked) {
  auto generator = make_generator(3);
  const PrecisionScope scope(Precision::bf16);
  const auto x = noise({4, 6}, generator).to(torch::kBFloat16).requires_grad_(true);
  const auto w = noise({5, 6}, generator).requires_grad_(true);
  const auto y = linear(x, w, {}, torch::kBFloat16);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(w.grad().scalar_type(), torch::kFloat32);
}

using Shapes = std::vector<std::vector<int64_t>>;

std::vector<Shapes> joins(int64_t width) {
  std::vector<Shapes> joins = {
      {{6}},               // one parent
      {{}},                // one row
      {{5, 7}, {5, 1}},    // z and y: one of every row
      {{7}, {5, 1}, {7}},  // x, y and z1: none of every row, two alike
      {{3, 1, 7}, {5, 1}}  // samples, clusters, points
  };
  for (Shapes& shapes : joins) {
    for (auto& shape : shapes) shape.push_back(width);
  }
  return joins;
}

// Less than a register of numbers, and some registers and a rest, also of a gated half.
constexpr int64_t kWidths[] = {10, 70};

constexpr Activation kKinds[] = {Activation::identity, Activation::relu, Activation::leaky_relu,
                                 Activation::tanh,     Activation::elu,  Activation::gated};

TEST(Activate, AgreesWithTheReference) {
  auto generator = make_generator(4);
  for (const int64_t width : kWidths) {
    for (const Shapes& shapes : joins(width)) {
      for (const auto kind : kKinds) {
        std::vector<torch::Tensor> inputs = {noise({width}, generator)};
        for (const auto& shape : shapes) inputs.push_back(noise(shape, generator, 2));
        const auto parts = [](const auto& in) {
          return std::vector<torch::Tensor>(in.begin() + 1, in.end());
        };
        const auto ours = [&](const auto& in) {
          return activate(parts(in), in[0], kind, torch::kFloat32);
        };
        const auto reference = [&](const auto& in) {
          return activate_by_aten(parts(in), in[0], kind, torch::kFloat64);
        };
        expect_same(inputs, ours, reference, kFloat,
                    "width " + std::to_string(width) + ", kind " +
                        std::to_string(static_cast<int>(kind)) + ", " +
                        std::to_string(shapes.size()) + " parts");
      }
    }
  }
}

// Whether activate(parts, norm) is as ATen has it, values, gradients and running statistics.
void expect_normalised(const Shapes& shapes, bool by_batch, Activation kind, Generator& generator,
                       const torch::Tensor& share = {}) {
  const int64_t width = shapes[0].back();
  std::vector<torch::Tensor> inputs = {noise({width}, generator), noise({width}, generator)};
  for (const auto& shape : shapes) inputs.push_back(noise(shape, generator, 2) + 3);
  const auto bias = noise({width}, generator);
  // Before a batch norm by the batch a bias has no influence: its gradient is rounding and no more.
  if (!by_batch) inputs.push_back(bias);
  torch::Tensor means, variances;  // of the run last done
  const auto run = [&](const auto& in, bool reference) {
    const auto type = in[0].scalar_type();
    means = torch::full({width}, 0.3, type);
    variances = torch::full({width}, 1.7, type);
    Normalisation norm{in[0], in[1], means, variances, by_batch, by_batch};
    if (share.defined()) norm.share = share.to(type);
    const auto parts_end = in.begin() + 2 + static_cast<int64_t>(shapes.size());
    const std::vector<torch::Tensor> parts(in.begin() + 2, parts_end);
    const auto used_bias = by_batch ? bias.to(type) : *parts_end;
    return reference ? activate_by_aten(parts, used_bias, kind, type, norm)
                     : activate(parts, used_bias, kind, type, norm);
  };
  torch::Tensor our_means, our_variances;
  const auto ours = [&](const auto& in) {
    auto out = run(in, false);
    our_means = means;
    our_variances = variances;
    return out;
  };
  const auto reference = [&](const auto& in) { return run(in, true); };
  expect_same(inputs, ours, reference, 10 * kFloat,
              std::string(by_batch ? "by batch" : "by running statistics") + ", kind " +
                  std::to_string(static_cast<int>(kind)) + ", width " + std::to_string(width));
  EXPECT_LT(distance(our_means, means), kFloat);
  EXPECT_LT(distance(our_variances, variances), kFloat);
}

TEST(Activate, NormalisesAsTheReference) {
  auto generator = make_generator(5);
  for (const int64_t width : kWidths) {
    for (const Shapes& shapes : joins(width)) {
      for (const auto kind : {Activation::elu, Activation::gated}) {
        expect_normalised(shapes, /*by_batch=*/false, kind, generator);
        // ATen refuses the variance of one row.
        if (shapes[0].size() > 1) expect_normalised(shapes, /*by_batch=*/true, kind, generator);
      }
    }
  }
}

TEST(Activate, CountsRowsByTheirShares) {
  auto generator = make_generator(6);
  const auto share = torch::empty({3, 7}).uniform_(0, 1, generator);
  for (const int64_t width : {4, 50}) {
    for (const auto kind : {Activation::relu, Activation::gated}) {
      // Clusters along the first dimension, points along the last.
      expect_normalised({{3, 1, width}, {7, width}}, true, kind, generator, share);
      expect_normalised({{3, 2, 7, width}, {2, 7, width}}, true, kind, generator,
                        share.unsqueeze(1));
    }
  }
}

TEST(Activate, CountsARowOfShareThreeAsThreeRows) {
  auto generator = make_generator(8);
  const auto rows = noise({5, 8}, generator, 2), weight = noise({8}, generator);
  const auto counts = torch::tensor({1, 3, 0, 2, 1});
  for (const bool by_aten : {false, true}) {
    const auto run = [&](const torch::Tensor& x, const torch::Tensor& share) {
      const auto means = torch::zeros({8}), variances = torch::ones({8});
      Normalisation norm{weight, weight, means, variances, true, true};
      norm.share = share;
      const auto of_rows = by_aten
                               ? activate_by_aten({x}, {}, Activation::elu, torch::kFloat32, norm)
                               : activate({x}, {}, Activation::elu, torch::kFloat32, norm);
      return std::pair(of_rows, means);
    };
    const auto [shared, means] = run(rows, counts.to(torch::kFloat32) * 0.1);
    const auto [repeated, their_means] = run(rows.repeat_interleave(counts, 0), {});
    EXPECT_LT(distance(shared.repeat_interleave(counts, 0), repeated), 10 * kFloat);
    EXPECT_LT(distance(means, their_means), kFloat);
    // One row for several shares has them all; of other sizes than the rows, all count alike.
    const auto two = torch::stack({counts * 0.03, counts * 0.07});
    EXPECT_LT(distance(run(rows, two).first, shared), 10 * kFloat);
    EXPECT_TRUE(torch::equal(run(rows, torch::rand({4})).first, run(rows, {}).first));
  }
}

// Number by number, as one of 1e30 would hide what is wrong with the others.
TEST(Activate, IsRightFarOut) {
  auto far = torch::tensor({0.F, 17.F, 87.F, 87.5F, 88.F, 89.F, 1e30F});
  far = torch::cat({far, -far, torch::tensor({-std::numeric_limits<float>::infinity()})});
  for (const auto kind : {Activation::tanh, Activation::elu, Activation::gated}) {
    const bool gated = kind == Activation::gated;  // far out in the gate
    for (const auto& number : far.unsqueeze(1).unbind()) {
      const auto x = gated ? torch::cat({torch::full({1}, 2.5), number}) : number;
      expect_same(
          {x.unsqueeze(0)},
          [&](const auto& in) { return activate({in[0]}, {}, kind, torch::kFloat32); },
          [&](const auto& in) { return activate_by_aten({in[0]}, {}, kind, torch::kFloat64); },
          kFloat,
          "kind " + std::to_string(static_cast<int>(kind)) + " of " +
              std::to_string(number.item<float>()));
    }
  }
}

TEST(Activate, RoundsToBfloat16AsATen) {
  std::vector<float> values = {0.F,
                               -0.F,
                               1e-40F,
                               -1e-40F,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()};
  for (const uint32_t bits : {0x3f808000U, 0x3f818000U, 0x3f808001U, 0x3f817fffU, 0xc2ff8000U}) {
    values.push_back(std::bit_cast<float>(bits));  // ties, to an even number either way, and near
  }
  auto generator = make_generator(13);
  const int64_t width = 70;
  const auto rest = noise({width - static_cast<int64_t>(values.size())}, generator, 10);
  const auto x = torch::cat({torch::tensor(values), rest});
  const auto nan = torch::full({width}, std::numeric_limits<float>::quiet_NaN());
  const auto rounded = [&](const ops::Kernels& kernels, const torch::Tensor& from, bool bf16) {
    auto out = torch::empty({width}, bf16 ? torch::kBFloat16 : torch::kFloat32);
    const ops::Rows part{from.data_ptr(), from.scalar_type() == torch::kBFloat16, nullptr};
    kernels.joined_forward({&part, 1, nullptr, width, nullptr, nullptr, Activation::identity}, 0, 1,
                           out.data_ptr(), bf16);
    return out;
  };
  for (const ops::Kernels* kernels : ops::kernel_sets()) {
    const auto narrow = rounded(*kernels, x, true);
    EXPECT_TRUE(torch::equal(narrow, x.to(torch::kBFloat16)));
    EXPECT_TRUE(torch::equal(rounded(*kernels, narrow, false), narrow.to(torch::kFloat32)));
    EXPECT_TRUE(rounded(*kernels, nan, true).isnan().all().item<bool>());
  }
}

// What kernels write to, with room behind it that must stay as it was.
constexpr int64_t kRoom = 16;
constexpr float kUntouched = 0.375;

torch::Tensor room(int64_t numbers, at::ScalarType type = torch::kFloat32) {
  return torch::cat({torch::zeros({numbers}, type), torch::full({kRoom}, kUntouched, type)});
}

void expect_untouched(const std::vector<torch::Tensor>& results, int64_t width) {
  for (const auto& result : results) {
    EXPECT_TRUE((result.slice(0, -kRoom) == kUntouched).all().item<bool>()) << "width " << width;
  }
}

constexpr int64_t kRows = 37;

// Of each of kRows rows the one of three that it reads.
std::vector<int32_t> one_of_three() {
  std::vector<int32_t> row;
  for (int32_t r = 0; r < kRows; ++r) row.push_back(r % 3);
  return row;
}

// All that the kernels of activate give for rows of two parts, one of them broadcast.
std::vector<torch::Tensor> joined_results(const ops::Kernels& kernels, Activation kind,
                                          int64_t width, bool bf16) {
  auto generator = make_generator(7);
  const auto type = bf16 ? torch::kBFloat16 : torch::kFloat32;
  const int64_t out_width = kind == Activation::gated ? width / 2 : width;
  const auto wide = noise({kRows, width}, generator, 2).to(type);
  const auto broadcast = noise({3, width}, generator).to(type);
  const auto g = noise({kRows, out_width}, generator).to(type);
  const auto bias = noise({width}, generator);
  const auto scale = noise({width}, generator);
  const auto shift = noise({width}, generator);
  const auto row = one_of_three();
  const ops::Rows parts[] = {{wide.data_ptr(), bf16, nullptr},
                             {broadcast.data_ptr(), bf16, row.data()}};
  const ops::Rows gradient{g.data_ptr(), bf16, nullptr};
  const float* map = scale.data_ptr<float>();
  const auto share = torch::empty({kRows}).uniform_(0, 2, generator);
  const ops::JoinedRows joined{parts,
                               2,
                               bias.data_ptr<float>(),
                               width,
                               map,
                               shift.data_ptr<float>(),
                               kind,
                               share.data_ptr<float>()};
  std::vector<torch::Tensor> results = {
      room(kRows * out_width, type), room(kRows * width, type), room(4 * width, torch::kFloat64),
      room(width, torch::kFloat32), room(3 * width, torch::kFloat32)};
  auto scratch = room(ops::kScratchRows * width, torch::kFloat32);
  auto* sum = results[2].data_ptr<double>();
  const ops::Sink sinks[] = {{results[3].data_ptr<float>(), nullptr},
                             {results[4].data_ptr<float>(), row.data()}};
  kernels.joined_forward(joined, 0, kRows, results[0].data_ptr(), bf16);
  kernels.joined_moments(joined, 0, kRows, map, sum, sum + width, scratch.data_ptr<float>());
  kernels.joined_gradient_moments(joined, gradient, 0, kRows, map, sum + 2 * width, sum + 3 * width,
                                  scratch.data_ptr<float>());
  kernels.joined_backward(joined, gradient, {map, map, map}, 0, kRows, results[1].data_ptr(), bf16,
                          sinks, 2);
  expect_untouched(results, width);
  expect_untouched({scratch}, width);
  return results;
}

// Whether results(kernels) are the same of every set of kernels.
template <class F>
void expect_same_by_every_set(const F& results, const std::string& what) {
  const auto best = results(ops::kernels());
  for (const ops::Kernels* kernels : ops::kernel_sets()) {
    const auto theirs = results(*kernels);
    ASSERT_EQ(theirs.size(), best.size());
    for (size_t i = 0; i < best.size(); ++i) {
      const bool narrow = best[i].scalar_type() == torch::kBFloat16;
      EXPECT_LT(distance(theirs[i], best[i]), narrow ? kBf16 : kFloat) << what << ", result " << i;
    }
  }
}

TEST(Activate, IsTheSameByEveryInstructionSet) {
  for (const int64_t width : kWidths) {
    for (const bool bf16 : {false, true}) {
      for (const auto kind : kKinds) {
        expect_same_by_every_set(
            [&](const ops::Kernels& kernels) { return joined_results(kernels, kind, width, bf16); },
            "width " + std::to_string(width));
      }
    }
  }
}

std::vector<torch::Tensor> bernoulli_results(const ops::Kernels& kernels, int64_t width,
                                             bool bf16) {
  auto generator = make_generator(15);
  const auto type = bf16 ? torch::kBFloat16 : torch::kFloat32;
  const auto logits = noise({kRows, width}, generator, 6).to(type);
  const auto x = draw_bits(torch::full({3, width}, 0.4), generator);
  const auto g = noise({kRows}, generator);
  const auto row = one_of_three();
  const ops::Rows l{logits.data_ptr(), bf16, nullptr}, bits{x.data_ptr(), false, row.data()};
  std::vector<torch::Tensor> results = {room(kRows), room(kRows * width, type)};
  auto scratch = room(ops::kScratchRows * width);
  kernels.bernoulli_forward(l, bits, width, 0, kRows, results[0].data_ptr<float>(),
                            scratch.data_ptr<float>());
  kernels.bernoulli_backward(g.data_ptr<float>(), l, bits, width, 0, kRows, results[1].data_ptr(),
                             bf16, scratch.data_ptr<float>());
  expect_untouched(results, width);
  expect_untouched({scratch}, width);
  return results;
}

// Of a density whose operands are uniform numbers, the last of them broadcast: its values, and the
// gradients to all of its operands.
std::vector<torch::Tensor> density_results(const ops::RowDensity& density, int64_t operands,
                                           int64_t width) {
  auto generator = make_generator(16);
  const auto row = one_of_three();
  const auto g = noise({kRows}, generator);
  std::vector<torch::Tensor> values, results = {room(kRows)};
  std::vector<ops::Rows> rows;
  std::vector<ops::Sink> sinks;
  for (int64_t i = 0; i < operands; ++i) {
    const bool broadcast = i == operands - 1;
    values.push_back(torch::rand({broadcast ? 3 : kRows, width}, generator));
    rows.push_back({values.back().data_ptr(), false, broadcast ? row.data() : nullptr});
    results.push_back(room(values.back().numel()));
    sinks.push_back({results.back().data_ptr<float>(), rows.back().row});
  }
  density.forward(rows.data(), width, 0, kRows, results[0].data_ptr<float>());
  density.backward(g.data_ptr<float>(), rows.data(), width, 0, kRows, sinks.data());
  expect_untouched(results, width);
  return results;
}

// Of the kernels that know no rows, and of sums of columns.
std::vector<torch::Tensor> other_results(const ops::Kernels& kernels, int64_t width) {
  auto generator = make_generator(17);
  const auto values = noise({kRows, width}, generator), p = torch::rand({width}, generator);
  const auto second = torch::rand({width}, generator);
  std::vector<torch::Tensor> results = {room(width), room(width), room(width),
                                        room(width), room(width), room(width)};
  const auto data = [&](size_t i) { return results[i].data_ptr<float>(); };
  kernels.column_sums({values.data_ptr(), false, nullptr}, width, 0, kRows, data(0));
  results[1].slice(0, 0, width).copy_(values[0]);
  results[3].slice(0, 0, width).copy_(second);
  kernels.adam({0.9F, 0.999F, 1e-8F, 3e-3F, 0.4F}, 0.7F, values[1].data_ptr<float>(), data(1),
               data(2), data(3), width);
  kernels.binarise(p.data_ptr<float>(), data(4), 123456789, 1, width);
  kernels.normals(data(5), 123456789, 1, width);
  expect_untouched(results, width);
  results.push_back(
      torch::tensor(kernels.sum_of_squares(values.data_ptr<float>(), values.numel())));
  return results;
}

// Where a pass over 60 random edges leaves 20 points.
std::vector<torch::Tensor> layout_results(const ops::Kernels& kernels) {
  auto generator = make_generator(18);
  constexpr int64_t kPoints = 20, kEdges = 60, kStride = 2 * ops::kLayoutLanes;
  const auto ends = torch::randint(kPoints, {2, kEdges}, generator, torch::kInt32);
  const auto share = torch::rand({kEdges}, generator);
  const auto position =
      torch::cat({noise({kPoints, kStride - 3}, generator), torch::zeros({kPoints, 3})}, 1);
  const auto before = position.clone();
  ops::LayoutPass pass{};
  pass.head = ends[0].data_ptr<int32_t>();
  pass.tail = ends[1].data_ptr<int32_t>();
  pass.share = share.data_ptr<float>();
  pass.position = position.data_ptr<float>();
  pass.before = before.data_ptr<float>();
  pass.points = kPoints;
  pass.stride = kStride;
  pass.number = 3;
  pass.pushes = 5;
  pass.a = 1.9F;
  pass.b = 0.8F;
  pass.step = 0.1F;
  pass.key = 987654321;
  kernels.layout_pass(pass, 0, kEdges);
  EXPECT_GT((position - before).abs().max().item<double>(), 0.01);
  return {position};
}

TEST(Kernels, AreTheSameByEveryInstructionSet) {
  for (const int64_t width : kWidths) {
    const std::string of = ", width " + std::to_string(width);
    for (const bool bf16 : {false, true}) {
      expect_same_by_every_set(
          [&](const auto& kernels) { return bernoulli_results(kernels, width, bf16); },
          "bernoulli" + of);
    }
    expect_same_by_every_set(
        [&](const auto& kernels) { return density_results(kernels.gaussian_log_prob, 3, width); },
        "density" + of);
    expect_same_by_every_set(
        [&](const auto& kernels) { return density_results(kernels.gaussian_kl, 4, width); },
        "divergence" + of);
    expect_same_by_every_set(
        [&](const auto& kernels) {
          return density_results(kernels.discretised_logistic_log_prob, 3, width);
        },
        "discretised logistic" + of);
    expect_same_by_every_set([&](const auto& kernels) { return other_results(kernels, width); },
                             "others" + of);
  }
  expect_same_by_every_set(layout_results, "layout");
}

TEST(Activate, IsTheSameInOneThreadAndMany) {
  auto generator = make_generator(6);
  const auto parts =
      std::vector<torch::Tensor>{noise({40, 30, 200}, generator), noise({40, 1, 200}, generator)};
  const auto out = activate(parts, {}, Activation::gated, torch::kFloat32);
  for (const int64_t threads : {1, 3}) {
    use_threads(threads);
    EXPECT_TRUE(torch::equal(out, activate(parts, {}, Activation::gated, torch::kFloat32)));
  }
  use_threads(0);
}

TEST(BernoulliLogProb, AgreesWithTheReference) {
  auto generator = make_generator(7);
  for (const Shapes& shapes : {Shapes{{6, 37}, {6, 37}},
                               {{5, 7, 37}, {7, 37}},
                               {{37}, {37}},
                               {{3, 5, 7, 37}, {5, 1, 37}}}) {
    const auto x = draw_bits(torch::full(shapes[1], 0.4), generator);
    expect_bernoulli(noise(shapes[0], generator, 6), x);
  }
}

// Memory behind x is not its own.
TEST(BernoulliLogProb, ReadsNoMoreOfXThanThereIs) {
  auto generator = make_generator(14);
  const auto all = torch::full({8, 784}, 1000.F);
  const auto x = all.view({-1}).slice(0, 0, 8).view({8, 1});
  x.copy_(draw_bits(torch::full({8, 1}, 0.5), generator));
  const auto logits = noise({8, 784}, generator, 6);
  expect_bernoulli(logits, x);
  expect_bernoulli(logits, x[0][0]);
}

TEST(BernoulliLogProb, IsRightFarOutAndPassesNaNOn) {
  const auto logits = torch::tensor({{-200.F, 200.F, 0.F, -30.F, 30.F}});
  const auto x = torch::tensor({{0.F, 1.F, 1.F, 1.F, 0.F}});
  EXPECT_NEAR(bernoulli_log_prob(logits, x).item<double>(), -std::log(2.0) - 60, 1e-4);
  const auto broken = torch::tensor({{0.F, std::numeric_limits<float>::quiet_NaN()}});
  EXPECT_TRUE(std::isnan(bernoulli_log_prob(broken, torch::ones({1, 2})).item<float>()));
  for (const auto kind : {Activation::relu, Activation::tanh, Activation::elu, Activation::gated}) {
    EXPECT_TRUE(activate({broken}, {}, kind, torch::kFloat32).isnan().any().item<bool>());
  }
}

TEST(Gaussian, DensityAndDivergenceAgreeWithTheReference) {
  auto generator = make_generator(10);
  for (const Shapes& shapes : {Shapes{{6, 11}, {6, 11}},
                               {{5, 7, 11}, {5, 1, 11}},
                               {{11}, {11}},
                               {{3, 5, 7, 11}, {7, 11}}}) {
    const auto first = [&] { return noise(shapes[0], generator); };
    const auto second = [&] { return noise(shapes[1], generator); };
    expect_log_density({first(), second(), second()});
    expect_same(
        {first(), first(), second(), second()},
        [](const auto& in) { return gaussian_kl(in[0], in[1], in[2], in[3]); },
        [](const auto& in) { return gaussian_kl_per_unit(in[0], in[1], in[2], in[3]).sum(-1); },
        kFloat, "divergence");
  }
}

/// Levels in and at the ends of the range, near and far from where they are expected, on scales
/// from far below a level to far above all.
TEST(DiscretisedLogistic, AgreesWithTheReference) {
  auto generator = make_generator(11);
  for (const double log_scale : {-7.0, -5.0, -3.0, -1.0, 1.0, 3.0}) {
    for (const Shapes& shapes : {Shapes{{6, 41}, {6, 41}, {41}},
                                 {{7, 41}, {5, 7, 41}, {41}},
                                 {{5, 7, 41}, {7, 41}, {5, 1, 41}}}) {
      const auto x = torch::rand(shapes[0], generator).mul(1.4).sub(0.2).clamp(0, 1);
      const auto location = torch::rand(shapes[1], generator);
      expect_same(
          {location, log_scale + noise(shapes[2], generator, 0.3)},
          [&](const auto& in) { return discretised_logistic_log_prob(x, in[0], in[1]); },
          [&](const auto& in) {
            return discretised_logistic_log_prob_by_aten(x.to(torch::kFloat64), in[0], in[1]);
          },
          kFloat, "discretised logistic of log scale " + std::to_string(log_scale));
    }
  }
}

TEST(Threads, ShareTheRowsOfAnOperation) {
  use_threads(3);
  std::vector<int> rows_of(3);
  ops::parallel_rows(3000, 1000, [&](int64_t begin, int64_t end, float*) {
    rows_of[static_cast<size_t>(part_of_loop())] += static_cast<int>(end - begin);
  });
  EXPECT_EQ(rows_of, (std::vector<int>{1000, 1000, 1000}));

  // Each operation at a size that is shared out.
  auto generator = make_generator(12);
  const auto wide = [&] { return noise({40, 30, 200}, generator); };
  const auto one_a_cluster = [&] { return noise({40, 1, 200}, generator); };
  const auto one_a_point = [&] { return noise({30, 200}, generator); };
  const auto bias = noise({200}, generator);
  expect_same(
      {bias, wide(), one_a_cluster()},
      [](const auto& in) {
        return activate({in[1], in[2]}, in[0], Activation::gated, torch::kFloat32);
      },
      [](const auto& in) {
        return activate_by_aten({in[1], in[2]}, in[0], Activation::gated, torch::kFloat64);
      },
      kFloat, "activation");
  expect_same(
      {one_a_point(), one_a_cluster(), one_a_point()},
      [](const auto& in) { return activate(in, {}, Activation::tanh, torch::kFloat32); },
      [](const auto& in) { return activate_by_aten(in, {}, Activation::tanh, torch::kFloat64); },
      kFloat, "parts that are broadcast alike");
  const auto normalised = [](const auto& in, const auto& activation) {
    const auto type = in[0].scalar_type();
    const Normalisation norm{in[2], in[3], torch::zeros({200}, type), torch::ones({200}, type),
                             true,  true};
    return activation({in[0], in[1]}, torch::Tensor(), Activation::elu, type, norm);
  };
  expect_same(
      {wide(), one_a_point(), bias, noise({200}, generator)},
      [&](const auto& in) { return normalised(in, activate); },
      [&](const auto& in) { return normalised(in, activate_by_aten); }, 10 * kFloat, "batch norm");
  const auto x = draw_bits(torch::full({30, 200}, 0.4), generator);
  expect_bernoulli(wide(), x);
  expect_log_density({wide(), one_a_cluster(), one_a_point()});
  expect_same(
      {wide(), noise({9, 200}, generator), noise({9}, generator)},
      [](const auto& in) { return linear(in[0], in[1], in[2], torch::kFloat32); },
      [](const auto& in) { return torch::linear(in[0], in[1], in[2]); }, kFloat, "linear");
  use_threads(0);
}

TEST(DrawBits, AreIndependentAndHaveTheirProbabilities) {
  auto generator = make_generator(8);
  constexpr int64_t kDraws = 20000;
  const auto p = torch::tensor({0.F, 0.1F, 0.5F, 0.9F, 1.F}).expand({kDraws, 5}).contiguous();
  const auto bits = draw_bits(p, generator);
  EXPECT_TRUE(bits.eq(0).logical_or(bits.eq(1)).all().item<bool>());
  const auto mean = bits.mean(0);
  EXPECT_EQ(mean[0].item<float>(), 0);
  EXPECT_EQ(mean[4].item<float>(), 1);
  EXPECT_LT((mean - p[0]).abs().max().item<double>(), 5 * 0.5 / std::sqrt(double{kDraws}));
  // Neighbours, and two calls in a row, know nothing of each other.
  const auto again = draw_bits(p, generator);
  const auto centred = [](const torch::Tensor& t) { return t - t.mean(0); };
  const auto inner = centred(bits.slice(1, 1, 4));
  const auto covariance = torch::matmul(inner.t(), inner) / kDraws;
  const auto across = torch::matmul(inner.t(), centred(again.slice(1, 1, 4))) / kDraws;
  EXPECT_LT((covariance - covariance.diag().diag()).abs().max().item<double>(), 0.01);
  EXPECT_LT(across.abs().max().item<double>(), 0.01);
  auto same = make_generator(8);
  EXPECT_TRUE(torch::equal(bits, draw_bits(p, same)));
}

TEST(DrawNormals, AreNormalFarOutAndIndependent) {
  auto generator = make_generator(13);
  constexpr int64_t kDraws = 1000003;
  const auto draw = [&](Generator& from) {
    return draw_normals({kDraws}, torch::zeros({1}), from);
  };
  const auto z = draw(generator).to(torch::kFloat64);
  // Kolmogorov and Smirnov's distance between the draws and the normal distribution function.
  const auto normal = 0.5 * torch::erfc(-std::get<0>(z.sort()) / std::sqrt(2.0));
  const auto drawn = (torch::arange(kDraws, torch::kFloat64) + 0.5) / kDraws;
  EXPECT_LT((normal - drawn).abs().max().item<double>(), 1.95 / std::sqrt(double{kDraws}));
  for (const double beyond : {2.0, 3.0, 4.0}) {  // both polynomials, both sides
    const double expected = 0.5 * std::erfc(beyond / std::sqrt(2.0)) * kDraws;
    EXPECT_NEAR((z > beyond).sum().item<double>(), expected, 5 * std::sqrt(expected));
    EXPECT_NEAR((z < -beyond).sum().item<double>(), expected, 5 * std::sqrt(expected));
  }
  const auto covariance = [&](const torch::Tensor& a, const torch::Tensor& b) {
    return (a * b).mean().abs().item<double>();
  };
  const double noise = 5 / std::sqrt(double{kDraws});
  EXPECT_NEAR(z.var().item<double>(), 1, 2 * noise);
  EXPECT_LT(covariance(z.slice(0, 1), z.slice(0, 0, -1)), noise);
  EXPECT_LT(covariance(z, draw(generator).to(torch::kFloat64)), noise);

  auto same = make_generator(13);
  use_threads(1);
  EXPECT_TRUE(torch::equal(z, draw(same).to(torch::kFloat64)));
  use_threads(0);
}

TEST(Adam, OnePassAgreesWithTheReference) {
  auto generator = make_generator(9);
  const AdamConstants constants{0.9, 0.999, 1e-8, torch::tensor(3e-3F), torch::tensor(0.4F)};
  constexpr int64_t kLarge = 50001;  // more than one thread's share
  constexpr int64_t kAll = 21 + 5 + kLarge;
  const auto values = noise({kAll}, generator);
  const auto first = noise({kAll}, generator);
  const auto second = noise({kAll}, generator).square();
  const GradientPieces gradient = {
      {noise({3, 7}, generator), 21}, {torch::Tensor(), 5}, {noise({kLarge}, generator), kLarge}};
  const auto scale = torch::tensor(0.7F);
  const auto ours = std::vector{values.clone(), first.clone(), second.clone()};
  const auto reference = std::vector{values.clone(), first.clone(), second.clone()};
  adam_step(constants, gradient, scale, ours[0], ours[1], ours[2]);
  adam_step_by_aten(constants, gradient, scale, reference[0], reference[1], reference[2]);
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(distance(ours[i], reference[i]), 1e-6);
  const auto all = torch::cat({gradient[0].values.reshape(-1), gradient[2].values});
  const auto norm = all.to(torch::kFloat64).norm().item<double>();
  EXPECT_NEAR(norm_of(gradient).item<double>() / norm, 1, 1e-6);
}

}  // namespace
}  // namespace clade
