#include "clade/ops/activation.h"

#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/ops/rows.h"

namespace clade {
namespace {

using ops::JoinedRows;
using ops::kernels;
using ops::Operand;
using ops::PartSums;
using ops::tensor_of;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Settings {
  Activation kind;
  at::ScalarType out;
};

std::vector<int64_t> joint_lead(at::TensorList parts) {
  auto lead = ops::leading(parts[0].sizes());
  for (const auto& part : parts) lead = at::infer_size(lead, ops::leading(part.sizes()));
  return lead;
}

// Batch normalisation as scale ⊙ h + shift, and what its gradient needs; rows of [4, width].
class Affine {
 public:
  Affine() = default;
  explicit Affine(torch::Tensor rows) : rows_(std::move(rows)) {}
  explicit Affine(int64_t width) : rows_(torch::empty({4, width})) {}

  float* mean() const { return row(0); }
  float* deviation() const { return row(1); }  // with epsilon
  float* scale() const { return row(2); }
  float* shift() const { return row(3); }
  const torch::Tensor& rows() const { return rows_; }

 private:
  float* row(int64_t i) const {
    return rows_.defined() ? rows_.data_ptr<float>() + i * rows_.size(1) : nullptr;
  }

  torch::Tensor rows_;
};

// The operands of one call, laid out for the kernels; with no affine map until it is set.
class Joined {
 public:
  Joined(at::TensorList parts, const torch::Tensor& bias, Activation kind)
      : lead_(joint_lead(parts)), bias_(bias) {
    for (const auto& part : parts) operands_.emplace_back(part, lead_);
    for (const Operand& operand : operands_) rows_.push_back(operand.rows());
    view_ = {rows_.data(),
             static_cast<int>(rows_.size()),
             bias_.defined() ? bias_.data_ptr<float>() : nullptr,
             parts[0].size(-1),
             /*scale=*/nullptr,
             /*shift=*/nullptr,
             kind};
  }
  void set(const Affine& affine) {
    affine_ = affine;
    view_.scale = affine_.scale();
    view_.shift = affine_.shift();
  }
  /// [rows] float32, one on average; undefined if rows count alike.
  void set_share(const torch::Tensor& share) {
    share_ = share;
    view_.share = share.defined() ? share.data_ptr<float>() : nullptr;
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
  torch::Tensor bias_, share_;
  Affine affine_;
  std::vector<Operand> operands_;
  std::vector<ops::Rows> rows_;
  JoinedRows view_;
};

struct Moments {
  torch::Tensor mean, variance;  // [width] float64
};

// What each row counts for, [rows], one on average; undefined if rows count alike.
torch::Tensor shares_of(const std::optional<Normalisation>& norm, at::IntArrayRef lead) {
  if (!norm || !norm->by_batch || !norm->share.defined()) return {};
  auto share = norm->share;
  // A row stands for all that share it along dimensions it has not.
  while (share.dim() > static_cast<int64_t>(lead.size())) share = share.sum(0);
  for (int64_t i = 1; i <= share.dim(); ++i) {
    if (share.size(-i) != 1 && share.size(-i) != lead[lead.size() - static_cast<size_t>(i)]) {
      return {};
    }
  }
  const auto of_rows = share.detach().expand(lead).reshape(-1);
  return of_rows / of_rows.mean();
}

Moments batch_moments(const Joined& joined, const torch::Tensor& running_mean) {
  const int64_t width = joined.width();
  // The running mean is near the batch's: centred there, the sums lose no digits.
  const auto centre = running_mean.contiguous();
  const float* at = centre.data_ptr<float>();
  PartSums<double> sums(2 * width);
  joined.parallel([&](int64_t begin, int64_t end, float* scratch) {
    double* sum = sums.mine();
    kernels().joined_moments(joined.view(), begin, end, at, sum, sum + width, scratch);
  });
  const double* total = sums.total();
  const auto n = static_cast<double>(joined.rows());
  const Moments moments{torch::empty({width}, torch::kFloat64),
                        torch::empty({width}, torch::kFloat64)};
  auto* mean = moments.mean.data_ptr<double>();
  auto* variance = moments.variance.data_ptr<double>();
  for (int64_t j = 0; j < width; ++j) {
    const double offset = total[j] / n;
    mean[j] = static_cast<double>(at[j]) + offset;
    variance[j] = std::max(total[width + j] / n - offset * offset, 0.0);
  }
  return moments;
}

void move_towards(const Moments& moments, double n, const Normalisation& norm) {
  norm.running_mean.lerp_(moments.mean.to(torch::kFloat32), norm.momentum);
  norm.running_variance.lerp_((moments.variance * (n / (n - 1))).to(torch::kFloat32),
                              norm.momentum);
}

Affine normalised(const Normalisation& norm, const Joined& joined) {
  const int64_t width = joined.width();
  Moments moments;
  if (norm.by_batch) {
    moments = batch_moments(joined, norm.running_mean);
    if (norm.collect) move_towards(moments, static_cast<double>(joined.rows()), norm);
  } else {
    moments = {norm.running_mean.to(torch::kFloat64), norm.running_variance.to(torch::kFloat64)};
  }
  const auto* mean = moments.mean.data_ptr<double>();
  const auto* variance = moments.variance.data_ptr<double>();
  const auto weight = norm.weight.accessor<float, 1>();
  const auto bias = norm.bias.accessor<float, 1>();
  const Affine affine(width);
  float* means = affine.mean();
  float* deviations = affine.deviation();
  float* scales = affine.scale();
  float* shifts = affine.shift();
  for (int64_t j = 0; j < width; ++j) {
    const double deviation = std::sqrt(variance[j] + norm.epsilon);
    const double scale = static_cast<double>(weight[j]) / deviation;
    means[j] = static_cast<float>(mean[j]);
    deviations[j] = static_cast<float>(deviation);
    scales[j] = static_cast<float>(scale);
    shifts[j] = static_cast<float>(static_cast<double>(bias[j]) - mean[j] * scale);
  }
  return affine;
}

// The gradients of batch norm's own parameters, and how that of its rows follows from theirs.
struct AffineGradient {
  torch::Tensor weight, shift;                    // [width]
  torch::Tensor by_gradient, by_value, constant;  // [width]

  ops::NormGradient view() const {
    if (!by_gradient.defined()) return {nullptr, nullptr, nullptr};
    return {by_gradient.data_ptr<float>(), by_value.data_ptr<float>(), constant.data_ptr<float>()};
  }
};

AffineGradient gradient_of(const Affine& affine, bool by_batch, const Joined& joined,
                           const ops::Rows& g) {
  const int64_t width = joined.width();
  PartSums<double> sums(2 * width);
  joined.parallel([&](int64_t begin, int64_t end, float* scratch) {
    double* sum = sums.mine();
    kernels().joined_gradient_moments(joined.view(), g, begin, end, affine.mean(), sum, sum + width,
                                      scratch);
  });
  const double* total = sums.total();
  const auto n = static_cast<double>(joined.rows());
  const float* means = affine.mean();
  const float* deviations = affine.deviation();
  const float* scales = affine.scale();
  const AffineGradient out{torch::empty({width}), torch::empty({width}), affine.rows()[2],
                           torch::zeros({width}), torch::zeros({width})};
  auto* to_weight = out.weight.data_ptr<float>();
  auto* to_shift = out.shift.data_ptr<float>();
  auto* by_value = out.by_value.data_ptr<float>();
  auto* constant = out.constant.data_ptr<float>();
  for (int64_t j = 0; j < width; ++j) {
    const auto deviation = static_cast<double>(deviations[j]);
    const double by_shift = total[j];
    const double by_weight = total[width + j] / deviation;
    to_shift[j] = static_cast<float>(by_shift);
    to_weight[j] = static_cast<float>(by_weight);
    if (!by_batch) continue;
    // d/dh of the batch's own mean and variance.
    const auto scale = static_cast<double>(scales[j]);
    const double slope = -scale * by_weight / deviation / n;
    by_value[j] = static_cast<float>(slope);
    constant[j] = static_cast<float>(-scale * by_shift / n - slope * static_cast<double>(means[j]));
  }
  return out;
}

// A part that several rows of the result read, and the sum of their gradients.
struct Shared {
  const Operand* operand;
  PartSums<float> sums;

  explicit Shared(const Operand& part) : operand(&part), sums(part.values().numel()) {}
};

struct Activate : torch::autograd::Function<Activate> {
  static torch::Tensor forward(AutogradContext* context, at::TensorList parts,
                               const c10::optional<torch::Tensor>& given_bias,
                               const c10::optional<torch::Tensor>& /*norm's weight: has gradients*/,
                               const c10::optional<torch::Tensor>& /*norm's bias: likewise*/,
                               const Settings& settings, const std::optional<Normalisation>& norm) {
    const auto bias = given_bias.value_or(torch::Tensor());
    Joined joined(parts, bias, settings.kind);
    const auto share = shares_of(norm, joined.lead());
    joined.set_share(share);
    Affine affine;
    if (norm) affine = normalised(*norm, joined);
    joined.set(affine);
    auto shape = joined.lead();
    shape.push_back(settings.kind == Activation::gated ? joined.width() / 2 : joined.width());
    auto out = torch::empty(shape, parts[0].options().dtype(settings.out));
    void* data = out.data_ptr();
    const bool bf16 = settings.out == torch::kBFloat16;
    joined.parallel([&](int64_t begin, int64_t end, float*) {
      kernels().joined_forward(joined.view(), begin, end, data, bf16);
    });

    variable_list saved = {bias, affine.rows(), share};
    saved.insert(saved.end(), parts.begin(), parts.end());
    context->save_for_backward(saved);
    context->saved_data["kind"] = static_cast<int64_t>(settings.kind);
    context->saved_data["by_batch"] = norm && norm->by_batch;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::TensorList parts(saved.data() + 3, saved.size() - 3);
    const auto kind = static_cast<Activation>(context->saved_data["kind"].toInt());
    const Affine affine(saved[1]);
    Joined joined(parts, saved[0], kind);
    joined.set(affine);
    joined.set_share(saved[2]);
    const int64_t width = joined.width();
    const auto g = gradients[0].contiguous();
    const ops::Rows g_rows{g.data_ptr(), g.scalar_type() == torch::kBFloat16, nullptr};

    AffineGradient norm;
    if (affine.rows().defined()) {
      norm = gradient_of(affine, context->saved_data["by_batch"].toBool(), joined, g_rows);
    }
    const ops::NormGradient through_norm = norm.view();

    // Parts of every row share one gradient; so do parts that are broadcast alike.
    std::vector<Shared> shared;
    std::vector<size_t> shared_of(parts.size());
    torch::Tensor to_full;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Operand& operand = joined.operands()[i];
      if (!operand.broadcast()) {
        if (!to_full.defined()) to_full = torch::empty_like(operand.values());
        continue;
      }
      const auto same = std::find_if(shared.begin(), shared.end(), [&](const Shared& other) {
        return other.operand->row() == operand.row();
      });
      shared_of[i] = static_cast<size_t>(same - shared.begin());
      if (same == shared.end()) shared.emplace_back(operand);
    }
    const bool with_bias = saved[0].defined();
    PartSums<float> bias_sums(with_bias ? width : 0);
    void* full_data = to_full.defined() ? to_full.data_ptr() : nullptr;
    const bool full_bf16 = to_full.defined() && to_full.scalar_type() == torch::kBFloat16;
    joined.parallel([&](int64_t begin, int64_t end, float*) {
      std::vector<ops::Sink> sinks;
      if (with_bias) sinks.push_back({bias_sums.mine(), nullptr});
      for (Shared& part : shared) {
        sinks.push_back({part.sums.mine(), part.operand->row().data()});
      }
      kernels().joined_backward(joined.view(), g_rows, through_norm, begin, end, full_data,
                                full_bf16, sinks.data(), static_cast<int>(sinks.size()));
    });

    variable_list out;
    for (size_t i = 0; i < parts.size(); ++i) {
      out.push_back(
          joined.operands()[i].broadcast()
              ? tensor_of(shared[shared_of[i]].sums, parts[i].sizes(), parts[i].scalar_type())
              : to_full.view(parts[i].sizes()));
    }
    out.push_back(with_bias ? tensor_of(bias_sums, {width}, torch::kFloat32) : torch::Tensor());
    out.push_back(norm.weight);
    out.push_back(norm.shift);
    out.emplace_back();
    out.emplace_back();
    return out;
  }
};

// Batch norm of rows that count differently. h: [..., width]; share: [rows].
torch::Tensor normalised_by_shares(const torch::Tensor& h, const torch::Tensor& share,
                                   const Normalisation& norm) {
  const auto rows = h.reshape({-1, h.size(-1)});
  const auto mean = (share.unsqueeze(1) * rows).mean(0);
  const auto variance = (share.unsqueeze(1) * (rows - mean).square()).mean(0);
  if (norm.collect) {
    const auto n = static_cast<double>(rows.size(0));
    norm.running_mean.lerp_(mean.detach(), norm.momentum);
    norm.running_variance.lerp_(variance.detach() * (n / (n - 1)), norm.momentum);
  }
  const auto scale = norm.weight / (variance + norm.epsilon).sqrt();
  return (rows - mean).mul(scale).add(norm.bias).view(h.sizes());
}

}  // namespace

torch::Tensor activate_by_aten(const std::vector<torch::Tensor>& parts, const torch::Tensor& bias,
                               Activation kind, at::ScalarType out,
                               const std::optional<Normalisation>& norm) {
  auto h = bias.defined() ? parts[0] + bias : parts[0];
  for (size_t i = 1; i < parts.size(); ++i) h = h + parts[i];
  if (const auto share = shares_of(norm, ops::leading(h.sizes())); share.defined()) {
    h = normalised_by_shares(h, share, *norm);
  } else if (norm) {
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
    case Activation::leaky_relu:
      h = torch::leaky_relu(h, static_cast<double>(ops::kLeak));
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
  const int64_t width = parts[0].size(-1);
  for (const auto& part : parts) {
    TORCH_CHECK(part.size(-1) == width, "activate: parts of ", width, " and of ", part.size(-1));
  }
  TORCH_CHECK(kind != Activation::gated || width % 2 == 0, "activate: no halves of ", width);
  if (norm && ops::count(joint_lead(parts)) == 1) norm->by_batch = norm->collect = false;
  const bool fits =
      parts.size() <= ops::kMostParts && std::all_of(parts.begin(), parts.end(), ops::fits_kernels);
  if (!fits) {
    return activate_by_aten(parts, bias, kind, out, norm);
  }
  const auto weight = norm ? ops::if_defined(norm->weight) : c10::nullopt;
  const auto shift = norm ? ops::if_defined(norm->bias) : c10::nullopt;
  return Activate::apply(at::TensorList(parts), ops::if_defined(bias), weight, shift,
                         Settings{kind, out}, norm);
}

}  // namespace clade
