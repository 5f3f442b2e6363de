"""Clade's models in eager PyTorch: the baseline that Clade's own steps are compared with.

    /usr/bin/python3 benchmarks/eager.py cp_vae_10 train_step --threads 2 --precision bf16

runs with Debian's python3-torch (1.13.1) and prints one line of JSON: milliseconds of a repeat,
their number, and the most memory the process held. Models, sizes and defaults are those of
clade/models, and so are initial weights but for models with convolutions, which have PyTorch's;
on 784 features under a Bernoulli likelihood.

  train_step  100 of 50,000 resident rows, binarised; the bound, the cluster summed out exactly with
              all K * 100 rows in one go; its gradient; Adam's step. gmvae_mnist takes 50 rows and
              one draw of z and w for each, gmvae_mnist_10 ten draws; vlac_svhn 100 of 10,000
              images of colours, and relaxed clusters.
  evaluate    log importance weights of 100 points and their log-mean-exp over 1000 samples, 100
              samples at a time. S = 5000 on 10,000 points is 500 times that.
  cluster     q(y|x) of 10,000 points; of 1000 points over 100 draws of z1 for cagem.
  setup       from the start of the process to the end of its first train step, once.

bf16 is torch.autocast over the forward pass: parameters, densities and sums stay in float32. On a
GPU (--device cuda, from PyTorch 2 on) only steps are timed, a hundred between two waits for it; tf32
is its float32 for matrix units. Of the environment only OPENBLAS_CORETYPE and OMP_NUM_THREADS are set; the allocator is the caller's.
"""
import argparse
import functools
import itertools
import json
import math
import os
import resource
import statistics
import time
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

CONVOLUTIONAL = ["gmvae_mnist", "gmvae_mnist_10", "vlac_svhn"]
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("case", choices=["vae", "cp_vae_10", "cp_vae_150", "cp_vae_500", "cagem",
                                     *CONVOLUTIONAL])
parser.add_argument("what", choices=["train_step", "evaluate", "cluster", "setup"])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
parser.add_argument("--seconds", type=float, default=3, help="of repeats; there are three at least")
OPTIONS = parser.parse_args()
if OPTIONS.case == "vae" and OPTIONS.what == "cluster":
  parser.error("vae has no clusters")
if OPTIONS.case in CONVOLUTIONAL and OPTIONS.what in ("evaluate", "cluster"):
  parser.error(f"{OPTIONS.case} has only train_step and setup")
if (OPTIONS.device, OPTIONS.precision) == ("cpu", "tf32"):
  parser.error("tf32 is a GPU's")
if OPTIONS.device == "cuda" and OPTIONS.what != "train_step":
  parser.error("on a GPU there is only train_step")
os.environ.pop("OPENBLAS_CORETYPE", None)  # it may hold OpenBLAS to older kernels than the CPU's
os.environ["OMP_NUM_THREADS"] = str(OPTIONS.threads)  # OpenMP and OpenBLAS read it as they load

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

FEATURES, BATCH = 784, 100
SAMPLES, SAMPLES_AT_A_TIME, POINTS_AT_A_TIME = 1000, 100, 1000
LOG_2PI = math.log(2 * math.pi)


class Gaussian(NamedTuple):
  mean: Tensor  # [..., d]
  log_variance: Tensor  # [..., d]

  def rsample(self, *samples: int) -> Tensor:  # [*samples, ..., d]
    noise = torch.randn(*samples, *self.mean.shape)
    return torch.addcmul(self.mean, (0.5 * self.log_variance).exp(), noise)

  def log_prob(self, z: Tensor) -> Tensor:  # [..., d] -> [...]
    distance = ((z - self.mean).square() * (-self.log_variance).exp()).sum(-1)
    return -0.5 * (distance + self.log_variance.sum(-1) + z.shape[-1] * LOG_2PI)


def gaussian(heads: Tensor, low: float, high: float) -> Gaussian:  # [..., 2d]
  mean, log_variance = heads.float().chunk(2, -1)
  return Gaussian(mean, log_variance.clamp(low, high))


def kl(q: Gaussian, p: Gaussian) -> Tensor:  # [...]
  ratio = (q.log_variance.exp() + (q.mean - p.mean).square()) * (-p.log_variance).exp()
  return 0.5 * ((ratio - q.log_variance).sum(-1) + (p.log_variance - 1).sum(-1))


def kl_to_standard(q: Gaussian) -> Tensor:  # [...]
  return 0.5 * (q.log_variance.exp() + q.mean.square() - q.log_variance - 1).sum(-1)


def standard_log_prob(z: Tensor) -> Tensor:  # [..., d] -> [...]
  return -0.5 * (z.square().sum(-1) + z.shape[-1] * LOG_2PI)


def bits_log_prob(logits: Tensor, x: Tensor) -> Tensor:
  """log p of the bits x [B, D] under logits [..., B, D], which may be written over -> [..., B]."""
  # x l - softplus(l) is -softplus(-l) for a one and -softplus(l) for a zero. The product is in
  # place except where autograd would see it through a view, whose gradient takes copies.
  in_place = not torch.is_grad_enabled() or logits.dtype != torch.float32
  signed = logits.float().mul_(1 - 2 * x) if in_place else logits * (1 - 2 * x)
  return -F.softplus(signed).sum(-1)


class Join(nn.Module):
  """W_1 parent_1 + ... + table[y] + b, [..., out], each product at its parent's own size.

  y is an index [...]; without it a layer that has clusters takes them all, [K, 1, out].
  """

  def __init__(self, widths: Sequence[int], out: int, clusters: int = 0, silent: bool = False,
               bias: bool = True, deviation: float = 0, fan_out: int = 0):
    super().__init__()
    bound = math.sqrt(6 / (sum(widths) + clusters + (fan_out or out)))

    def weight(*shape: int) -> nn.Parameter:
      w = torch.empty(shape)
      return nn.Parameter(w.normal_(0, deviation) if deviation else w.uniform_(-bound, bound))

    self.weights = nn.ParameterList([weight(out, width) for width in widths])
    self.table = weight(clusters, out) if clusters else None
    if silent:
      nn.init.zeros_(self.table)
    self.bias = nn.Parameter(torch.zeros(out)) if bias else None

  def forward(self, *parents: Tensor, y: Optional[Tensor] = None) -> Tensor:
    bias = self.bias if self.table is None else None
    terms = [F.linear(parents[0], self.weights[0], bias)]
    terms += [F.linear(parent, w) for parent, w in zip(parents[1:], self.weights[1:])]
    if self.table is not None:
      table = (self.table if self.bias is None else self.table + self.bias).to(terms[0].dtype)
      terms.append(table.unsqueeze(1) if y is None else F.embedding(y, table))
    total, *rest = sorted(terms, key=Tensor.numel, reverse=True)
    for term in rest:
      # No backward pass needs a product's output: the sum takes its place where it fits.
      fits = torch.broadcast_shapes(total.shape, term.shape) == total.shape
      total = total.add_(term) if fits else total + term
    return total


class TrunkOptions(NamedTuple):
  gated: bool  # a * sigmoid(b); otherwise batch normalisation and ReLU
  hidden: Tuple[int, ...]
  head_deviation: float = 0  # of the weights of the heads on it; 0: Glorot's


GATED = TrunkOptions(True, (300, 300))
DENSE = TrunkOptions(False, (1024, 512), 1e-3)


class Trunk(nn.Module):
  def __init__(self, widths: Sequence[int], options: TrunkOptions, clusters: int = 0,
               silent: bool = False):
    super().__init__()
    self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
    for width in options.hidden:
      # Batch normalisation takes away any bias before it.
      self.layers.append(Join(widths, (1 + options.gated) * width, clusters, silent,
                              bias=options.gated, fan_out=width))
      if not options.gated:
        self.norms.append(nn.BatchNorm1d(width))
      widths, clusters, silent = [width], 0, False

  def forward(self, *parents: Tensor, y: Optional[Tensor] = None) -> Tensor:
    for i, layer in enumerate(self.layers):
      h = layer(*parents, y=y if i == 0 else None)  # [..., width]
      if self.norms:
        h = F.relu(self.norms[i](h.flatten(0, -2)), inplace=True).view(h.shape)
      else:
        h = F.glu(h, -1)
      parents = (h,)
    return h


class Conditional(nn.Module):
  """A trunk and `heads` linear heads of one size as one product, [..., heads * out]."""

  def __init__(self, widths: Sequence[int], out: int, options: TrunkOptions, clusters: int = 0,
               silent: bool = False, heads: int = 1):
    super().__init__()
    self.trunk = Trunk(widths, options, clusters, silent)
    self.head = Join(options.hidden[-1:], heads * out, deviation=options.head_deviation,
                     fan_out=out)

  def forward(self, *parents: Tensor, y: Optional[Tensor] = None) -> Tensor:
    return self.head(self.trunk(*parents, y=y))


class Vae(nn.Module):
  def __init__(self, latent: int = 40):
    super().__init__()
    self.q_z = Conditional([FEATURES], latent, GATED, heads=2)
    self.p_x = Conditional([latent], FEATURES, GATED)

  def elbo(self, x: Tensor) -> Tensor:  # [B, D] -> [B]
    q_z = gaussian(self.q_z(x), -6, 2)  # [B, d]
    return bits_log_prob(self.p_x(q_z.rsample()), x) - kl_to_standard(q_z)

  def log_weights(self, x: Tensor, samples: int) -> Tensor:  # [B, D] -> [S, B]
    q_z = gaussian(self.q_z(x), -6, 2)
    z = q_z.rsample(samples)  # [S, B, d]
    return bits_log_prob(self.p_x(z), x) + standard_log_prob(z) - q_z.log_prob(z)


class CpVae(nn.Module):
  def __init__(self, clusters: int, latent: int = 40):
    super().__init__()
    self.hidden = Trunk([FEATURES], GATED)
    self.q_y = Join(GATED.hidden[-1:], clusters)
    self.q_z = Join(GATED.hidden[-1:], 2 * latent, clusters, silent=True, fan_out=latent)
    self.p_z_mean = nn.Parameter(0.1 * torch.randn(clusters, latent))
    self.p_z_log_variance = nn.Parameter(torch.zeros(clusters, latent))
    self.p_x = Conditional([latent], FEATURES, GATED, clusters, silent=True)

  def elbo(self, x: Tensor) -> Tensor:  # [B, D] -> [B]
    h = self.hidden(x)  # [B, H]
    log_q_y = F.log_softmax(self.q_y(h).float(), -1).t()  # [K, B]
    q_z = gaussian(self.q_z(h), -6, 2)  # [K, B, d]
    p_z = Gaussian(self.p_z_mean.unsqueeze(1), self.p_z_log_variance.clamp(-6, 2).unsqueeze(1))
    per_cluster = bits_log_prob(self.p_x(q_z.rsample()), x) - kl(q_z, p_z)  # [K, B]
    return (log_q_y.exp() * (per_cluster - log_q_y)).sum(0) - math.log(len(log_q_y))

  def log_weights(self, x: Tensor, samples: int) -> Tensor:  # [B, D] -> [S, B]
    h = self.hidden(x)
    log_q_y = F.log_softmax(self.q_y(h).float(), -1)  # [B, K]
    y = torch.multinomial(log_q_y.exp(), samples, replacement=True)  # [B, S]
    log_ratio_y = -math.log(log_q_y.shape[-1]) - log_q_y.gather(-1, y).t()  # [S, B]
    y = y.t()  # [S, B]
    q_z = gaussian(self.q_z(h, y=y), -6, 2)  # [S, B, d]
    z = q_z.rsample()
    p_z = Gaussian(self.p_z_mean[y], self.p_z_log_variance.clamp(-6, 2)[y])
    return bits_log_prob(self.p_x(z, y=y), x) + p_z.log_prob(z) - q_z.log_prob(z) + log_ratio_y

  def q_y_given(self, x: Tensor) -> Tensor:  # [B, D] -> [B, K]
    return F.softmax(self.q_y(self.hidden(x)).float(), -1)


class Cagem(nn.Module):
  def __init__(self, clusters: int = 10, latent1: int = 64, latent2: int = 32):
    super().__init__()
    self.q_z1 = Conditional([FEATURES], latent1, DENSE, heads=2)
    self.q_y = Conditional([FEATURES, latent1], clusters, DENSE)
    self.q_z2 = Conditional([FEATURES, latent1], latent2, DENSE, clusters, heads=2)
    self.p_y = Conditional([latent2], clusters, DENSE)
    self.p_z1 = Conditional([latent2], latent1, DENSE, clusters, heads=2)
    self.p_x = Conditional([latent1], FEATURES, DENSE, clusters)

  def elbo(self, x: Tensor) -> Tensor:  # [B, D] -> [B]
    q_z1 = gaussian(self.q_z1(x), -12, 6)  # [B, d1]
    z1 = q_z1.rsample()
    log_q_y = F.log_softmax(self.q_y(x, z1).float(), -1).t()  # [K, B]
    q_z2 = gaussian(self.q_z2(x, z1), -12, 6)  # [K, B, d2]
    z2 = q_z2.rsample()
    log_p_y = F.log_softmax(self.p_y(z2).float(), -1).diagonal(0, 0, 2).t()  # of [K, B, K], [K, B]
    p_z1 = gaussian(self.p_z1(z2), -12, 6)  # [K, B, d1]
    per_cluster = (bits_log_prob(self.p_x(z1), x) + p_z1.log_prob(z1) + log_p_y - log_q_y -
                   kl_to_standard(q_z2))  # [K, B]
    return (log_q_y.exp() * per_cluster).sum(0) - q_z1.log_prob(z1)

  def log_weights(self, x: Tensor, samples: int) -> Tensor:  # [B, D] -> [S, B]
    q_z1 = gaussian(self.q_z1(x), -12, 6)
    z1 = q_z1.rsample(samples)  # [S, B, d1]
    log_q_y = F.log_softmax(self.q_y(x, z1).float(), -1)  # [S, B, K]
    y = torch.multinomial(log_q_y.exp().flatten(0, 1), 1).view(log_q_y.shape[:-1])  # [S, B]
    q_z2 = gaussian(self.q_z2(x, z1, y=y), -12, 6)  # [S, B, d2]
    z2 = q_z2.rsample()
    log_p_y = F.log_softmax(self.p_y(z2).float(), -1)  # [S, B, K]
    log_ratio_y = (log_p_y - log_q_y).gather(-1, y.unsqueeze(-1)).squeeze(-1)
    p_z1 = gaussian(self.p_z1(z2, y=y), -12, 6)  # [S, B, d1]
    return (bits_log_prob(self.p_x(z1, y=y), x) + p_z1.log_prob(z1) - q_z1.log_prob(z1) +
            log_ratio_y + standard_log_prob(z2) - q_z2.log_prob(z2))

  def q_y_given(self, x: Tensor, draws: int = 100, at_a_time: int = 10) -> Tensor:  # [B, K]
    q_z1 = gaussian(self.q_z1(x), -12, 6)
    return sum(F.softmax(self.q_y(x, q_z1.rsample(at_a_time)).float(), -1).sum(0)
               for _ in range(draws // at_a_time)) / draws


def normed(layer: nn.Module, leak: float = 0) -> nn.Sequential:
  """A layer without a bias, which batch norm would take away; batch norm; (leaky) ReLU."""
  norm = (nn.BatchNorm1d(layer.out_features) if isinstance(layer, nn.Linear) else
          nn.BatchNorm2d(layer.out_channels))
  activation = nn.LeakyReLU(leak, inplace=True) if leak else nn.ReLU(inplace=True)
  return nn.Sequential(layer, norm, activation)


class Gmvae(nn.Module):
  def __init__(self, draws: int, clusters: int = 10, latent: int = 200, latent_w: int = 150):
    super().__init__()
    self.draws, self.clusters, self.latent, self.latent_w = draws, clusters, latent, latent_w
    maps = (64, 9, 9)
    units = math.prod(maps)
    self.q = nn.Sequential(
        normed(nn.Conv2d(1, 16, 6, bias=False)), normed(nn.Conv2d(16, 32, 6, bias=False)),
        normed(nn.Conv2d(32, 64, 4, 2, 1, bias=False)), nn.Flatten(),
        normed(nn.Linear(units, 500, bias=False)), nn.Linear(500, 2 * (latent_w + latent)))
    self.p_z = nn.Sequential(nn.Linear(latent_w, 500), nn.Tanh(),
                             nn.Linear(500, 2 * clusters * latent))
    # A transposed convolution of stride 1 is a convolution with other padding, which oneDNN computes
    # and so is faster, but for one channel.
    self.p_x = nn.Sequential(
        normed(nn.Linear(latent, 500, bias=False)), normed(nn.Linear(500, units, bias=False)),
        nn.Unflatten(1, maps), normed(nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False)),
        normed(nn.Conv2d(32, 16, 6, 1, 5, bias=False)), nn.ConvTranspose2d(16, 1, 6))

  def elbo(self, x: Tensor) -> Tensor:  # [B, 1, H, W] -> [B], eq. 4 of the paper
    of_w, of_z = self.q(x).split([2 * self.latent_w, 2 * self.latent], -1)
    q_w, q_z = gaussian(of_w, -12, 6), gaussian(of_z, -12, 6)  # [B, d]
    w, z = q_w.rsample(self.draws), q_z.rsample(self.draws)  # [M, B, d]
    of_all = gaussian(self.p_z(w), -12, 6)  # [M, B, K * d]
    p_z = Gaussian(*(part.unflatten(-1, (self.clusters, self.latent)) for part in of_all))
    log_q_y = F.log_softmax(p_z.log_prob(z.unsqueeze(-2)), -1)  # p(y|z,w), [M, B, K]
    kl_z = kl(Gaussian(*(part.unsqueeze(-2) for part in q_z)), p_z)  # [M, B, K]
    kl_y_z = (log_q_y.exp() * (log_q_y + kl_z)).sum(-1) + math.log(self.clusters)
    logits = self.p_x(z.flatten(0, 1)).view(self.draws, len(x), -1)  # [M, B, D]
    return (bits_log_prob(logits, x.flatten(1)) - kl_y_z).mean(0) - kl_to_standard(q_w)


class Vlac(nn.Module):
  """Four levels, from maps to maps but for the last; the third has clusters."""

  def __init__(self, clusters: int = 50, latents: Sequence[int] = (5, 5, 5, 10)):
    super().__init__()
    maps = [(3, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4)]
    self.g, self.q_z = nn.ModuleList(), nn.ModuleList()
    self.map_of_z, self.f = nn.ModuleList(), nn.ModuleList()
    act = functools.partial(normed, leak=0.1)
    same = functools.partial(nn.Conv2d, kernel_size=4, padding="same", bias=False)
    for below, own, latent in zip(maps, maps[1:], latents):
      channels, units = own[0], math.prod(own)
      known = units + (clusters if own == maps[-1] else 0)
      self.g.append(nn.Sequential(act(nn.Conv2d(below[0], channels, 4, 2, 1, bias=False)),
                                  act(same(channels, channels))))
      self.q_z.append(nn.Linear(known, 2 * latent))
      self.map_of_z.append(nn.Sequential(act(nn.Linear(latent, units, bias=False)),
                                         nn.Unflatten(1, own)))
      # Of stride 1 there are plain convolutions both ways, see Gmvae.
      back = nn.ConvTranspose2d(channels, below[0], 4, 2, 1, bias=below == maps[0])
      self.f.append(nn.Sequential(act(same(2 * channels, channels)),
                                  back if below == maps[0] else act(back)))
    self.q_y = nn.Linear(units, clusters)  # of the last map, as what follows
    self.g.append(nn.Sequential(act(nn.Linear(known, 1024, bias=False)),
                                act(nn.Linear(1024, 1024, bias=False))))
    self.q_z.append(nn.Linear(1024, 2 * latents[-1]))
    self.f.append(nn.Sequential(act(nn.Linear(latents[-1], 1024, bias=False)),
                                act(nn.Linear(1024, 1024, bias=False)),
                                act(nn.Linear(1024, units, bias=False)), nn.Unflatten(1, maps[-1])))
    self.p_z_mean = nn.Parameter(0.1 * torch.randn(clusters, latents[2]))
    self.p_z_log_variance = nn.Parameter(torch.zeros(clusters, latents[2]))
    self.log_scale = nn.Parameter(torch.full(maps[0], -2.3))

  def elbo(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> [B]
    h, known = x, []
    for g in self.g[:3]:
      h = g(h)  # [B, C, H, W]
      known.append(h.flatten(1))
    log_q_y = F.log_softmax(self.q_y(known[2]).float(), -1)  # [B, K]
    y = F.gumbel_softmax(log_q_y)  # of temperature 1
    known[2] = torch.cat([known[2], y.to(h.dtype)], -1)
    known.append(self.g[3](known[2]))
    q_z = [gaussian(q(h), -6, 2) for q, h in zip(self.q_z, known)]  # [B, d] each
    z = [q.rsample() for q in q_z]
    above = self.f[3](z[3])  # [B, C, H, W]
    for level in (2, 1, 0):
      above = self.f[level](torch.cat([self.map_of_z[level](z[level]), above], 1))
    location = above.float().sigmoid()
    log_p_x = levels_log_prob(location, self.log_scale.clamp(-8, 1), x).flatten(1).sum(-1)
    with torch.autocast(OPTIONS.device, enabled=False):
      p_z = Gaussian(y @ self.p_z_mean, (y @ self.p_z_log_variance).clamp(-6, 2))  # [B, d]
    kl_y = (log_q_y.exp() * log_q_y).sum(-1) + math.log(log_q_y.shape[-1])
    kl_z = kl(q_z[2], p_z) + sum(kl_to_standard(q_z[level]) for level in (0, 1, 3))
    return log_p_x - kl_y - kl_z


def levels_log_prob(location: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
  """log P of the level k / 255 nearest to x under a logistic distribution, of each number."""
  level = (x * 255).round() / 255
  inverse_scale = (-log_scale).exp()
  below = (level - 0.5 / 255 - location) * inverse_scale
  above = (level + 0.5 / 255 - location) * inverse_scale
  first, last = level == 0, level == 1
  inner = (-torch.expm1(-inverse_scale / 255)).log().masked_fill(first | last, 0)
  sides = F.logsigmoid(above).masked_fill(last, 0) + F.logsigmoid(-below).masked_fill(first, 0)
  return sides + inner


MODELS = {
    "vae": Vae, "cp_vae_10": functools.partial(CpVae, 10),
    "cp_vae_150": functools.partial(CpVae, 150), "cp_vae_500": functools.partial(CpVae, 500),
    "cagem": Cagem, "gmvae_mnist": functools.partial(Gmvae, 1),
    "gmvae_mnist_10": functools.partial(Gmvae, 10), "vlac_svhn": Vlac,
}


class TrainData(NamedTuple):
  shape: Tuple[int, ...] = (FEATURES,)
  points: int = 50000
  batch: int = BATCH
  bits: bool = True


MNIST_IMAGES = TrainData((1, 28, 28), batch=50)
TRAIN_DATA = {"gmvae_mnist": MNIST_IMAGES, "gmvae_mnist_10": MNIST_IMAGES,
              "vlac_svhn": TrainData((3, 32, 32), points=10000, bits=False)}


def grey_levels(points: int, shape: Sequence[int] = (FEATURES,)) -> Tensor:
  """[N, *shape], at most a thousand different rows."""
  copies = max(points // 1000, 1)
  return torch.rand(min(points, 1000), *shape).repeat(copies, *(1 for _ in shape))


def train_step(model: nn.Module, autocast: Callable) -> Callable[[], Tensor]:
  shape, points, batch, bits = TRAIN_DATA.get(OPTIONS.case, TrainData())
  data = grey_levels(points, shape)
  batches = itertools.cycle(torch.randperm(points).split(batch))
  adam = torch.optim.Adam(model.parameters(), lr=5e-4)  # foreach is no faster on CPUs

  def run() -> Tensor:
    x = data.index_select(0, next(batches))  # [B, *shape]
    x = torch.bernoulli(x) if bits else x
    with autocast():
      loss = -model.elbo(x).mean()
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()
    return loss.detach()

  return run


def evaluate(model: nn.Module, autocast: Callable) -> Callable[[], Tensor]:
  x = torch.bernoulli(grey_levels(BATCH))
  model.eval()

  @torch.inference_mode()
  def run() -> Tensor:  # [B]
    log_sums = []
    for _ in range(SAMPLES // SAMPLES_AT_A_TIME):
      with autocast():
        log_weights = model.log_weights(x, SAMPLES_AT_A_TIME)  # [S, B]
      log_sums.append(log_weights.double().logsumexp(0))
    return torch.stack(log_sums).logsumexp(0) - math.log(SAMPLES)

  return run


def cluster(model: nn.Module, autocast: Callable) -> Callable[[], Tensor]:
  x = torch.bernoulli(grey_levels(1000 if isinstance(model, Cagem) else 10000))
  model.eval()

  @torch.inference_mode()
  def run() -> Tensor:  # [N, K]
    with autocast():
      return torch.cat([model.q_y_given(rows) for rows in x.split(POINTS_AT_A_TIME)])

  return run


def seconds_since_process_start() -> float:
  with open("/proc/self/stat") as stat:
    ticks = int(stat.read().rpartition(")")[2].split()[19])
  return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def time_of(run: Callable[[], Tensor]) -> float:
  repeats = 100 if OPTIONS.device == "cuda" else 1
  start = time.perf_counter()
  for _ in range(repeats):
    run()
  if OPTIONS.device == "cuda":
    torch.cuda.synchronize()
  return (time.perf_counter() - start) / repeats


def main() -> None:
  torch.set_num_threads(OPTIONS.threads)
  torch.manual_seed(1)
  if OPTIONS.device == "cuda":
    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = OPTIONS.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = OPTIONS.precision == "tf32"
  autocast = functools.partial(torch.autocast, OPTIONS.device, torch.bfloat16,
                               OPTIONS.precision == "bf16")
  work = {"evaluate": evaluate, "cluster": cluster}.get(OPTIONS.what, train_step)
  run = work(MODELS[OPTIONS.case](), autocast)
  run()
  times = [seconds_since_process_start()]
  if OPTIONS.what != "setup":
    run()
    times, end = [], time.perf_counter() + OPTIONS.seconds
    while len(times) < 3 or time.perf_counter() < end:
      times.append(time_of(run))
  print(json.dumps({
      "case": OPTIONS.case, "what": OPTIONS.what, "threads": OPTIONS.threads,
      "precision": OPTIONS.precision, "median_ms": round(1e3 * statistics.median(times), 3),
      "best_ms": round(1e3 * min(times), 3), "repeats": len(times),
      "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}))


if __name__ == "__main__":
  main()
