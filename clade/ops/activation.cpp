#include "clade/ops/activation.h"

#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include <algorithm>

#include "clade/ops/rows.h"

namespace clade {
namespace {

using ops::JoinedRows;
using ops::kernels;
using ops::Operand;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Settings {
  Activation kind;
  at::ScalarType out;
};

const float* data_of(const torch::Tensor& t) {
  return t.defined() ? t.data_ptr<float>() : nullptr;
}

std::vector<int64_t> joint_lead(at::TensorList parts) {
  auto lead = ops::leading(parts[0].sizes());
  for (const auto& part : parts) lead = at::infer_size(lead, ops::leading(part.sizes()));
  return lead;
}

// The operands of one call, laid out for the kernels.
class Joined {
 public:
  Joined(at::TensorList parts, const torch::Tensor& bias, Activation kind,
         const torch::Tensor& scale, const torch::Tensor& shift)
      : lead_(joint_lead(parts)), bias_(bias), scale_(scale), shift_(shift) {
    for (const auto& part : parts) operands_.emplace_back(part, lead_);
    for (const Operand& operand : operands_) rows_.push_back(operand.rows());
    view_ = {rows_.data(),
             static_cast<int>(rows_.size()),
             data_of(bias_),
             parts[0].size(-1),
             data_of(scale),
             data_of(shift),
             kind};
  }
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;

  const JoinedRows& view() const { return view_; }
  const std::vector<Operand>& operands() const { return operands_; }
  const std::vector<int64_t>& lead() const { return lead_; }
  int64_t rows() const { return ops::count(lead_); }
  int64_t width() const { return view_.width; }

  template <class F>
  void parallel(const F& f) const {
    ops::parallel_rows(rows(), width(), f);
  }

 private:
  std::vector<int64_t> lead_;
  torch::Tensor bias_, scale_, shift_;
  std::vector<Operand> operands_;
  std::vector<ops::Rows> rows_;
  JoinedRows view_;
};

// Two sums over all rows, [2, width] float64, each thread adding to its own.
template <class F>
torch::Tensor two_sums(const Joined& joined, const F& add) {
  const int64_t width = joined.width();
  auto sums = torch::zeros({at::get_num_threads(), 2, width}, torch::kFloat64);
  double* all = sums.data_ptr<double>();
  joined.parallel([&](int64_t begin, int64_t end, float* scratch) {
    double* mine = all + at::get_thread_num() * 2 * width;
    add(begin, end, mine, mine + width, scratch);
  });
  return sums.sum(0);
}

struct Statistics {
  torch::Tensor mean, deviation;  // [width] float32; the deviation includes epsilon
};

Statistics batch_statistics(const Joined& joined, const Normalisation& norm) {
  // The running mean is near the batch's: centred there, the sums lose no digits.
  const auto centre = norm.running_mean.contiguous();
  const float* at = centre.data_ptr<float>();
  const auto sums =
      two_sums(joined, [&](int64_t begin, int64_t end, double* sum, double* square, float* s) {
        kernels().joined_moments(joined.view(), begin, end, at, sum, square, s);
      });
  const auto n = static_cast<double>(joined.rows());
  const auto offset = sums[0] / n;
  const auto variance = (sums[1] / n - offset.square()).clamp_min(0);
  const auto mean = centre + offset;
  if (norm.collect) {
    norm.running_mean.lerp_(mean.to(torch::kFloat32), norm.momentum);
    norm.running_variance.lerp_((variance * (n / (n - 1))).to(torch::kFloat32), norm.momentum);
  }
  return {mean.to(torch::kFloat32), (variance + norm.epsilon).sqrt().to(torch::kFloat32)};
}

struct Activate : torch::autograd::Function<Activate> {
  static torch::Tensor forward(AutogradContext* context, at::TensorList parts,
                               const c10::optional<torch::Tensor>& given_bias,
                               const c10::optional<torch::Tensor>& weight,
                               const c10::optional<torch::Tensor>& shift, const Settings& settings,
                               const std::optional<Normalisation>& norm) {
    const auto bias = given_bias.value_or(torch::Tensor());
    Statistics statistics;
    torch::Tensor scale, offset;
    if (norm) {
      if (norm->by_batch) {
        statistics = batch_statistics(Joined(parts, bias, settings.kind, {}, {}), *norm);
      } else {
        statistics = {norm->running_mean, (norm->running_variance + norm->epsilon).sqrt()};
      }
      scale = *weight / statistics.deviation;
      offset = *shift - statistics.mean * scale;
    }
    const Joined joined(parts, bias, settings.kind, scale, offset);
    auto shape = joined.lead();
    shape.push_back(settings.kind == Activation::gated ? joined.width() / 2 : joined.width());
    auto out = torch::empty(shape, parts[0].options().dtype(settings.out));
    void* data = out.data_ptr();
    const bool bf16 = settings.out == torch::kBFloat16;
    joined.parallel([&](int64_t begin, int64_t end, float* scratch) {
      kernels().joined_forward(joined.view(), begin, end, data, bf16, scratch);
    });

    variable_list saved = {bias, scale, offset, statistics.mean, statistics.deviation};
    saved.insert(saved.end(), parts.begin(), parts.end());
    context->save_for_backward(saved);
    context->saved_data["kind"] = static_cast<int64_t>(settings.kind);
    context->saved_data["by_batch"] = norm && norm->by_batch;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::TensorList parts(saved.data() + 5, saved.size() - 5);
    const auto kind = static_cast<Activation>(context->saved_data["kind"].toInt());
    const Joined joined(parts, saved[0], kind, saved[1], saved[2]);
    const int64_t width = joined.width();
    const auto g = gradients[0].contiguous();
    const ops::Rows g_rows{g.data_ptr(), g.scalar_type() == torch::kBFloat16, nullptr};

    torch::Tensor to_weight, to_shift;
    torch::Tensor by_gradient, by_value, constant;
    if (const auto& scale = saved[1]; scale.defined()) {
      const auto& mean = saved[3];
      const auto& deviation = saved[4];
      const float* centre = mean.data_ptr<float>();
      const auto sums =
          two_sums(joined, [&](int64_t begin, int64_t end, double* sum, double* product, float* s) {
            kernels().joined_gradient_moments(joined.view(), g_rows, begin, end, centre, sum,
                                              product, s);
          });
      to_shift = sums[0].to(torch::kFloat32);
      to_weight = (sums[1] / deviation).to(torch::kFloat32);
      by_gradient = scale;
      by_value = torch::zeros_like(scale);
      constant = torch::zeros_like(scale);
      if (context->saved_data["by_batch"].toBool()) {
        // d/dh of the batch's own mean and variance.
        const auto n = static_cast<double>(joined.rows());
        by_value = -scale * to_weight / deviation / n;
        constant = -scale * to_shift / n - by_value * mean;
      }
    }

    // Parts of every row share one gradient; a broadcast part gets the sum over its copies.
    struct Reduced {
      const Operand* operand;
      torch::Tensor sums;  // [threads, its numbers]
    };
    std::vector<Reduced> reduced;
    const Operand* full = nullptr;
    std::vector<size_t> reduced_of(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      const Operand& operand = joined.operands()[i];
      if (!operand.broadcast()) {
        full = &operand;
        continue;
      }
      const auto same = std::find_if(reduced.begin(), reduced.end(), [&](const Reduced& other) {
        return other.operand->row() == operand.row();
      });
      reduced_of[i] = static_cast<size_t>(same - reduced.begin());
      if (same == reduced.end()) {
        reduced.push_back(
            {&operand, torch::zeros({at::get_num_threads(), operand.values().numel()})});
      }
    }
    auto bias_sums = torch::zeros({at::get_num_threads(), width});
    torch::Tensor to_full;
    if (full != nullptr) to_full = torch::empty_like(full->values());
    void* full_data = full != nullptr ? to_full.data_ptr() : nullptr;
    const bool full_bf16 = full != nullptr && to_full.scalar_type() == torch::kBFloat16;
    const ops::NormGradient norm{data_of(by_gradient), data_of(by_value), data_of(constant)};
    joined.parallel([&](int64_t begin, int64_t end, float* scratch) {
      const int64_t thread = at::get_thread_num();
      std::vector<ops::Sink> sinks;
      if (saved[0].defined()) {
        sinks.push_back({bias_sums.data_ptr<float>() + thread * width, nullptr});
      }
      for (const Reduced& part : reduced) {
        sinks.push_back(
            {part.sums.data_ptr<float>() + thread * part.sums.size(1), part.operand->row().data()});
      }
      kernels().joined_backward(joined.view(), g_rows, norm, begin, end, full_data, full_bf16,
                                sinks.data(), static_cast<int>(sinks.size()), scratch);
    });

    variable_list out;
    std::vector<torch::Tensor> totals;
    for (const Reduced& part : reduced) totals.push_back(part.sums.sum(0));
    for (size_t i = 0; i < parts.size(); ++i) {
      if (joined.operands()[i].broadcast()) {
        out.push_back(totals[reduced_of[i]].view(parts[i].sizes()).to(parts[i].scalar_type()));
      } else {
        out.push_back(to_full.view(parts[i].sizes()));
      }
    }
    out.push_back(saved[0].defined() ? bias_sums.sum(0) : torch::Tensor());
    out.push_back(to_weight);
    out.push_back(to_shift);
    out.emplace_back();
    out.emplace_back();
    return out;
  }
};

}  // namespace

torch::Tensor activate_by_aten(const std::vector<torch::Tensor>& parts, const torch::Tensor& bias,
                               Activation kind, at::ScalarType out,
                               const std::optional<Normalisation>& norm) {
  auto h = bias.defined() ? parts[0] + bias : parts[0];
  for (size_t i = 1; i < parts.size(); ++i) h = h + parts[i];
  if (norm) {
    const bool use_running = !norm->by_batch || norm->collect;
    h = torch::batch_norm(h.reshape({-1, h.size(-1)}), norm->weight, norm->bias,
                          use_running ? norm->running_mean : torch::Tensor(),
                          use_running ? norm->running_variance : torch::Tensor(), norm->by_batch,
                          norm->momentum, norm->epsilon, /*cudnn_enabled=*/true)
            .view(h.sizes());
  }
  switch (kind) {
    case Activation::identity:
      break;
    case Activation::relu:
      h = torch::relu(h);
      break;
    case Activation::tanh:
      h = torch::tanh(h);
      break;
    case Activation::elu:
      h = torch::elu(h);
      break;
    case Activation::gated:
      h = torch::glu(h, -1);
      break;
  }
  return h.scalar_type() == torch::kFloat64 ? h : h.to(out);
}

torch::Tensor activate(const std::vector<torch::Tensor>& parts, const torch::Tensor& bias,
                       Activation kind, at::ScalarType out, std::optional<Normalisation> norm) {
  if (norm && ops::count(joint_lead(parts)) == 1) norm->by_batch = norm->collect = false;
  if (!std::all_of(parts.begin(), parts.end(), ops::fits_kernels)) {
    return activate_by_aten(parts, bias, kind, out, norm);
  }
  const auto weight = norm ? ops::if_defined(norm->weight) : c10::nullopt;
  const auto shift = norm ? ops::if_defined(norm->bias) : c10::nullopt;
  return Activate::apply(at::TensorList(parts), ops::if_defined(bias), weight, shift,
                         Settings{kind, out}, norm);
}

}  // namespace clade
