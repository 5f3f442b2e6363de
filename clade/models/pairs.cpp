#include "clade/models/pairs.h"

#include <algorithm>

namespace clade {
namespace {

bool is_gaussian(const Site& site) {
  const auto* mixture = std::get_if<GaussianMixture>(&site.distribution);
  return mixture == nullptr || mixture->size() == 1;
}

}  // namespace

std::vector<Pair> pairs(const Trace& p, const Trace& q) {
  std::vector<std::string> inferred;
  std::map<std::string, std::vector<std::string>> before;
  for (const Site& site : q.sites()) {
    before[site.name] = inferred;
    inferred.push_back(site.name);
  }
  std::vector<Pair> all;
  for (size_t i = p.sites().size(); i-- > 0;) {
    const Site& site = p.sites()[i];
    const auto& known = before[site.name];
    const bool closed =
        std::all_of(p.sites().begin(), p.sites().begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Site& above) {
                      return std::find(known.begin(), known.end(), above.name) != known.end();
                    });
    all.push_back({site, q.at(site.name), closed && is_gaussian(site)});
  }
  return all;
}

GaussianMixture as_mixture(const Site& site) {
  if (const auto* mixture = std::get_if<GaussianMixture>(&site.distribution)) return *mixture;
  return GaussianMixture::of_one(std::get<DiagonalGaussian>(site.distribution));
}

}  // namespace clade
