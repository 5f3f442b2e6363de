#include "clade/core/require.h"

#include <algorithm>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

[[noreturn]] void refuse(const std::string& key, double value, const char* must, double bound) {
  std::ostringstream message;
  message << key << " is " << value << "; it must be " << must << " " << bound;
  throw ConfigError(message.str());
}

}  // namespace

void require_one_of(const std::string& key, const std::string& value,
                    const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw ConfigError(key + " is \"" + value + "\"; it must be " + one_of(allowed));
  }
}

// Written so that NaN is refused too.
void require_at_least(const std::string& key, double value, double least) {
  if (!(value >= least)) refuse(key, value, "at least", least);
}

void require_each_at_least(const std::string& key, const std::vector<int64_t>& values,
                           double least) {
  for (const int64_t value : values) require_at_least(key, static_cast<double>(value), least);
}

void require_at_most(const std::string& key, double value, double most) {
  if (!(value <= most)) refuse(key, value, "at most", most);
}

void require_above(const std::string& key, double value, double bound) {
  if (!(value > bound)) refuse(key, value, "above", bound);
}

}  // namespace clade
